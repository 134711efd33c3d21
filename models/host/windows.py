"""More predicted frames than the model was trained for: windows that slide over the strides."""

from __future__ import annotations

from typing import Any

import torch
from comfy.context_windows import (
    ContextFuseMethods,
    ContextSchedules,
    IndexListContextHandler,
    IndexListContextWindow,
    get_matching_context_schedule,
    get_matching_fuse_method,
)
from comfy.patcher_extension import WrappersMP

from .frame_slices import check_counts, cut_control

TRAINED_FRAMES = 15
OVERLAP = 5


class Window(IndexListContextWindow):
    """As the core's, whose indexing newer versions of torch warn of and will read differently."""

    def get_tensor(
        self, full: torch.Tensor, device: Any = None, dim: int | None = None
    ) -> torch.Tensor:
        return full if full.shape[0] == 1 else full[self.index_list].to(device)

    def add_window(
        self, full: torch.Tensor, to_add: torch.Tensor, dim: int | None = None
    ) -> torch.Tensor:
        full[self.index_list] += to_add
        return full


class MotionWindows(IndexListContextHandler):
    """Windows over the predicted frames; each is denoised with its own strides and controls.

    Args:
        length: frames of a window, at most what the model was trained for.
        overlap: frames that neighbouring windows share; their results are blended.
    """

    def __init__(self, length: int = TRAINED_FRAMES, overlap: int = OVERLAP) -> None:
        if not 0 <= overlap < length:
            raise ValueError(f"the overlap must be 0..{length - 1} frames, not {overlap}")
        super().__init__(
            get_matching_context_schedule(ContextSchedules.STATIC_STANDARD),
            get_matching_fuse_method(ContextFuseMethods.PYRAMID),
            context_length=length,
            context_overlap=overlap,
        )

    def set_step(self, timestep: torch.Tensor, model_options: dict) -> None:
        """Nothing: the windows are the same in every step.

        The core looks the step up in the list of sigmas, and fails for samplers that evaluate
        between its entries.
        """

    def should_use_context(
        self, model: Any, conds: list, x_in: torch.Tensor, timestep: Any, model_options: dict
    ) -> bool:
        """Whether there are more frames than in a window.

        Raises:
            ValueError: for control pictures or prompts of which there are too many or too few.
        """
        check_counts(conds, x_in.shape[0], "predicted frames (all but the first)")
        return super().should_use_context(model, conds, x_in, timestep, model_options)

    def get_context_windows(
        self, model: Any, x_in: torch.Tensor, model_options: dict
    ) -> list[IndexListContextWindow]:
        return [
            Window(list(window), dim=0)
            for window in self.context_schedule.func(x_in.shape[0], self, model_options)
        ]

    def get_resized_cond(
        self, cond_in: list | None, x_in: torch.Tensor, window: Any, device: Any = None
    ) -> list | None:
        """As the core's; what is given a frame each in `model_conds` is cut to the window too.

        So are the pictures of core ControlNets.
        """
        resized = super().get_resized_cond(cond_in, x_in, window, device)
        for cond in resized or []:
            if "control" in cond:
                cond["control"] = cut_control(cond["control"], window.index_list, x_in.shape[0])
            cond["model_conds"] = {
                key: self._cut(value, x_in.shape[0], window)
                for key, value in cond["model_conds"].items()
            }
        return resized

    @staticmethod
    def _cut(value: Any, frames: int, window: Any) -> Any:
        tensor = getattr(value, "cond", None)
        if isinstance(tensor, torch.Tensor) and tensor.ndim > 1 and tensor.shape[0] == frames:
            return value._copy_with(tensor[window.index_list])
        return value


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
