"""What a rollout of MCDiff is made of, small: networks, a picture, and ways to go."""

from pathlib import Path
from typing import Any

import torch
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.tracks import Tracks

from tests import narrow_mcdiff, small_files

WIDTH, HEIGHT = 32, 24


def load_model(folder: Path) -> Any:
    from motion_i2v.models.host.future_frame import load_future_frame
    from motion_i2v.models.host.mcdiff_file import read_mcdiff

    return load_future_frame(read_mcdiff(narrow_mcdiff.write_mcdiff(folder / "mcdiff.safetensors")))


def load_vae(folder: Path) -> Any:
    from motion_i2v.models.files.checkpoints import read_checkpoint
    from motion_i2v.models.host.small_networks import load_image_vae

    return load_image_vae(read_checkpoint(small_files.write_part(folder, "image_vae"), "image_vae"))


class Completer:
    """Stands in for flow completion: the mean of what the strokes say, and what the frame shows."""

    side = 128

    def complete(self, picture, tracks, step, side=None):
        assert tracks.size == (picture.shape[2], picture.shape[1])
        moved = (tracks.points[step + 1] - tracks.points[step]).mean(0)
        return moved.view(2, 1, 1) + picture[0, ..., :2].movedim(-1, 0) - 0.5


def picture(width: int = WIDTH, height: int = HEIGHT, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, height, width, 3, generator=generator)


def tracks(frames: int = 6, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Tracks:
    """One point, faster and faster."""
    time = torch.arange(frames).float()
    points = torch.stack([10 + 3 * time, 12 + time.square() / 4], dim=-1)[:, None]
    return Tracks(points, torch.ones(frames, 1, dtype=torch.bool), size)


def sliding(frames: int = 6, by: tuple[float, float] = (1.5, -0.5)) -> MotionField:
    """Everything moves by so many pixels a frame."""
    time = torch.arange(frames).float().view(-1, 1, 1, 1)
    return MotionField(
        (time * torch.tensor(by).view(2, 1, 1)).expand(-1, -1, HEIGHT, WIDTH).clone()
    )
