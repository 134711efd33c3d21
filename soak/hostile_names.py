"""Names of files in prompts that lead outside the host's folders, or to no file at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

UP = "../" * 12
ENDINGS = (".safetensors", ".flo [output]", ".bin")
STEMS = (
    "",
    " ",
    ".",
    "..",
    "/",
    "\\",
    "../secret",
    "..\\secret",
    "a/../../secret",
    "a/./../../secret",
    "{root}/secret",
    UP + "{root}/secret",
    "link",
    "folder/secret",
    "folder/new/secret",
    "loop",
    "gone",
    "CON",
    "nul",
    "a/AUX",
    "COM1",
    "lpt9",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/environ",
    "C:/secret",
    "C:secret",
    "\\\\server\\share\\secret",
    "//server/share/secret",
    "file:///secret",
    "~/secret",
    "$HOME/secret",
    "%2e%2e/secret",
    "a\0b",
    "\0",
    "../secret\0.flo",
    "a\nb",
    "\x1b[31mred",
    "a" * 300,
    "a/" * 600 + "b",
    "a" * 100_000,
    "\ud800",
    "blake3:" + "0" * 64,
    "secret.flo:stream",
    "fifo",
)
OTHERS = (None, 3, 2.5, True, ["../secret.flo"], {"file": "../secret.flo"}, b"../secret.flo")


def names_that_lead_outside(folder: Path) -> Iterator[str]:
    """Gives every name to every input that takes one; yields what went wrong, "" where nothing.

    Args:
        folder: where the host's folders are put, and what lies outside them.
    """
    import folder_paths
    from motion_i2v.models.host import folders
    from motion_i2v.models.types.motion_field import still
    from motion_i2v.nodes.field_files import MotionI2VLoadMotionField as Load
    from motion_i2v.nodes.field_files import MotionI2VSaveMotionField as Save

    root = folder / "names"
    inside = _lay_out(root)
    folder_paths.set_input_directory(str(inside["input"]))
    folder_paths.set_output_directory(str(inside["output"]))
    folder_paths.folder_names_and_paths[folders.NAME] = ([str(inside["models"])], {".bin"})
    field = still(2, (8, 8))
    before = _listing(root)
    stems = [stem.replace("{root}", str(root)) for stem in STEMS]
    ended = [stem + ending for stem in stems for ending in ENDINGS]
    for name in (*stems, *ended, *OTHERS):
        if name is not None:  # what comes over a link is not known yet
            yield _tried("Load Motion Field checks", name, lambda n: _must(Load.validate_inputs(n)))
        yield _tried("Load Motion Field", name, lambda n: Load.execute(n))
        yield _tried("Load Motion Field asks for changes", name, Load.fingerprint_inputs, any=True)
        yield _tried("a loader", name, lambda n: _outside(folders.path_of(n), root / "host"))
        yield _tried("a loader asks for changes", name, folders.fingerprint, any=True)
        yield _tried("Save Motion Field checks", name, Save.validate_inputs, any=True)
        if name not in ended:  # what is written gets an ending of its own
            for format in ("safetensors", "flo"):
                save = partial(_saved, Save, field, format)
                yield _tried("Save Motion Field", name, save, any=True)
            after = _listing(root)
            yield f"{name!r:.80} wrote {sorted(after - before)}" if after != before else ""
            before = after
    shutil.rmtree(root)


def _lay_out(root: Path) -> dict[str, Path]:
    """The host's folders, with links out of them, and secrets beside them."""
    from motion_i2v.models.fields.field_formats import save_flo, save_safetensors
    from motion_i2v.models.types.motion_field import still

    inside = {name: root / "host" / name for name in ("input", "output", "models")}
    outside = root / "outside"
    outside.mkdir(parents=True)
    for place in (outside, root, root / "host"):
        place.mkdir(exist_ok=True)
        save_safetensors(still(2, (8, 8)), place / "secret.safetensors")
        save_flo(still(2, (8, 8)), place / "secret")
        shutil.copy(place / "secret0001.flo", place / "secret.flo")
        torch.save({"x": torch.zeros(2)}, place / "secret.bin")
    for place in inside.values():
        (place / "a").mkdir(parents=True)
        (place / "folder").symlink_to(outside)
        for ending in (".flo", ".safetensors", ""):
            (place / f"link{ending}").symlink_to(outside / f"secret{ending}")
            (place / f"loop{ending}").symlink_to(place / f"loop{ending}")
            (place / f"gone{ending}").symlink_to(outside / f"gone{ending}")
            os.mkfifo(place / f"fifo{ending}")
    return inside


def _listing(root: Path) -> set[str]:
    """What lies outside the host's folders, and what is in it."""
    found = set()
    for place, _, names in os.walk(root):
        if not Path(place).is_relative_to(root / "host" / "output"):
            found |= {f"{place}/{n}:{os.lstat(os.path.join(place, n)).st_size}" for n in names}
            found.add(place)
    return found


def _saved(node: Any, field: Any, format: str, name: Any) -> None:
    node.execute(field, name, format)


def _must(answer: bool | str) -> None:
    """A check that answers in words refuses."""
    if answer is not True:
        raise ValueError(answer)


def _outside(path: str, host: Path) -> None:
    """A model may be a link that the user made; a name may not lead out of the folders."""
    if not Path(os.path.normpath(path)).is_relative_to(host / "models"):
        raise AssertionError(f"{path} was opened")
    raise ValueError("inside")


def _tried(what: str, name: object, take: Callable[[Any], object], any: bool = False) -> str:
    """What is wrong with how a name was taken; `any`: it may be taken, too."""
    try:
        take(name)
        return "" if any else f"{what}: {name!r:.80} was taken"
    except ValueError as error:
        return "" if str(error) else f"{what}: {name!r:.80} was refused without words"
    except Exception as error:
        return f"{what}: {name!r:.80} ended in {type(error).__name__}: {error}"
