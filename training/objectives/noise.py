"""The noise schedules that networks are trained on: the host's own, so that samplers agree.

Notation: x_0 clean latents, n noise, sigma(t) the host's noise level at timestep t. Networks see
x_t = (x_0 + sigma n) / sqrt(sigma^2 + 1) = a x_0 + s n. They predict n ("eps") or v = a n - s x_0
(arXiv 2202.00512).
"""

from __future__ import annotations

from dataclasses import dataclass

import comfy.model_sampling
import torch

TIMESTEPS = 1000


@dataclass(frozen=True)
class Schedule:
    """What a network predicts, and on which noise levels.

    Args:
        prediction: "eps", as released, or "v".
        zero_terminal_snr: whether the last timestep is pure noise (arXiv 2305.08891), which needs
            "v": pure noise says nothing of x_0.
        at_end: the share of samples at the last timestep, where the network is told everything by
            its conditions and nothing by x_t. A network that starts from nothing learns there
            first; 0 as released.
        late: exponent k of t = 999 u^k; 1 is uniform, as released, below 1 is more noise.

    Raises:
        ValueError: for another prediction, or zero terminal SNR with "eps".
    """

    prediction: str = "eps"
    zero_terminal_snr: bool = False
    at_end: float = 0.0
    late: float = 1.0

    def __post_init__(self) -> None:
        if self.prediction not in ("eps", "v"):
            raise ValueError(f"a network predicts 'eps' or 'v', not '{self.prediction}'")
        if self.zero_terminal_snr and self.prediction == "eps":
            raise ValueError(
                "zero terminal SNR needs v prediction: at the last timestep the noise is all that "
                "is seen, and predicting it says nothing of the picture"
            )

    def levels(self) -> torch.Tensor:
        """sigma [1000] of the timesteps; betas linear from 0.00085 to 0.012."""

        class Config:
            sampling_settings = {"beta_schedule": "sqrt_linear"}

        sampling = comfy.model_sampling.ModelSamplingDiscrete(Config(), zsnr=self.zero_terminal_snr)
        return sampling.sigmas.float().cpu()

    def timesteps(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Random timesteps [count], int64 in 0..999; spread evenly over the batch."""
        u = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
        t = ((TIMESTEPS - 1) * (u / count) ** self.late).round().long()
        end = torch.rand(count, generator=generator) < self.at_end
        return torch.where(end, TIMESTEPS - 1, t)

    def noised(
        self, clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network sees, and what it should say, both like `clean`.

        Args:
            clean: x_0 [B, ...], of variance about 1.
            noise: n, like it.
            sigma: [B].
        """
        sigma = sigma.view(-1, *[1] * (clean.ndim - 1))
        scale = (sigma**2 + 1).rsqrt()
        seen = (clean + sigma * noise) * scale
        if self.prediction == "eps":
            return seen, noise
        return seen, (noise - sigma * clean) * scale

    def clean(self, seen: torch.Tensor, said: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """x_0 as the network's answer means it."""
        sigma = sigma.view(-1, *[1] * (seen.ndim - 1))
        scale = (sigma**2 + 1).rsqrt()
        if self.prediction == "eps":
            return seen / scale - sigma * said
        return (seen - sigma * said) * scale


RELEASED = Schedule()
