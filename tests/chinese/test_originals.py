"""The Chinese is the translation of today's English, not of what it was before a change."""

import json

from tests.chinese import texts


def test_the_chinese_is_of_this_english(host):
    noted = json.loads(texts.ORIGINALS.read_text("utf-8"))
    now = texts.originals(host.object_info())
    changed = sorted(name for name in now.keys() | noted.keys() if now.get(name) != noted.get(name))
    assert changed == [], (
        "this English was changed, added or removed: bring its Chinese up to date (locales/zh, "
        "js/docs/<id>/zh.md, README.zh.md), then run `python -m tests.chinese`"
    )
