"""What a node shows in itself, as WebP among the host's temporary files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..models.files.atomic import whole
from ..models.types.eight_bits import eight_bits
from .sockets import shows_itself

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 512
"""Longest side of the moving picture."""

MILLISECONDS = 125
"""Of each frame."""


def shown(frames: torch.Tensor) -> dict[str, Any]:
    """What a NodeOutput takes to show frames [F, H, W, 3] as a small moving picture.

    {} where the host would not show it.
    """
    if not shows_itself():
        return {}
    pictures = [picture_of(frame) for frame in frames]
    for picture in pictures:
        picture.thumbnail((SIDE, SIDE))
    file, is_new = temporary_file(pictures)
    if is_new:
        first, *others = pictures
        moving: dict[str, Any] = {"save_all": True, "append_images": others, "loop": 0}
        with whole(file) as part:
            first.save(part, "WEBP", quality=85, method=2, duration=MILLISECONDS, **moving)
    return {"ui": {"images": [told(file)], "animated": (len(pictures) > 1,)}}


def picture_of(frame: torch.Tensor) -> Image:
    """A frame [H, W, 3] in 0..1."""
    from PIL import Image

    return Image.fromarray(eight_bits(frame))


def temporary_file(pictures: Iterable[Image]) -> tuple[Path, bool]:
    """Where pictures belong, and whether they are still to be written there.

    The file is named by their content: the same ones are written once.
    """
    import folder_paths

    digest = hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()
    file = Path(folder_paths.get_temp_directory()) / f"motion_i2v_{digest[:24]}.webp"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file, not file.exists()


def told(file: Path) -> dict[str, Any]:
    """How the page is told of a temporary file."""
    return {"filename": file.name, "subfolder": "", "type": "temp"}
