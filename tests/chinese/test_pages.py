"""Every help page and the README has a Chinese twin, built alike, that leaves nothing out."""

import re
from pathlib import Path

import pytest

from tests.chinese import markdown, texts
from tests.host_process import HostProcess

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "js" / "docs"
WORD = re.compile("[A-Za-z]{3,}")


def twin_of(page: Path) -> Path:
    """Where the Chinese twin lies: for help pages, where the page of ComfyUI looks for it."""
    return ROOT / "README.zh.md" if page.name == "README.md" else page.with_suffix("") / "zh.md"


PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
TWINS = [page for page in PAGES if twin_of(page).is_file()]
EACH = pytest.mark.parametrize("page", TWINS, ids=lambda page: page.stem)


@pytest.fixture(scope="module")
def nodes(host: HostProcess) -> dict:
    return texts.ours(host.object_info())


def pairs(page: Path) -> list[tuple[markdown.Part, markdown.Part]]:
    """Returns the parts of a page beside those of its twin."""
    both = (markdown.parts(file.read_text("utf-8")) for file in (page, twin_of(page)))
    return list(zip(*both, strict=True))


def test_every_page_has_a_twin_and_every_twin_a_page():
    assert [str(page) for page in PAGES if not twin_of(page).is_file()] == []
    left_over = [str(twin) for twin in DOCS.glob("*/*") if twin not in map(twin_of, PAGES)]
    assert left_over == []


@EACH
def test_it_is_built_alike(page):
    english, chinese = (
        [part.kind for part in markdown.parts(file.read_text("utf-8"))]
        for file in (page, twin_of(page))
    )
    assert chinese == english


@EACH
def test_code_links_and_numbers_are_kept(page):
    for part, twin in pairs(page):
        assert markdown.code(twin.text) == markdown.code(part.text), twin.text
        assert texts.numbers(twin.text) == texts.numbers(part.text), twin.text
        # The two READMEs link to each other.
        kept = [link.replace("README.zh.md", "README.md") for link in markdown.links(part.text)]
        assert markdown.links(twin.text) == kept, twin.text


@EACH
def test_emphasis_is_kept(page):
    for part, twin in pairs(page):
        assert len(markdown.bold(twin.text)) == len(markdown.bold(part.text)), twin.text
        assert len(markdown.italic(twin.text)) == len(markdown.italic(part.text)), twin.text
        assert markdown.unrendered(twin.text) == []


@EACH
def test_every_part_is_translated(page):
    """A row of figures or pictures may stay as it is."""
    same = [part.text for part, twin in pairs(page) if twin.text == part.text]
    assert [text for text in same if len(WORD.findall(markdown.prose(text))) > 1] == []


@EACH
def test_nodes_have_the_titles_that_the_page_shows(page, nodes):
    titles = {
        node["display_name"]: texts.chinese()[f"nodeDefs.{name}.display_name"]
        for name, node in nodes.items()
    }
    if page.stem in nodes:
        title = titles[nodes[page.stem]["display_name"]]
        assert twin_of(page).read_text("utf-8").startswith(f"# {title}\n")
    for part, twin in pairs(page):
        for title in named(part.text, titles):
            assert titles[title] in twin.text, twin.text


def named(text: str, titles: dict[str, str]) -> list[str]:
    """Returns the titles that stand in a text, but not within a longer one."""
    found = []
    for title in sorted(titles, key=len, reverse=True):
        pattern = rf"\b{re.escape(title)}(?!\w)"
        if re.search(pattern, text):
            found.append(title)
            text = re.sub(pattern, "", text)
    return found


@EACH
def test_inputs_and_outputs_have_the_labels_that_the_page_shows(page, nodes):
    labels = labels_of(page.stem, nodes[page.stem]) if page.stem in nodes else {}
    for part, twin in pairs(page):
        for words, label in zip(markdown.bold(part.text), markdown.bold(twin.text), strict=True):
            names = words.split(", ")
            for name, own in zip(names, label.split("、") if names[1:] else [label], strict=True):
                assert own in labels.get(name, {own}), (twin.text, labels[name])


def labels_of(name: str, node: dict) -> dict[str, set[str]]:
    """Returns, for each input, output and option of a node, what the page shows in Chinese."""
    chinese, own = texts.chinese(), f"nodeDefs.{name}"
    offered = {option for options in texts.options_of(node).values() for option in options}
    labels = {option: {option} for option in offered}
    for key in texts.inputs_of(node):
        labels.setdefault(key, set()).add(chinese[f"{own}.inputs.{key}.name"])
    for number, key in enumerate(node["output_name"]):
        labels.setdefault(key, set()).add(chinese[f"{own}.outputs.{number}.name"])
    return labels


@EACH
def test_options_are_named_as_the_page_shows_them(page, nodes):
    """ComfyUI's page does not translate what a combo offers."""
    options = {
        option
        for node in nodes.values()
        for given in texts.options_of(node).values()
        for option in given
    }
    for part, twin in pairs(page):
        shown = [word for word in markdown.italic(part.text) if word in options]
        assert [word for word in shown if word not in markdown.italic(twin.text)] == [], twin.text


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_the_host_serves_it_where_the_page_asks_for_it(page, host: HostProcess):
    import urllib.request

    address = f"{host.url}/extensions/ComfyUI-MotionI2V/docs/{page.stem}/zh.md"
    with urllib.request.urlopen(address) as answer:
        assert answer.read().decode() == twin_of(page).read_text("utf-8")
