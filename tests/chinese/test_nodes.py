"""Every text of the nodes has a Chinese twin that says the same, and no twin is left over."""

import re

import pytest

from tests.chinese import texts
from tests.host_process import HostProcess

# What vue-i18n reads in a message as something else than text.
SYNTAX = re.compile(r"[{}@|]")
HAN = re.compile(r"[一-鿿]")


@pytest.fixture(scope="module")
def info(host: HostProcess) -> dict:
    return host.object_info()


@pytest.fixture(scope="module")
def english(info) -> texts.Texts:
    return texts.english(info)


@pytest.fixture(scope="module")
def chinese() -> texts.Texts:
    return texts.chinese()


def test_every_english_text_has_a_chinese_twin(english, chinese):
    assert [key for key in english if not chinese.get(key)] == []


def test_no_chinese_text_is_left_over(english, chinese):
    """Inputs that only newer hosts have keep theirs on the others."""
    newer = tuple(f"nodeDefs.{node}.inputs.{name}." for node, name in texts.NEWER)
    assert [key for key in chinese if key not in english and not key.startswith(newer)] == []


def test_sentences_are_chinese(chinese):
    sentences = {
        key: text for key, text in chinese.items() if re.search("(tooltip|description)$", key)
    }
    assert sentences
    assert [key for key, text in sentences.items() if not HAN.search(text)] == []


def test_numbers_are_those_of_the_english(english, chinese):
    both = english.keys() & chinese.keys()
    wrong = [key for key in both if texts.numbers(chinese[key]) != texts.numbers(english[key])]
    assert [(key, chinese[key]) for key in wrong] == []


def test_options_are_named_as_the_page_shows_them(info, chinese):
    """Options of a combo are not translated by the page, so a tooltip says them in English."""
    lost = []
    for name, node in texts.ours(info).items():
        for input_name, options in texts.options_of(node).items():
            told = texts.inputs_of(node)[input_name][1]["tooltip"]
            twin = chinese[f"nodeDefs.{name}.inputs.{input_name}.tooltip"]
            explained = [option for option in options if f"{option}:" in told]
            lost += [(name, input_name, option) for option in explained if option not in twin]
    assert lost == []


def test_labels_of_a_node_differ(info, chinese):
    """Two inputs, or two outputs, with one label could not be told apart."""
    for name, node in texts.ours(info).items():
        own = f"nodeDefs.{name}"
        given = [chinese[f"{own}.inputs.{key}.name"] for key in texts.inputs_of(node)]
        made = [chinese[f"{own}.outputs.{n}.name"] for n in range(len(node["output"]))]
        for labels in (given, made):
            assert len(set(labels)) == len(labels), (name, labels)


def test_titles_of_nodes_differ(chinese):
    titles = [text for key, text in chinese.items() if key.endswith(".display_name")]
    assert len(set(titles)) == len(titles)


def test_nodes_that_a_text_names_are_there(chinese):
    """Nodes stand in Chinese quotation marks: one of ours under its title, or the host's."""
    titles = {text for key, text in chinese.items() if key.endswith(".display_name")}
    labels = {text for key, text in chinese.items() if key.endswith(".name")}
    hosts = {"CLIP文本编码", "VAE编码", "创建边界框", "加载图像", "曲线编辑器", "缩放CFG"}
    hosts |= {"随机噪波"}
    prose = {"图像加 15 帧", "去向何处", "来自何处"}
    named = {name for text in chinese.values() for name in re.findall("“([^”]+)”", text)}
    assert named - titles - labels - hosts - prose == set()


def test_no_text_is_taken_for_a_message_format(chinese):
    assert [(key, text) for key, text in chinese.items() if SYNTAX.search(text)] == []


def test_the_host_serves_them(host, chinese):
    served = dict(texts.leaves(host.get("/i18n")["zh"]))
    assert {key: served.get(key) for key in chinese} == chinese
