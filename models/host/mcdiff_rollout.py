"""MCDiff's rollout: frame after frame, each made from the one before and its flow.

It stays in latents: a frame's latent goes into the next step as it was sampled. What finds the flow
sees the decoded frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import comfy.model_management as management
import comfy.utils
import torch
from torch import Tensor

from ..drawing.momentary_strokes import SparseFlow
from ..fields.neighbour_flow import advance, step_of
from ..types.motion_field import MotionField, still
from ..types.progress import OnStep
from ..types.tracks import Tracks
from .future_frame import check_future_frame, with_step
from .mcdiff_networks import CHANGE, CHANNELS, LATENT
from .previews import preview_of
from .reference import check_picture, decode_pictures, encode_picture
from .sampling import Settings, sample

if TYPE_CHECKING:
    from .flow_completion import FlowCompleter

Directions = Callable[[int, Tensor], Tensor | SparseFlow]
"""(number of the step, picture [1, H, W, 3]) -> flow [2, H, W] px of its pixels to the next, or
what is known of it; the rest counts as still in the accumulated field."""


@dataclass(frozen=True)
class Rollout:
    """What a rollout made.

    Args:
        frames: [F, H, W, 3] in 0..1, the given picture being the first.
        latents: [F, 4, H / 8, W / 8], not scaled.
        field: accumulated from the first frame, or on from the field that was given.
    """

    frames: Tensor
    latents: Tensor
    field: MotionField


def by_strokes(completer: FlowCompleter, tracks: Tracks, first: int = 0) -> Directions:
    """The way that trajectories point, completed from their momentary strokes.

    Args:
        tracks: at the picture's size.
        first: the number of the step that the tracks begin with.
    """
    return lambda step, picture: completer.complete(picture, tracks, step - first)


def by_field(field: MotionField, first: int = 0) -> Directions:
    """The way that a field over the picture goes, each step found when its turn has come.

    Args:
        first: as for `by_strokes`.

    Raises:
        ValueError: by the directions, for a step that the field does not have.
    """
    return lambda step, picture: step_of(field, step - first).flow[1]


def step_seed(seed: int, step: int) -> int:
    """The seed of a step's noise: the same for a step however the clip was cut into runs.

    Args:
        seed: the user's.
        step: counted from the very first frame.
    """
    # Mixed, not added: step 1 of seed 0 is to be another than step 0 of seed 1.
    told = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return int.from_bytes(told[:8], "big") >> 1


def rollout(
    model: Any,
    vae: Any,
    picture: Tensor,
    directions: Directions,
    frames: int,
    settings: Settings,
    start: int = 0,
    latent: Tensor | None = None,
    field: MotionField | None = None,
    on_frame: Callable[[int, Tensor], None] | None = None,
) -> Rollout:
    """Samples a video frame by frame; each is shown as the running node's preview.

    Args:
        model: the future-frame MODEL.
        vae: the host's VAE for pictures that the model was trained with.
        picture: [1, H, W, 3] in 0..1, H and W multiples of 8.
        directions: see `by_strokes` and `by_field`.
        frames: of the video, the picture being the first; at least 2.
        start: the number of the step to begin with, where the picture is not the very first frame.
        latent: [1, 4, H / 8, W / 8] of the picture, not scaled; None: it is encoded.
        field: what led to the picture, to go on from; None: the picture is the reference.
        on_frame: told the step and the frame [1, H, W, 3] that it made.

    Raises:
        ValueError: for another model or VAE, sizes that disagree, or NaN.
    """
    check_future_frame(model)
    if frames < 2:
        raise ValueError(f"a rollout has at least 2 frames, the picture among them, not {frames}")
    size = _checked(picture)
    latents = [encode_picture(vae, picture) if latent is None else latent]
    pictures = [picture[..., :3].cpu()]
    field = still(1, size) if field is None else field
    progress = _Progress(frames - 1)
    for step in range(start, start + frames - 1):
        management.throw_exception_if_processing_interrupted()
        flow = directions(step, pictures[-1])
        field = advance(field, _dense(flow, size))
        latents.append(next_latent(model, latents[-1], flow, settings, step, progress.stepped))
        pictures.append(_decoded(vae, latents[-1], size))
        progress.finished(pictures[-1])
        if on_frame is not None:
            on_frame(step, pictures[-1])
    return Rollout(torch.cat(pictures), torch.cat(latents), field)


def next_latent(
    model: Any,
    latent: Tensor,
    flow: Tensor | SparseFlow,
    settings: Settings,
    step: int,
    on_step: OnStep | None = None,
) -> Tensor:
    """The next frame's latent [1, 4, h, w], not scaled.

    Args:
        model: the future-frame MODEL.
        latent: [1, 4, h, w], the frame's, not scaled.
        flow: [2, 8 h, 8 w] px to the next frame, or what is known of it.
        step: its number, for the noise.
        on_step: told the sampling steps done, and how many there are.

    Raises:
        ValueError: where the model's answer is not finite.
    """
    positive, negative = with_step(latent, flow)
    own = replace(settings, seed=step_seed(settings.seed, step))

    def stepped(done: int, steps: int) -> None:
        management.throw_exception_if_processing_interrupted()
        if on_step is not None:
            on_step(done, steps)

    out = sample(model, torch.zeros_like(latent), None, positive, negative, own, stepped)
    if not bool(torch.isfinite(out).all()):
        raise ValueError(
            f"step {step} came out as NaN or infinite values; load the model with the precision "
            "float32, or lower cfg"
        )
    return latent.float().cpu() + CHANGE * out.float().cpu()


def latents_of(vae: Any, frames: Tensor, given: Tensor | None = None) -> Tensor:
    """The latents [F, 4, H / 8, W / 8] of frames [F, H, W, 3]: those given, or encoded now.

    Raises:
        ValueError: for latents that are not those of the frames, or frames that cannot go on.
    """
    _checked(frames[-1:])
    if given is None:
        return torch.cat([_encoded(vae, frame) for frame in frames.split(1)])
    height, width = (side // LATENT for side in frames.shape[1:3])
    expected = [len(frames), CHANNELS, height, width]
    if list(given.shape) != expected:
        raise ValueError(
            f"the latents so far are {list(given.shape)}, but the frames need {expected}; connect "
            "the LATENT and the IMAGE of one sampler, or no latents"
        )
    if not bool(torch.isfinite(given).all()):
        raise ValueError("the latents so far hold NaN or infinite values; encode them in float32")
    return given


class _Progress:
    """The running node's progress over frames and sampling steps."""

    def __init__(self, frames: int) -> None:
        self.frames, self.done, self.steps = frames, 0, 1
        self.bar = comfy.utils.ProgressBar(frames)

    def stepped(self, done: int, steps: int) -> None:
        self.steps = steps
        value = self.done * steps + min(done, steps)
        self.bar.update_absolute(value, self.frames * steps)

    def finished(self, frame: Tensor) -> None:
        """Shows a frame [1, H, W, 3]."""
        self.done += 1
        total = self.frames * self.steps
        self.bar.update_absolute(self.done * self.steps, total, preview_of(frame[0]))


def _checked(picture: Tensor) -> tuple[int, int]:
    """The size (W, H) of a picture that a rollout can begin with."""
    width, height = check_picture(picture)
    if width % LATENT or height % LATENT:
        raise ValueError(
            f"the frames are {width}x{height}, but both must be multiples of {LATENT}; resize or "
            "crop them first"
        )
    return width, height


def _dense(flow: Tensor | SparseFlow, size: tuple[int, int]) -> Tensor:
    """Flow [2, H, W] px of a picture (W, H), still where it is not known."""
    dense = flow if isinstance(flow, Tensor) else flow.flow
    if tuple(dense.shape) != (2, size[1], size[0]):
        raise ValueError(
            f"the flow to the next frame is {list(dense.shape)}, but the frames need "
            f"{[2, size[1], size[0]]}; resize the tracks or the field to {size[0]}x{size[1]}"
        )
    return dense


def _encoded(vae: Any, frame: Tensor) -> Tensor:
    management.throw_exception_if_processing_interrupted()
    return encode_picture(vae, frame)


def _decoded(vae: Any, latent: Tensor, size: tuple[int, int]) -> Tensor:
    """The frame [1, H, W, 3] in 0..1 of a latent."""
    frame = decode_pictures(vae, latent)[..., :3].float().cpu()
    if tuple(frame.shape) != (1, size[1], size[0], 3):
        raise ValueError(
            f"the VAE decodes a frame as {list(frame.shape)} instead of "
            f"{[1, size[1], size[0], 3]}; use an SD 1.5 VAE, the one the model was trained with"
        )
    return frame
