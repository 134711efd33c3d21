"""Whether what came of ill treatment is an answer that its user can act on.

An answer is an error of the pack's own that names what it is about, the value that it found there,
and what is needed in its place.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devkit import places
from models.files.names import is_file

ANSWERS = (ValueError, FileNotFoundError)

WORDS = {
    "IMAGE": ("picture", "image", "frame", "clip", "video", "shot"),
    "MASK": ("mask", "region", "brush", "depth"),
    "TRACKS": ("track", "path", "point", "drawn"),
    "MOTION_FIELD": ("field", "flow", "step", "motion"),
    "LATENT": ("latent",),
    "MODEL": ("model",),
    "TEXT": ("text", "JSON", "track", "point", "coordinate", "format", "drawing"),
    "FILE": ("file",),
    "BOUNDING_BOX": ("box",),
    "SAM3_TRACK_DATA": ("tracked",),
    "DRAWING": ("drawing", "text", "editor's document", r"paths\["),
}
"""What a message may call a thing of a type, beside the input's own name; an `s` may follow."""

TO_DO = (
    *("give", "set", "use", "connect", "choose", "pick", "draw", "paint", "load", "resize"),
    *("bring", "make", "leave", "get", "save", "download", "put", "divide", "encode", "round"),
    *("start", "sample", "copy", "lower", "disconnect", "keep", "subtract", "shrink"),
)
ADVICE = rf"(?:^|[,;:.(] (?:or )?)(?i:{'|'.join(TO_DO)})\b"
NEEDED = (
    *(r"\bneed(?:s|ed)?\b", r"\bmust\b", r"\bat (?:least|most)\b", r"\bone of\b", r"\bexpect\w+"),
    *(r"\bmultiples? of\b", r"\b(?:in|of|to|has|is) \S+\.\.\S+", r"\b(?:allowed|reads|takes?)\b"),
    *(r"[,;] (?:and )?(?:not|got) ", r"\bgave no [A-Z]", r"\beach \w+ is\b", r"\bstay within\b"),
    ADVICE,
    r"\bdownloaded to its end\b",
)
"""A message says what is needed by one of these: a bound, a shape, choices, what to do."""

BOUNDS = (
    *(r"\b(?:in|of|to|has|is) \S+\.\.\S+", r"\[[^\]'\"]*[a-z]{3}[^\]'\"]*,[^\]'\"]*\]"),
    *(r"\bone of th.se\b.*", r"\bexpected one of\b.*", r"\b(?:needs?|must) [^,;:.]*"),
    *(r"\bat (?:least|most) \S+", r"\bfrom \S+ to \S+", r"\bmultiples? of \d+"),
    r"\b(?:set|to|or|choose|with|connect|from|node) (?:\"[^\"]*\"|'[^']*')",
)
"""What says what is needed, and is no value that was found, whatever numbers are in it."""

FOUND = (
    *(r"\d", r"'[^']*'", r'"[^"]*"', r">>>", r"\[\]|\{\}"),
    r"\b(?:str|int|float|bool|list|dict|tuple)\b",
    r"(?i)\b(?:nan|inf|infinite|infinity|none|null|true|false|missing|empty|nothing)\b",
    *(r"\bis (?:on|off)\b", r"\bthis is \w+", r"\b(?:no|only|both|neither|the format) \w+"),
    *(r"\b(?:one|two) (?!of\b)\w+", r"\b[A-Z]\w*Type\b"),
)
"""A message tells what was found by one of these: a value, a position, a type, or that it lacks."""


VALUES = re.compile(r"-?[\d.]+(?:e[-+]\d+)?|'[^']*'|\"[^\"]*\"|>>>.*")
"""What differs between two messages that say the same."""
KIND = 120
"""Letters by which messages differ that say something else."""


@dataclass(frozen=True)
class Given:
    """What an answer may be about.

    Args:
        name: an input's id, or a file's name.
        kind: the socket's type, or a key of WORDS.
        value: what the input was given.
        bad: whether that is damaged.
    """

    name: str
    kind: str
    value: Any = None
    bad: bool = False

    def named_in(self, message: str) -> bool:
        """Whether a message speaks of it."""
        own = re.escape(self.name).replace("_", "[ _]")
        words = "|".join((own, *WORDS.get(self.kind, ())))
        return bool(re.search(rf"(?<![a-z])(?:{words})s?(?![a-z])", message, re.IGNORECASE))

    def told_in(self, message: str) -> bool:
        """Whether a message tells the value, where that is a short one."""
        value = self.value[0] if isinstance(self.value, list) and self.value else self.value
        if self.kind == "BOOLEAN":
            forms = [repr(value)[:9], str(bool(value)), " on", " off"]
        elif isinstance(value, str) and self.kind not in WORDS:
            forms = [repr(value)[1:9], "empty" if not value.strip() else value[:8]]
        elif isinstance(value, int | float):
            forms = [repr(value)[:20], f"{value:g}" if abs(value) < 1e300 else repr(value)[:9]]
        else:
            return True  # of many values
        return any(form.lower() in message.lower() for form in forms)


def kind_of(name: str, socket: str) -> str:
    """An input's kind for Given, by its id and its socket's type."""
    if is_file(name):
        return "FILE"
    return {"text": "TEXT", "drawing": "DRAWING"}.get(name, socket)


def place_of(error: BaseException) -> tuple[str, int, str]:
    """File, line and function that raised an error."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename, frame.lineno or 0, frame.name


def is_own(file: Path) -> bool:
    """Whether a file is the pack's; libraries, which may lie in .dev, tell some files without a
    folder."""
    return file.is_absolute() and (
        file.resolve().is_relative_to(places.ROOT)
        and not file.resolve().is_relative_to(places.PRIVATE.resolve())
    )


def fault_of(error: BaseException, given: Sequence[Given] = ()) -> str | None:
    """What is wrong with an error, or None where it is an answer about what was given."""
    file, line, function = place_of(error)
    own = is_own(Path(file))
    where = f"{Path(file).name}:{line} {function}"
    return fault_in(
        type(error).__name__, str(error), own and isinstance(error, ANSWERS), where, given
    )


def fault_in(
    kind: str, message: str, is_answer: bool, where: str, given: Sequence[Given]
) -> str | None:
    """As `fault_of`, of an error that a host tells of."""
    if not is_answer:
        return f"{kind} in {where}: {message:.200}"
    if (lacking := lacks(message, given)) is not None:
        return f"{kind} in {where} does not {lacking}: {message!r:.300}"
    return None


def lacks(message: str, given: Sequence[Given]) -> str | None:
    """What a message fails to say; None where it says all that its user needs."""
    named = [one for one in given if one.named_in(message)]
    if not named:
        return "name what it is about"
    if not any(re.search(pattern, message) for pattern in NEEDED):
        return "say what is needed"
    about = re.split(ADVICE, message)[0] or message  # what to change may be something else
    bad = [one for one in given if one.bad and one.named_in(about)]
    rest = message
    for one in given:  # a path has numbers of its own
        rest = rest if one.kind else re.sub(rf"\S*{re.escape(one.name)}", "", rest)
    for pattern in BOUNDS:
        rest = re.sub(pattern, "", rest)
    if not any(re.search(pattern, rest) for pattern in FOUND):
        return "tell what was found"
    if bad and not any(one.told_in(message) for one in bad):
        return f"tell the value of {bad[0].name}"
    return None


def names_damage(message: str, given: Sequence[Given]) -> bool:
    """Whether a message speaks of something that was damaged; where nothing was, of anything."""
    bad = [one for one in given if one.bad]
    return not bad or any(one.named_in(message) for one in bad)


class Failures(list[str]):
    """What did not hold, a sentence each."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: set[str] = set()

    def tell(self, fault: str, case: str) -> None:
        """Adds a fault and the case that it came of; of faults of one kind, the first only."""
        kind = VALUES.sub("", fault)[:KIND]
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.append(f"{fault} [{case}]")
