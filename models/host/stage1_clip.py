"""What one stage-1 run is conditioned on besides text; travels inside the conditioning."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types.view import View


@dataclass(frozen=True, eq=False)
class Stage1Clip:
    """The reference and the frames of one run.

    Args:
        reference: [1, 4, h, w], the picture's latent, not scaled.
        strides: one number a predicted frame.
        view: which part of the picture is seen, and at which size.
        preview: [2, 4] and [2], how displacements are guessed from latents; None: roughly.
        overlap: frames that neighbouring windows of a long clip share; None: as the model has it.
    """

    reference: torch.Tensor
    strides: tuple[float, ...]
    view: View
    preview: tuple[torch.Tensor, torch.Tensor] | None = None
    overlap: int | None = None

    @property
    def frames(self) -> int:
        """With the reference frame."""
        return len(self.strides) + 1

    def check_frames(self, what: str, frames: int) -> None:
        """Raises ValueError unless `what` has as many frames as the clip."""
        if frames != self.frames:
            raise ValueError(
                f"{what}: {frames} frames, but the sampler makes {self.frames} (the reference and "
                f"{self.frames - 1} predicted); set both the same"
            )

    def check_noise(self, shape: tuple[int, ...]) -> None:
        """Raises ValueError unless latents of this shape belong to the clip."""
        expected = (len(self.strides), *self.reference.shape[1:])
        if shape != expected:
            raise ValueError(
                f"the latent is {shape[0]} frames of {shape[3]}x{shape[2]} (width x height), but "
                f"the conditioning is for {expected[0]} frames of {expected[3]}x{expected[2]}; "
                "use the latent that 'Motion-Field Conditioning' returns"
            )
