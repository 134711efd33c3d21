"""Names of files that come from a prompt: what they may be, and that they stay in a folder."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST = 200
"""Bytes of a file's or folder's name; systems allow 255, of which an ending and a number take some.
"""
DEEPEST = 1000
"""Bytes of all of it."""
DEVICE = r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ .]*(\..*|:.*)?"
"""What Windows takes for a device, in any folder and with any ending."""


def is_file(name: str) -> bool:
    """Whether an input chooses a file: one that is not listed may be there all the same."""
    return name == "file" or name.endswith("_file")


def check_name(name: object, what: str) -> str:
    """A relative name of a file, perhaps in folders, with either slash.

    Raises:
        ValueError: for one that is none, or that a system takes for something else than a file.
    """
    if not isinstance(name, str):
        raise ValueError(f"{what} {name!r:.80} is not a name, but a {type(name).__name__}")
    parts = name.replace("\\", "/").split("/")
    size = len(name.encode("utf-8", "replace"))
    found = f"{what} {name[:80]!r}{'...' if len(name) > 80 else ''}"
    if not name.strip() or not parts[-1].strip():
        raise ValueError(f"{found} names no file; give it a name")
    if size > DEEPEST or any(len(part.encode("utf-8", "replace")) > LONGEST for part in parts):
        raise ValueError(
            f"{found} is {size} bytes long; {DEEPEST} are allowed, and {LONGEST} between two "
            "slashes: choose a shorter one"
        )
    if odd := next((letter for letter in name if not letter.isprintable()), None):
        raise ValueError(f"{found} holds {odd!r}, which is no letter: leave it out")
    if device := next((part for part in parts if re.fullmatch(DEVICE, part.strip())), None):
        raise ValueError(f"{found}: {device!r} is a device on Windows, not a file; choose another")
    return name


def inside(root: str | Path, name: object, what: str) -> Path:
    """The real path of a name in a folder, links followed.

    Raises:
        ValueError: as `check_name`; for '..', an absolute name, or a link that leads outside.
    """
    text = check_name(name, what).replace("\\", "/")
    try:
        real_root, real = Path(root).resolve(), Path(root, text).resolve()
        if any(path.is_symlink() for path in (real, *real.parents)):
            raise OSError("a link leads to itself")  # of which later Pythons say nothing
        within = real.is_relative_to(real_root) and ".." not in text.split("/")
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{what} {text!r} cannot be followed to a file: {error}") from None
    if not within or Path(text).is_absolute() or re.match(r"[a-z]:", text, re.I):
        raise ValueError(
            f"{what} {text!r} lies outside: name a file inside the {Path(root).name} folder, "
            "without '..', and not by an absolute path or a link"
        )
    return real
