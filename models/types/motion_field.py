"""The motion field: for every frame, where each pixel of the reference picture has gone."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F


class _Tensors(NamedTuple):
    flow: torch.Tensor
    visibility: torch.Tensor | None = None


class MotionField(_Tensors):
    """Displacements from the reference frame, in pixels.

    A tuple of its tensors: so the host's cache can weigh it, and drop it when memory runs short.

    Args:
        flow: [F, 2, H, W] float32; frame 0 is all zero.
        visibility: [F, H, W] float32 in 0..1, or None where nothing is known about it.

    Raises:
        ValueError: for any other shape, a value that is not finite, or a frame 0 that moves.
    """

    __slots__ = ()

    def __new__(cls, flow: torch.Tensor, visibility: torch.Tensor | None = None) -> MotionField:
        _check_flow(flow)
        if visibility is not None:
            _check_visibility(visibility, flow)
        return super().__new__(cls, flow, visibility)

    def get_ram_usage(self) -> int:
        """Bytes of the tensors, for hosts (before 0.33) whose cache weighs lists only."""
        return sum(tensor.nbytes for tensor in self if tensor is not None)

    @property
    def frames(self) -> int:
        return self.flow.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """(W, H)"""
        return self.flow.shape[3], self.flow.shape[2]

    def seen(self, frame: int) -> torch.Tensor | None:
        """[H, W] bool, which pixels of the reference a frame shows; None where nothing is known."""
        return None if self.visibility is None else self.visibility[frame] >= 0.5

    def seen_at(self, frame: int, size: tuple[int, int]) -> torch.Tensor | None:
        """[H, W] bool, as `seen`, over a picture of another size (W, H)."""
        if self.visibility is None or size == self.size:
            return self.seen(frame)
        return _bilinear(self.visibility[None, frame : frame + 1], size)[0, 0] >= 0.5

    def resized(self, size: tuple[int, int]) -> MotionField:
        """The same motion over a picture of another size: bilinear, x and y by their own ratios.

        Args:
            size: (W, H) of the new picture, in pixels, each at least 1.
        """
        check_size(size)
        if size == self.size:
            return self
        ratio = self.flow.new_tensor([size[0] / self.size[0], size[1] / self.size[1]])
        flow = _bilinear(self.flow, size) * ratio.view(1, 2, 1, 1)
        if self.visibility is None:
            return MotionField(flow)
        visibility = _bilinear(self.visibility[:, None], size)[:, 0].clamp(0, 1)
        return MotionField(flow, visibility)

    def flow_at(self, frame: int, size: tuple[int, int]) -> torch.Tensor:
        """[2, H, W] one frame's displacements over a picture of another size (W, H)."""
        if size == self.size:
            return self.flow[frame]
        ratio = self.flow.new_tensor([size[0] / self.size[0], size[1] / self.size[1]])
        return _bilinear(self.flow[frame : frame + 1], size)[0].mul_(ratio.view(2, 1, 1))

    def encoded(self) -> torch.Tensor:
        """The predicted frames in the networks' range: [N, 2, H, W], 0.5 for "does not move"."""
        return encode(self.flow[1:])

    @staticmethod
    def from_encoded(flow01: torch.Tensor) -> MotionField:
        """Reads predicted frames [N, 2, H, W] in 0..1 and puts the still frame 0 before them."""
        flow = decode(flow01.to(torch.float32))
        return MotionField(torch.cat([torch.zeros_like(flow[:1]), flow]))


def still(frames: int, size: tuple[int, int]) -> MotionField:
    """A field of `frames` frames over a picture of `size` (W, H) in which nothing moves.

    >>> field = still(3, (8, 4))
    >>> field.frames, field.size, field.flow.any().item()
    (3, (8, 4), False)
    """
    check_frames(frames)
    check_size(size)
    return MotionField(torch.zeros(frames, 2, size[1], size[0]))


def encode(flow: torch.Tensor) -> torch.Tensor:
    """Pixels to the networks' range: (flow / (W, H) + 1) / 2, for flow [..., 2, H, W].

    >>> encode(torch.tensor([0.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 4, 8)).unique().tolist()
    [0.5, 0.75]
    """
    return (flow / _extent(flow) + 1) / 2


def decode(flow01: torch.Tensor) -> torch.Tensor:
    """The networks' range to pixels: clamp(2 flow01 - 1, -1, 1) * (W, H), for [..., 2, H, W].

    >>> decode(torch.tensor([0.75, 1.0]).view(2, 1, 1).expand(2, 4, 8))[:, 0, 0].tolist()
    [4.0, 4.0]
    """
    return (2 * flow01 - 1).clamp(-1, 1) * _extent(flow01)


def check_size(size: tuple[int, int]) -> None:
    """Raises ValueError unless `size` is (W, H) of at least one pixel each."""
    if len(size) != 2 or not all(n >= 1 and float(n).is_integer() for n in size):
        raise ValueError(f"a picture's size is (width, height), whole and at least 1, not {size}")


def check_frames(frames: int) -> None:
    """Raises ValueError unless there is at least the reference frame."""
    if frames < 1:
        raise ValueError(f"a clip has at least 1 frame (the reference picture), not {frames}")


def _extent(flow: torch.Tensor) -> torch.Tensor:
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise ValueError(f"expected flow [..., 2, H, W], got {list(flow.shape)}")
    return flow.new_tensor([flow.shape[-1], flow.shape[-2]]).view(2, 1, 1)


def _bilinear(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(x, size=(size[1], size[0]), mode="bilinear", align_corners=False)


def _check_flow(flow: torch.Tensor) -> None:
    if not isinstance(flow, torch.Tensor):
        raise ValueError(f"a motion field's flow is a tensor [F, 2, H, W], not {type(flow)}")
    if flow.ndim != 4 or flow.shape[1] != 2 or min(flow.shape) < 1:
        raise ValueError(
            f"a motion field's flow is [frames, 2 (x, y), height, width], got {list(flow.shape)}"
        )
    if flow.dtype != torch.float32:
        raise ValueError(f"a motion field's flow is float32, got {flow.dtype}; use flow.float()")
    finite = torch.isfinite(flow).flatten(1).all(dim=1)
    if not bool(finite.all()):
        frame = int(torch.nonzero(~finite)[0])
        raise ValueError(
            f"the motion field has a NaN or infinite displacement in frame {frame}; all must be "
            "finite"
        )
    if bool(flow[0].any()):
        moved = float(flow[0].abs().max())
        raise ValueError(
            f"frame 0 of a motion field is the reference and must not move, but it moves by up to "
            f"{moved:g} px; subtract it, or put a still frame before the others"
        )


def _check_visibility(visibility: torch.Tensor, flow: torch.Tensor) -> None:
    expected = [flow.shape[0], flow.shape[2], flow.shape[3]]
    if list(visibility.shape) != expected:
        raise ValueError(
            f"a motion field's visibility is [frames, height, width] = {expected}, "
            f"got {list(visibility.shape)}"
        )
    if visibility.dtype != torch.float32:
        raise ValueError(f"a motion field's visibility is float32, got {visibility.dtype}")
    low, high = float(visibility.min()), float(visibility.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"visibility lies in 0..1, got {low:g}..{high:g}")
