"""MCDiff's flow completion (F), whose weights the host loads and offloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import comfy.model_management as management
import comfy.model_patcher
import torch
from torch import Tensor

from ..drawing.momentary_strokes import momentary
from ..fields.neighbour_flow import advance, as_step, extended
from ..networks.mcdiff_shapes import CompletionShape
from ..picture.warp import warp_picture
from ..types.motion_field import MotionField, still
from ..types.tracks import Tracks
from ..types.view import View
from .loading import hosted, take
from .mcdiff_file import COMPLETION, SIDES, McdiffFile
from .mcdiff_networks import FlowCompletion
from .reference import check_picture

MIRRORS: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))
"""The network's answer is the mean over the picture and its mirror images: nearer by a twentieth to
a tenth, and the same whichever way round a picture is."""
ALIVE = 16
"""Features of the first level's size that are in memory at once, about."""

OnStep = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class FlowCompleter:
    """A FLOW_COMPLETION: a picture and what is drawn on it -> where its pixels go in one step.

    Computed in float32, on the host's device.

    Args:
        patcher: loads and offloads the weights.
        shape: of the network.
        side: mean side, px, at which the network sees larger pictures: those of its training.
        stroke: half the size, px, of a momentary stroke there.
    """

    patcher: comfy.model_patcher.ModelPatcher
    shape: CompletionShape
    side: int
    stroke: int

    @torch.no_grad()
    def complete(
        self, picture: Tensor, tracks: Tracks, step: int, side: int | None = None
    ) -> Tensor:
        """The flow to the next frame.

        Args:
            picture: [1, H, W, 3] in 0..1, of any size.
            tracks: over a picture of any size; a point that rests holds its place, a hidden one
                says nothing.
            step: of the tracks, from this frame to the next.
            side: mean side, px, that larger pictures are shrunk to; None: as trained, 0: never.

        Returns:
            [2, H, W] float32 px of the picture, on the CPU.

        Raises:
            ValueError: for a picture of another shape, a step that the tracks do not have, a side
                below 16.
        """
        size = check_picture(picture)
        _check_size(size)
        view = shrunk(size, self.side if side is None else side)
        drawn = momentary(view.see_tracks(tracks), step, self.stroke)
        flow = self._run(drawn.flow, drawn.known, view.see(picture[..., :3])[0].movedim(-1, 0))
        return view.back(as_step(flow)).flow[1]

    def _run(self, flow: Tensor, known: Tensor, picture: Tensor) -> Tensor:
        """The network on one sample, in all its mirror images."""
        pixels = flow[0].numel() / self.shape.fold**2
        work = int(4 * ALIVE * self.shape.width * pixels)
        management.load_models_gpu([self.patcher], memory_required=work, force_full_load=True)
        flow, known, picture = (
            x[None].to(self.patcher.load_device) for x in (flow, known, picture)
        )
        answers = [
            mirrored(
                self.patcher.model(mirrored(flow, sides), known.flip(sides), picture.flip(sides)),
                sides,
            )
            for sides in MIRRORS
        ]
        return torch.stack(answers).mean(0)[0].cpu()


def mirrored(flow: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Flow [B, 2, H, W] as a mirrored picture has it.

    Args:
        sides: the axes that are flipped: 3 is left and right, 2 is up and down.
    """
    sign = flow.new_tensor([-1.0 if 3 in sides else 1.0, -1.0 if 2 in sides else 1.0])
    return flow.flip(sides) * sign.view(1, 2, 1, 1)


def load_flow_completion(file: McdiffFile) -> FlowCompleter:
    """F of a file.

    Raises:
        ValueError: where the file lacks it.
    """
    file.demand(COMPLETION)
    assert file.completion_shape is not None
    with torch.device("meta"):
        network = FlowCompletion(file.completion_shape)
    take(network, {name: tensor.float() for name, tensor in file.completion.items()})
    return FlowCompleter(
        hosted(network.train(False)), file.completion_shape, file.side, file.stroke
    )


def shrunk(size: tuple[int, int], side: int) -> View:
    """The view of a whole picture (W, H) at this mean side; a smaller one, or side 0, as it is.

    Raises:
        ValueError: for another side below the least.
    """
    if side and side < SIDES[0]:
        raise ValueError(
            f"flow completion cannot see a picture at a mean side of {side} px: give at least "
            f"{SIDES[0]}, 0 for the picture's own size, or -1 for that of its training"
        )
    scale = min(1.0, 2 * side / sum(size)) if side else 1.0
    width, height = (max(1, round(n * scale)) for n in size)
    return View(size, (0, 0, *size), (width, height))


@dataclass(frozen=True)
class StepRange:
    """Which steps of some tracks to go.

    Args:
        tracks: at the picture's size.
        first: the first step, from frame `first` to the next.
        count: how many; 0: all from there.

    Raises:
        ValueError: for steps that the tracks do not have.
    """

    tracks: Tracks
    first: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        there = self.tracks.frames - 1
        if there < 1:
            raise ValueError(
                "the tracks have one frame, and so no step to a next one; give them 2 or more"
            )
        if not 0 <= self.first < there:
            raise ValueError(
                f"first_step {self.first} is not among the steps of the tracks, 0..{there - 1} "
                f"({there + 1} frames)"
            )
        if self.count < 0 or self.first + self.count > there:
            raise ValueError(
                f"{self.count} steps from first_step {self.first} on were asked for, but the "
                f"tracks have {there - self.first} there ({there + 1} frames in all); 0 takes all"
            )

    def __len__(self) -> int:
        return self.count or self.tracks.frames - 1 - self.first


def complete_steps(
    completer: FlowCompleter,
    pictures: Tensor,
    steps: StepRange,
    side: int | None = None,
    so_far: MotionField | None = None,
    on_step: OnStep | None = None,
) -> tuple[list[MotionField], MotionField]:
    """The flow of several steps, and the field that they add up to. Stops on an interrupt.

    Args:
        completer: F.
        pictures: [N, H, W, 3], the one before each step, or only that before the first: later steps
            then see it warped along the field.
        steps: which.
        side: see `FlowCompleter.complete`.
        so_far: the motion from a reference to the first picture; the new frames are put after it.
        on_step: told (steps done, steps in all).

    Returns:
        for each step a field of two frames, from a picture to the next; and the whole one, from the
        reference (without `so_far`, the first picture).

    Raises:
        ValueError: for a number of pictures that fits neither way.
    """
    if pictures.shape[0] not in (1, len(steps)):
        raise ValueError(
            f"{pictures.shape[0]} pictures were given for {len(steps)} steps (steps "
            f"{steps.first}..{steps.first + len(steps) - 1} of the tracks); give one picture, or "
            "one for each step (not the one after the last), or set steps to their number"
        )
    size = (pictures.shape[2], pictures.shape[1])
    since = still(1, size)
    flows = []
    for i in range(len(steps)):
        management.throw_exception_if_processing_interrupted()
        alone = pictures.shape[0] == 1
        picture = _moved(pictures, since) if alone else pictures[i : i + 1]
        flow = completer.complete(picture, steps.tracks, steps.first + i, side)
        flows.append(as_step(flow))
        since = advance(since, flow)
        if on_step is not None:
            on_step(i + 1, len(steps))
    return flows, since if so_far is None else extended(so_far.resized(size), flows)


def _moved(picture: Tensor, field: MotionField) -> Tensor:
    """A picture [1, H, W, 3] as it is at the end of a field."""
    if field.frames == 1:
        return picture
    last = MotionField(field.flow[[0, -1]])
    frames, _ = warp_picture(picture[0], last, on_step=_stop_on_interrupt)
    return frames[1:]


def _stop_on_interrupt(done: int, total: int) -> None:
    management.throw_exception_if_processing_interrupted()


def _check_size(size: tuple[int, int]) -> None:
    if sum(size) < 2 * SIDES[0]:
        raise ValueError(
            f"a picture of {size[0]}x{size[1]} px is too small for flow completion, which needs a "
            f"mean side of at least {SIDES[0]} px"
        )
