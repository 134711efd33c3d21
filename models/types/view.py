"""How the user's picture becomes the networks' working picture, and the field comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from .motion_field import MotionField, check_size
from .tracks import Tracks

MULTIPLE = 8


@dataclass(frozen=True)
class View:
    """A box of the picture, seen at a working size.

    Args:
        picture: (W, H) of the user's picture.
        box: left, top, right and bottom of what is seen, in its pixels.
        size: (W, H) that the networks work at, multiples of 8.
    """

    picture: tuple[int, int]
    box: tuple[int, int, int, int]
    size: tuple[int, int]

    @property
    def box_size(self) -> tuple[int, int]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    def see(self, picture: torch.Tensor) -> torch.Tensor:
        """A picture [B, H, W, C] of any size as the networks see it, [B, H', W', C]."""
        left, top, right, bottom = self.box
        size = (picture.shape[2], picture.shape[1])
        x = picture.movedim(-1, 1).float()
        if size != self.picture:
            x = F.interpolate(x, size=self.picture[::-1], mode="bilinear", antialias=True)
        x = x[:, :, top:bottom, left:right]
        if self.box_size != self.size:
            x = F.interpolate(x, size=self.size[::-1], mode="bilinear", antialias=True)
        return x.movedim(1, -1)

    def see_mask(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask [H, W] or [B, H, W] of any size as the networks see it, [B, H', W'] in 0..1."""
        stacked = mask if mask.ndim == 3 else mask[None]
        return self.see(stacked[..., None])[..., 0].clamp(0, 1)

    def see_tracks(self, tracks: Tracks) -> Tracks:
        """Tracks over a picture of any size, in pixels of the working picture."""
        own = tracks.rescaled(self.picture)
        corner = own.points.new_tensor(self.box[:2])
        moved = replace(own, points=own.points - corner, size=self.box_size)
        return moved.rescaled(self.size)

    def see_field(self, field: MotionField) -> MotionField:
        """A field over a picture of any size, over the working picture."""
        own = field.resized(self.picture)
        left, top, right, bottom = self.box
        cut = MotionField(
            own.flow[:, :, top:bottom, left:right],
            None if own.visibility is None else own.visibility[:, top:bottom, left:right],
        )
        return cut.resized(self.size)

    def back(self, field: MotionField) -> MotionField:
        """A field over the working picture, over the user's own.

        What a crop left out gets the motion of the crop's nearest edge, so that nothing tears.
        """
        flow = field.resized(self.box_size).flow
        left, top, right, bottom = self.box
        margins = (left, self.picture[0] - right, top, self.picture[1] - bottom)
        if any(margins):
            flow = F.pad(flow, margins, mode="replicate")
        return MotionField(flow)


def fit(picture: tuple[int, int], width: int, height: int, crop: bool) -> View:
    """Chooses the view of a picture (W, H).

    Args:
        picture: the picture's size.
        width, height: working size, multiples of 8. Where one is 0 it follows the picture's
            proportions; where both are, the picture's own size is taken. Both to the nearest
            multiple of 8.
        crop: keep the picture's proportions and cut off what does not fit, about the centre;
            otherwise the whole picture is stretched.

    Raises:
        ValueError: for a working size that is not a multiple of 8.
    """
    check_size(picture)
    for name, value in (("width", width), ("height", height)):
        if value < 0 or value % MULTIPLE:
            raise ValueError(
                f"the working {name} must be 0 or a multiple of {MULTIPLE}, not {value}"
            )
    scale = width / picture[0] or height / picture[1] or 1.0
    size = (width or _rounded(picture[0] * scale), height or _rounded(picture[1] * scale))
    if not crop:
        return View(picture, (0, 0, *picture), size)
    scale = min(picture[0] / size[0], picture[1] / size[1])
    seen = [max(1, round(n * scale)) for n in size]
    left, top = ((own - part) // 2 for own, part in zip(picture, seen, strict=True))
    return View(picture, (left, top, left + seen[0], top + seen[1]), size)


def _rounded(pixels: float) -> int:
    return max(1, round(pixels / MULTIPLE)) * MULTIPLE
