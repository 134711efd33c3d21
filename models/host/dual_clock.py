"""Motion-guided sampling: dual-clock denoising around any sampler of the host.

Time-to-Move, arXiv 2511.08633. A warped clip says where things go: sampling begins with it, noised
to the level of the weak clock, and until the strong clock what was directed is held to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import comfy.samplers
import torch

from .features import noises_itself
from .sampling import UnitNoiseSampler

Noising = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(sigma, noise, latents) -> the latents noised to that level, as a sampler has them."""

LEVEL = 1 + 1e-5
"""Sigmas closer than this are one: some samplers compute them anew."""


@dataclass(frozen=True)
class Clocks:
    """When the model is let free, as parts of a schedule: 0 its start, noise; 1 its end.

    Args:
        weak: from where the whole clip is noised in; the steps before are not run.
        strong: until when what is directed is held to the clip.

    Raises:
        ValueError: unless 0 <= weak <= strong <= 1.
    """

    weak: float
    strong: float

    def __post_init__(self) -> None:
        if not 0 <= self.weak <= self.strong <= 1:
            raise ValueError(
                f"the clocks must be 0 <= weak <= strong <= 1, not weak {self.weak:g} and strong "
                f"{self.strong:g}: the directed region is let free no sooner than the rest"
            )

    def steps(self, steps: int) -> tuple[int, int]:
        """The first step that is run of a schedule, and the first in which all is free."""
        return int(self.weak * steps + 0.5), int(self.strong * steps + 0.5)


@dataclass(frozen=True, eq=False)
class Directed:
    """What sampling is led by.

    Args:
        clip: latents of the warped clip as a VAE gives them: [F, C, h, w] of pictures, or
            [B, C, T, h, w] of a video.
        mask: [F, 1, h, w] or [1, 1, T, h, w], 1 where it is held, 0 where the model is free.
    """

    clip: torch.Tensor
    mask: torch.Tensor
    clocks: Clocks


class TimeToMove(comfy.samplers.Sampler):
    """A sampler of the host that lets another one sample between the clocks.

    Args:
        inner: any sampler.
        schedule: [steps + 1] the whole schedule that the clocks count, where what is sampled may be
            a part of it; None: what is sampled is all.
    """

    def __init__(self, inner: Any, directed: Directed, schedule: torch.Tensor | None = None):
        self.inner = inner
        self.directed = directed
        self.schedule = schedule

    def sample(
        self,
        model_wrap: Any,
        sigmas: torch.Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: torch.Tensor,
        latent_image: torch.Tensor | None = None,
        denoise_mask: torch.Tensor | None = None,
        disable_pbar: bool = False,
    ) -> torch.Tensor:
        """As the host calls it: noise and latents on its device, the latents as the model's."""
        base = model_wrap.inner_model
        sampling = base.model_sampling
        by_itself = noises_itself(self.inner)
        noising = _keeping_variance if by_itself else sampling.noise_scaling
        clip = _as_sampled(base, self.directed.clip, noise)
        whole = sigmas if self.schedule is None else self.schedule
        weak, strong = (float(whole[i]) for i in self.directed.clocks.steps(len(whole) - 1))
        own = torch.zeros_like(noise) if latent_image is None else latent_image
        goes_on = not bool(noise.any())
        if goes_on and by_itself:
            raise ValueError(
                f"{type(self.inner).__name__} begins with the noise that it is given, but there is "
                "none: switch the noise on (it cannot go on with another run's latents)"
            )
        first = _first_step(sigmas, weak, goes_on)
        inner, mask = self.inner, self.directed.mask.to(noise)
        start, noise_of_clip = clip, noise
        if goes_on:
            start, noise_of_clip = own, _noise_within(sampling, sigmas[0], own, clip)
        if denoise_mask is not None:
            # What an inpainting mask keeps is the run's own latents, not the clip.
            mask, start = mask * denoise_mask, torch.lerp(own, start, denoise_mask)
        if first:
            sigmas, inner = sigmas[first:], _from_within(inner)
            extra_args = _with_sigmas(extra_args, sigmas)
        noised = noising(sigmas[0], noise, start)
        if len(sigmas) == 1:
            return noised if by_itself else sampling.inverse_noise_scaling(sigmas[0], noised)
        if strong * LEVEL < float(sigmas[0]) and bool(mask.any()):
            model_wrap = Held(model_wrap, Hold(clip, noise_of_clip, mask, strong, noising))
        noise = noised if by_itself else noise
        return inner.sample(
            model_wrap, sigmas, extra_args, callback, noise, start, denoise_mask, disable_pbar
        )


@dataclass(frozen=True, eq=False)
class Hold:
    """What holds the directed region: clip, noise and mask as the sampler's latents."""

    clip: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor
    strong: float
    noising: Noising


class Held:
    """A guider of the host that is shown, and answers, the clip where it is held.

    Before the model is called at a level above the strong clock's, the region is replaced by the
    clip noised to it; the answer there is the clip. To a sampler the region is thus a picture that
    the model is certain of, as in the host's inpainting, so that its steps of any order lead from
    noised clip to noised clip. With Euler and a mask of 0 and 1 that is what the paper writes: the
    latents replaced after each step.
    """

    def __init__(self, guider: Any, hold: Hold) -> None:
        self.guider = guider
        self.hold = hold

    def __getattr__(self, name: str) -> Any:
        return getattr(self.guider, name)

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        hold = self.hold
        if float(sigma.max()) <= hold.strong * LEVEL:
            return self.guider(x, sigma, *args, **kwargs)
        level = sigma.reshape(-1, *[1] * (x.ndim - 1))
        noised = hold.noising(level, hold.noise, hold.clip).to(x)
        denoised = self.guider(torch.lerp(x, noised, hold.mask), sigma, *args, **kwargs)
        return torch.lerp(denoised, hold.clip.to(denoised), hold.mask)


def _as_sampled(base: Any, clip: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The clip as the model's own latents, on the sampler's device, for each of a batch of videos.

    Raises:
        ValueError: for a clip that is not of the size that is sampled.
    """
    latents = clip.to(noise)
    if latents.ndim == 5 and len(latents) == 1:
        latents = latents.expand(len(noise), -1, -1, -1, -1)
    if latents.shape != noise.shape:
        raise ValueError(
            f"the warped clip's latents are {list(clip.shape)}, but what is sampled is "
            f"{list(noise.shape)}: encode the clip at the size and length of the video, with the "
            "model's own VAE (a video with sound in one latent cannot be led)"
        )
    return base.process_latent_in(latents)


def _keeping_variance(
    sigma: torch.Tensor, noise: torch.Tensor, latents: torch.Tensor
) -> torch.Tensor:
    """Latents noised as in the network's training, where noise and latents have variance 1."""
    return (latents + sigma * noise) / (1 + sigma**2) ** 0.5


def _first_step(sigmas: torch.Tensor, weak: float, goes_on: bool) -> int:
    """Which step of this run comes first.

    Raises:
        ValueError: where the clip could be noised in neither here nor in the run before.
    """
    begins_before = float(sigmas[0]) > weak * LEVEL
    within = f"this run goes from sigma {float(sigmas[0]):.4g} to {float(sigmas[-1]):.4g}"
    if goes_on and begins_before:
        raise ValueError(
            f"{within}, and the weak clock (sigma {weak:.4g}) lies within or after it, but no "
            "noise is given to begin with: switch the noise on here; or where this run goes on "
            "with another one's latents, connect the schedule of both, uncut, to 'schedule'"
        )
    if goes_on:
        return 0
    if float(sigmas[0]) * LEVEL < weak:
        raise ValueError(
            f"{within}, which is after the weak clock (sigma {weak:.4g}), so that it must go on "
            "with another run's latents, but noise is added to them: switch it off (DisableNoise, "
            "or add_noise), or leave 'schedule' unconnected to begin here"
        )
    if float(sigmas[-1]) > weak * LEVEL:
        raise ValueError(
            f"{within}, and the weak clock (sigma {weak:.4g}) comes only after it, so that it has "
            "nothing to do: begin with the run that the weak clock lies in"
        )
    return int((sigmas > weak * LEVEL).sum())


def _noise_within(
    sampling: Any, sigma: torch.Tensor, latent: torch.Tensor, clip: torch.Tensor
) -> torch.Tensor:
    """The noise that latents of another run, at a level, hold over the clip.

    `latent` is as a run hands it on. All noising is x = a(sigma) noise + b(sigma) clip.
    """
    none = torch.zeros_like(latent)
    x = sampling.noise_scaling(sigma, none, latent)
    share = sampling.noise_scaling(sigma, torch.ones_like(latent), none)
    return (x - sampling.noise_scaling(sigma, none, clip)) / share


def _from_within(inner: Any) -> Any:
    """The sampler for a start within the schedule, where noise of variance 1 is too much."""
    if not isinstance(inner, UnitNoiseSampler):
        return inner
    plain = comfy.samplers.KSAMPLER
    return plain(inner.sampler_function, inner.extra_options, inner.inpaint_options)


def _with_sigmas(extra_args: dict[str, Any], sigmas: torch.Tensor) -> dict[str, Any]:
    """The sampler's arguments, telling patches of the model which steps are run."""
    options = dict(extra_args.get("model_options", {}))
    told = {**options.get("transformer_options", {}), "sample_sigmas": sigmas}
    return {**extra_args, "model_options": {**options, "transformer_options": told}}
