"""A node that shows its frames in itself, as a small moving picture among the temporary files."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from .sockets import shows_itself

SIDE = 512
"""Longest side of the moving picture."""

MILLISECONDS = 125
"""Of each frame."""


def shown(frames: torch.Tensor) -> dict[str, Any]:
    """What a NodeOutput takes to show frames [F, H, W, 3]; {} where the host would not show them.

    The file is named by its content: the same frames are written once.
    """
    if not shows_itself():
        return {}
    import folder_paths

    pictures = [_small(frame) for frame in frames]
    digest = hashlib.sha256(b"".join(picture.tobytes() for picture in pictures))
    name = f"motion_i2v_{digest.hexdigest()[:24]}.webp"
    file = Path(folder_paths.get_temp_directory()) / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        first, *others = pictures
        moving = {"save_all": True, "append_images": others, "duration": MILLISECONDS, "loop": 0}
        first.save(file, quality=85, method=2, **moving)
    image = {"filename": name, "subfolder": "", "type": "temp"}
    return {"ui": {"images": [image], "animated": (len(pictures) > 1,)}}


def _small(frame: torch.Tensor) -> Any:
    from PIL import Image

    pixels = frame[..., :3].detach().cpu().float().clamp(0, 1).mul(255).round().byte().numpy()
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE))
    return picture
