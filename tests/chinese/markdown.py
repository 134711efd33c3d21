"""What a Markdown text and its translation have in common: its build, code, links and emphasis."""

import re
from dataclasses import dataclass

ITEM = re.compile(r"^( *)(-|\d+\.) ")
CODE = re.compile(r"`([^`]+)`")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
ITALIC = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")
LINK = re.compile(r"\]\(([^)]+)\)")


@dataclass
class Part:
    """A heading, paragraph, list item, table row or line of a code block.

    Args:
        kind: what it is, with what a translation keeps of it: the level of a heading, indent and
            mark of a list item, number of cells of a row, a command without its comment.
        text: the whole of it, over its lines.
    """

    kind: str
    text: str


def parts(text: str) -> list[Part]:
    """Splits a Markdown text; wrapped lines belong to the part that they go on with."""
    found: list[Part] = []
    fenced, ended = False, True
    for line in text.splitlines():
        if line.startswith("```"):
            fenced, ended = not fenced, True
            found.append(Part(line, ""))
        elif fenced:
            found.append(Part("code: " + line.split("#")[0].strip(), line.partition("#")[2]))
        elif not line.strip():
            ended = True
        elif kind := _kind(line):
            found.append(Part(kind, line))
            ended = kind.startswith("#")
        elif ended:
            found.append(Part("paragraph", line))
            ended = False
        else:
            found[-1].text += " " + line.strip()
    return found


def _kind(line: str) -> str | None:
    """What begins with this line, if it is no plain text."""
    if line.startswith("#"):
        return line.split(" ")[0]
    if line.startswith("|"):
        return f"row of {line.count('|')}"
    item = ITEM.match(line)
    return f"item {len(item[1])} {item[2]}" if item else None


def code(text: str) -> list[str]:
    return sorted(CODE.findall(text))


def links(text: str) -> list[str]:
    return sorted(LINK.findall(text))


def prose(text: str) -> str:
    """Returns the text without code, and without links and pictures."""
    return re.sub(r"!?\[[^]]*\]\([^)]*\)", "", CODE.sub("", text))


def bold(text: str) -> list[str]:
    return BOLD.findall(CODE.sub("", text))


def italic(text: str) -> list[str]:
    return ITALIC.findall(BOLD.sub("", CODE.sub("", text)))


def unrendered(text: str) -> list[str]:
    """Returns the emphasis that CommonMark shows as stars.

    Where no space is between a word and the stars, their inner side may not be punctuation.
    """
    found = []
    for match in [*BOLD.finditer(text), *ITALIC.finditer(BOLD.sub(_blank, text))]:
        before, after = text[: match.start()][-1:], text[match.end() :][:1]
        first, last = match[1][0], match[1][-1]
        if (before.isalnum() and not first.isalnum()) or (after.isalnum() and not last.isalnum()):
            found.append(match[0])
    return found


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
