"""A mask of a clip's pictures as a video model's latents see it: by cells, by groups of frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class LatentClip:
    """How large a clip's latents are, and what each of them stands for.

    Args:
        frames, height, width: of the latents.
        spatial: side in pixels of the cell that one latent pixel stands for.
        temporal: frames of the clip to each latent frame after the first, which stands for one.
    """

    frames: int
    height: int
    width: int
    spatial: int = 8
    temporal: int = 1

    @property
    def pictures(self) -> int:
        """Frames of the clip."""
        return (self.frames - 1) * self.temporal + 1

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the clip's pictures."""
        return self.height * self.spatial, self.width * self.spatial


def latent_frames(frames: int, factor: int) -> torch.Tensor:
    """[n + 1] int64: the frame that stands for each frame of a video model's latents.

    Such a model makes one latent frame of the first frame, and one of every `factor` after it: 81
    become 21. The nearest as `torch.nn.functional.interpolate` picks it, always one of those that
    the latent frame is made of.

    Raises:
        ValueError: for a factor below 1, or frames that are not `factor` n + 1.
    """
    if factor < 1:
        raise ValueError(f"a latent frame is made of at least 1 frame, not {factor}")
    more = (frames - 1) % factor
    if more:
        raise ValueError(
            f"a model with {factor} frames to a latent frame takes {factor}n + 1 of them, but the "
            f"field has {frames}: bring it to {frames - more} or {frames - more + factor} with "
            "'Retime Motion Field'"
        )
    count = (frames - 1) // factor + 1
    return torch.arange(count) * frames // count


def latent_mask(mask: torch.Tensor, clip: LatentClip) -> tuple[torch.Tensor, str]:
    """A mask for each latent frame, from one for each frame of the clip.

    A latent frame is given the mask of the frame that stands for it (`latent_frames`), and a cell
    its mean.

    Args:
        mask: [F, H, W] or [H, W] in 0..1: for every frame of the clip, or one for all of them, or
            in the latents' own frames; H x W in pixels, or in the latents' own size. Another size
            of the clip's proportions is resampled.

    Returns:
        [T, h, w] in the mask's dtype, and a note of what did not fit and was resampled, or "".

    Raises:
        ValueError: for no frames, NaN, values outside 0..1, another length or other proportions.
    """
    checked = _checked(mask)
    timed, cut = _in_latent_frames(checked, clip)
    placed, resampled = _in_place(timed, clip)
    cells = F.adaptive_avg_pool2d(placed[:, None], (clip.height, clip.width))[:, 0]
    return cells, " and ".join(note for note in (cut, resampled) if note)


def _checked(mask: torch.Tensor) -> torch.Tensor:
    if mask.ndim == 2:
        mask = mask[None]
    if mask.ndim != 3 or 0 in mask.shape:
        raise ValueError(
            "the mask of what is directed must be [frames, height, width] with at least one frame "
            f"and pixel, got {list(mask.shape)}"
        )
    low, high = mask.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"the mask's values lie in 0..1, got {float(low):.3g}..{float(high):.3g}: divide a "
            "mask of 0..255 by 255, and check it for NaN"
        )
    return mask if mask.is_floating_point() else mask.float()


def _in_latent_frames(mask: torch.Tensor, clip: LatentClip) -> tuple[torch.Tensor, str]:
    """[T or 1, H, W], and what to tell of it."""
    frames, note = len(mask), ""
    if frames in (1, clip.frames):
        return mask.expand(clip.frames, -1, -1), note
    if (frames - 1) // clip.temporal + 1 != clip.frames:
        raise ValueError(
            f"the mask has {frames} frames, but the latents' {clip.frames} frames stand for "
            f"{clip.pictures} (the first for one, the others for {clip.temporal} each): give a "
            f"mask of {clip.pictures} frames, of {clip.frames}, or of one for all"
        )
    if frames > clip.pictures:
        # Such a VAE leaves out the last frames, too.
        note = f"its last {frames - clip.pictures} frames, which the latents lack, are left out"
    return mask[latent_frames(clip.pictures, clip.temporal).to(mask.device)], note


def _in_place(mask: torch.Tensor, clip: LatentClip) -> tuple[torch.Tensor, str]:
    """The part of the masks that the latents show, and what to tell of it."""
    height, width = mask.shape[1:]
    full_height, full_width = clip.size
    if (height, width) in ((clip.height, clip.width), clip.size):
        return mask, ""
    over = (height - full_height, width - full_width)
    if all(0 <= more < clip.spatial for more in over):
        # As VAEs of the host cut pictures to whole cells.
        top, left = (more // 2 for more in over)
        return mask[:, top : top + full_height, left : left + full_width], ""
    down, across = height / full_height, width / full_width
    if abs(across - down) > max(down, across) / min(clip.height, clip.width):
        raise ValueError(
            f"the mask is {width}x{height}, but the latents of {clip.width}x{clip.height} stand "
            f"for {full_width}x{full_height} ({clip.spatial} px to a side), of other proportions: "
            "make both from the same picture, or resize the mask"
        )
    return mask, f"from {width}x{height} it is resampled to the clip's {full_width}x{full_height}"
