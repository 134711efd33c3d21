"""`python -m devkit.typed`: mypy over all that is typed, with the pack as the package that it is.

The pack's files import each other relatively, across its rooms, and ComfyUI knows the pack by its
folder. That folder's name need not be one that Python can write: here it goes by a link's. Without
it everything that nodes/ takes from models/ would be of any type.
"""

from __future__ import annotations

import sys
from pathlib import Path

from devkit import places
from devkit.host import put_pack
from devkit.rooms import SHIPPED, TOPS

FOLDER = places.ROOT / ".mypy_cache" / "pack"
NAME = "motion_i2v"
"""As in testing/pack.py."""
ROOMS = tuple(f"{NAME}.{room}" if room in SHIPPED else room for room in TOPS)
SETTINGS = ("--config-file", str(places.ROOT / "pyproject.toml"))


def link() -> Path:
    """Puts the pack under its name, and returns where."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    put_pack(FOLDER, NAME)
    return FOLDER / NAME


def mypy(*what: str) -> tuple[str, int]:
    """Runs mypy; what it finds, by files of the checkout, and its exit code."""
    from mypy import api

    within = f"{link().relative_to(places.ROOT)}/"
    found, failed, code = api.run([*SETTINGS, *what])
    return (found + failed).replace(within, ""), code


def main() -> int:
    rooms = (word for room in ROOMS for word in ("-p", room))
    said, code = mypy(*rooms, "-m", "dev")
    print(said, end="")
    return code


if __name__ == "__main__":
    sys.exit(main())
