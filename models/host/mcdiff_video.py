"""MCDiff's videos: the motion that a user connects becomes a rollout, begun or gone on with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..fields.field_ops import retimed
from ..types.motion_field import MotionField
from ..types.tracks import Tracks
from ..types.view import View
from .flow_completion import FlowCompleter
from .mcdiff_rollout import Directions, Rollout, by_field, by_strokes, latents_of, rollout
from .sampling import Settings

ON_LAST, OF_CLIP = "drawn on the last frame", "of the whole clip"


@dataclass(frozen=True, eq=False)
class Guide:
    """What a video follows: tracks and what completes them, or a whole field; 2 frames or more."""

    motion: Tracks | MotionField
    completer: FlowCompleter | None = None

    @property
    def frames(self) -> int:
        return self.motion.frames

    def in_frames(self, frames: int) -> Guide:
        """The motion in so many frames; 0: as it is."""
        if frames == 0:
            return self
        motion = self.motion
        if isinstance(motion, Tracks):
            return replace(self, motion=motion.retimed(frames))
        return replace(self, motion=retimed(motion, frames))

    def directions(self, view: View, first: int = 0) -> Directions:
        """What a rollout follows; `first` is the number of the step that the motion begins with."""
        if isinstance(self.motion, Tracks):
            assert self.completer is not None
            return by_strokes(self.completer, view.see_tracks(self.motion), first)
        return by_field(view.see_field(self.motion), first)

    def beyond(self, frames: int) -> int:
        """How many frames the motion has beyond so many.

        Raises:
            ValueError: for none.
        """
        if self.frames <= frames:
            raise ValueError(
                f"the {_named(self.motion)} {self.frames} frames, and frames_so_far {frames} "
                "already; give a motion of the whole clip, set more_frames, or set strokes to "
                f"'{ON_LAST}'"
            )
        return self.frames - frames


def guide_of(
    completer: FlowCompleter | None,
    tracks: dict[str, Any] | None,
    field: MotionField | None,
    size: tuple[int, int],
) -> Guide:
    """The one motion that is connected.

    Args:
        tracks: see `models.types.tracks.Tracks.to_dict`.
        size: (W, H) of the picture that they are drawn on.

    Raises:
        ValueError: for none or two, for tracks without what completes them, or a single frame.
    """
    if (tracks is None) == (field is None):
        given = "both are" if tracks is not None else "neither is"
        raise ValueError(
            f"connect either tracks (with flow_completion) or motion_field, one of the two; {given}"
        )
    if tracks is not None and completer is None:
        raise ValueError(
            "tracks alone say how a few points move, and there is no flow_completion; connect "
            "flow_completion too (from Load MCDiff), which finds the motion of all pixels, or make "
            "a motion_field of them with Densify Tracks"
        )
    if field is not None and completer is not None:
        raise ValueError(
            "flow_completion completes tracks, but motion_field is connected, which needs none; "
            "disconnect one of the two"
        )
    motion = field if tracks is None else Tracks.from_dict(tracks, size)
    assert motion is not None
    if motion.frames < 2:
        raise ValueError(
            f"the {_named(motion)} {motion.frames} frame, in which nothing can move; give 2 or more"
        )
    return Guide(motion, completer)


def begin_video(
    model: Any, vae: Any, picture: Tensor, view: View, guide: Guide, settings: Settings
) -> Rollout:
    """A video of as many frames as the motion has.

    Args:
        picture: [1, H, W, 3 or more] in 0..1, the first frame.
        view: how it is seen.
    """
    seen = view.see(picture[..., :3]).clamp(0, 1)
    return rollout(model, vae, seen, guide.directions(view), guide.frames, settings)


@dataclass(frozen=True, eq=False)
class SoFar:
    """A video to go on with.

    Args:
        frames: [F, H, W, 3 or more] in 0..1.
        latents: [F, 4, H / 8, W / 8], not scaled; None: encoded from the frames.
        field: accumulated over the frames; None: the new one begins at the last frame.

    Raises:
        ValueError: for a field of other frames.
    """

    frames: Tensor
    latents: Tensor | None = None
    field: MotionField | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.frames.shape[2], self.frames.shape[1]

    def check_field(self) -> None:
        """Raises ValueError unless the field belongs to the frames."""
        field, frames, (width, height) = self.field, len(self.frames), self.size
        if field is not None and (field.frames, field.size) != (frames, self.size):
            raise ValueError(
                f"motion_field_so_far has {field.frames} frames of {field.size[0]}x"
                f"{field.size[1]}, but frames_so_far {frames} of {width}x{height}; connect both "
                "from one sampler"
            )


def continue_video(
    model: Any,
    vae: Any,
    so_far: SoFar,
    view: View,
    guide: Guide,
    settings: Settings,
    strokes: str = ON_LAST,
    more: int = 0,
) -> Rollout:
    """The frames so far and further ones, each from the one before.

    Args:
        view: of the picture that the motion is over.
        strokes: whether the motion begins at the last frame (ON_LAST) or the first (OF_CLIP).
        more: frames to add; 0: as many as the motion has beyond those so far.
    """
    made = len(so_far.frames)
    before = made if strokes == OF_CLIP else 1
    guide = guide.in_frames(before + more if more else 0)
    added = guide.beyond(before)
    so_far.check_field()
    latents = latents_of(vae, so_far.frames, so_far.latents)
    new = rollout(
        model,
        vae,
        so_far.frames[-1:],
        guide.directions(view, made - before),
        1 + added,
        settings,
        start=made - 1,
        latent=latents[-1:],
        field=so_far.field,
    )
    frames = torch.cat([so_far.frames[..., :3], new.frames[1:]])
    return Rollout(frames, torch.cat([latents, new.latents[1:]]), new.field)


def _named(motion: Tracks | MotionField) -> str:
    return "tracks have" if isinstance(motion, Tracks) else "motion field has"
