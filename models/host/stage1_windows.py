"""More predicted frames than the model was trained for: windows that slide over the strides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.model_management as management
import torch
from comfy.context_windows import ContextHandlerABC, IndexListContextWindow
from comfy.patcher_extension import WrappersMP

from ..networks.clip_windows import consecutive_windows, rise_and_fall
from .features import frame_window
from .frame_slices import check_counts, sliced

TRAINED_FRAMES = 15
OVERLAP = 5


class MotionWindows(ContextHandlerABC):
    """Windows over the predicted frames; each is denoised with its own strides and controls.

    A handler of our own: the host's differs from version to version, and newer ones put a frame
    before each window that the strides know nothing of.

    Args:
        length: frames of a window, at most what the model was trained for.
        overlap: frames that neighbouring windows share; their results are blended.
    """

    def __init__(self, length: int = TRAINED_FRAMES, overlap: int = OVERLAP) -> None:
        if not 0 <= overlap < length:
            raise ValueError(f"the overlap must be 0..{length - 1} frames, not {overlap}")
        self.context_length = length
        self.context_overlap = overlap
        self.dim = 0

    def should_use_context(
        self, model: Any, conds: list, x_in: torch.Tensor, timestep: Any, model_options: dict
    ) -> bool:
        """Whether there are more frames than in a window.

        Raises:
            ValueError: for control pictures or prompts of which there are too many or too few.
        """
        check_counts(conds, x_in.shape[0], "predicted frames (all but the first)")
        return x_in.shape[0] > self.context_length

    def as_told(self, conds: list) -> MotionWindows:
        """These windows, with the overlap that the conditioning wants, where it wants one."""
        clips = (c["model_conds"]["motion_clip"].cond for cond in conds for c in cond or [])
        wanted = [clip.overlap for clip in clips if clip.overlap is not None]
        return MotionWindows(self.context_length, wanted[0]) if wanted else self

    def windows(self, frames: int) -> list[list[int]]:
        """The frames of each window."""
        return consecutive_windows(frames, self.context_length, self.context_overlap)

    def get_resized_cond(
        self,
        cond_in: list | None,
        x_in: torch.Tensor,
        window: IndexListContextWindow,
        device: Any = None,
    ) -> list | None:
        """What is given a frame each, cut to a window; core ControlNets' pictures too."""
        return sliced([cond_in], window.index_list, x_in.shape[0])[0]

    def execute(
        self,
        calc_cond_batch: Callable,
        model: Any,
        conds: list,
        x_in: torch.Tensor,
        timestep: torch.Tensor,
        model_options: dict,
    ) -> list[torch.Tensor]:
        """The prediction of each conditioning, blended over the windows, most from their middle.

        Args:
            x_in: [N, 4, h, w]; timestep [N].
        """
        totals = [torch.zeros_like(x_in) for _ in conds]
        weights = x_in.new_zeros(x_in.shape[0], 1, 1, 1)
        for frames in self.as_told(conds).windows(x_in.shape[0]):
            management.throw_exception_if_processing_interrupted()
            window = frame_window(frames, x_in.shape[0])
            # In the dict that is there: controls and patches were given it before.
            model_options["transformer_options"]["context_window"] = window
            seen = [self.get_resized_cond(cond, x_in, window) for cond in conds]
            results = calc_cond_batch(model, seen, x_in[frames], timestep[frames], model_options)
            weight = rise_and_fall(len(frames)).to(x_in).view(-1, 1, 1, 1)
            for total, result in zip(totals, results, strict=True):
                total[frames] += result * weight
            weights[frames] += weight
        return [total / weights for total in totals]


def slide_windows(model: Any, windows: MotionWindows) -> None:
    """Gives a MODEL its windows, and refuses others when it is sampled."""
    model.model_options["context_handler"] = windows
    model.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, "motion_i2v_windows", _prepare)


def _prepare(executor: Any, model: Any, noise_shape: Any, *args: Any, **kwargs: Any) -> Any:
    """Memory is needed for one window, not for all frames.

    Raises:
        ValueError: where the core's windows are slid over the frames; they do not cut the strides
            and the control along with them.
    """
    handler = (kwargs.get("model_options") or {}).get("context_handler")
    if not isinstance(handler, MotionWindows):
        raise ValueError(
            "core Context Windows cannot be used with the motion-field model: it slides its own "
            "windows over the strides. Remove the Context Windows node"
        )
    shape = [min(noise_shape[0], handler.context_length), *noise_shape[1:]]
    return executor(model, shape, *args, **kwargs)


def window_frames(options: dict, frames: int, total: int) -> list[int]:
    """Which predicted frames a call is about.

    Args:
        options: the host's transformer options.
        frames: how many frames the call has.
        total: how many the clip has.

    Raises:
        ValueError: where a whole clip of another length is sampled.
    """
    window = options.get("context_window")
    indices = list(range(total)) if window is None else list(window.index_list)
    if len(indices) != frames:
        raise ValueError(
            f"the sampler works on {frames} frames, but the control is for {len(indices)}; use the "
            "latent that 'Motion-Field Conditioning' returns"
        )
    return indices
