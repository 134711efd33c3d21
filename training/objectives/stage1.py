"""Stage 1's objective: denoising motion fields, given a picture, a text and what was drawn.

The three steps of Motion-I2V (arXiv 2401.15977, section 4): "field", single fields at strides up to
120 with the UNet's spatial layers; "temporal", whole clips with the temporal layers alone; "whole",
everything. The ControlNet is trained beside the UNet, or after it with the UNet frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from comfy.ldm.modules.diffusionmodules.util import timestep_embedding
from einops import rearrange
from torch import nn

from ...models.fields.flow_colors import flow_to_color
from ...models.types.motion_field import decode, encode
from ..data.batches import Batch, placed
from ..data.strokes import USUAL, Drawing, draw
from .denoising import Denoising
from .linear_vae import FACTOR
from .networks import entries, host_options, released_tensors
from .noise import RELEASED, Schedule, on_cpu
from .samples import sample, weights_of

Encode = Callable[[torch.Tensor], torch.Tensor]
"""A frozen VAE's encoder: [B, C, H, W] -> the posterior's mean [B, 4, H / 8, W / 8]."""


def exactly(function: Callable) -> Callable:
    """Leaves autocast out: at 16 bits a latent of a field is off by half a pixel."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return wrapped


STEPS = ("field", "temporal", "whole")


@dataclass(frozen=True)
class Stage1Inputs:
    """What the networks are fed from, all frozen.

    Args:
        image: encodes pictures in -1..1, unscaled latents.
        flow: encodes flow01, unscaled latents.
        text: captions -> [B, tokens, width].
        schedule: of the noise.
        decode: the flow VAE's decoder, of unscaled latents, for reports; None: no reports.
        drawing: what is drawn; None: the ControlNet is left out.
        no_caption: share of the clips whose caption is dropped.
    """

    image: Encode
    flow: Encode
    text: Callable[[list[str]], torch.Tensor]
    schedule: Schedule = RELEASED
    decode: Encode | None = None
    drawing: Drawing | None = USUAL
    no_caption: float = 0.1


class Stage1Objective(Denoising):
    """The loss of stage 1's networks.

    Args:
        unet, control: as `objectives.networks` makes them; control None: text and picture alone.
        inputs: the frozen rest.
        step: one of STEPS: what is trained. With "control", only the ControlNet is.
        metadata: of the files.
        trial: a batch for reports.
    """

    def __init__(
        self,
        unet: nn.Module,
        control: nn.Module | None,
        inputs: Stage1Inputs,
        step: str = "whole",
        metadata: dict[str, str] | None = None,
        trial: Batch | None = None,
    ) -> None:
        if step not in (*STEPS, "control"):
            raise ValueError(f"stage 1 is trained in the steps {', '.join(STEPS)}, not '{step}'")
        if step == "control" and control is None:
            raise ValueError("there is no ControlNet to train")
        super().__init__(inputs.schedule, metadata)
        self.step = step
        self.inputs = inputs
        self.trial = trial
        self.modules = nn.ModuleDict({"unet": unet})
        if control is not None:
            self.modules["control"] = control
        self._freeze()

    def _freeze(self) -> None:
        for name, parameter in self.modules.named_parameters():
            temporal = ".motion_modules." in name
            wanted = {
                "field": not temporal,
                "temporal": temporal,
                "whole": True,
                "control": name.startswith("control."),
            }
            parameter.requires_grad_(wanted[self.step])

    def loss(
        self, batch: dict[str, Any], generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The mean squared error of what the network predicts.

        Args:
            batch: frames [B, F, 3, H, W], flow [B, F, 2, H, W], strides [B, F - 1], caption.
        """
        generator = on_cpu(generator)
        clips, predicted = batch["flow"].shape[0], batch["flow"].shape[1] - 1
        clean, reference, hint, context = self._encoded(batch, generator)
        noised = self.noised(clean, generator)
        reference = reference[:, None].expand(-1, predicted, -1, -1, -1)
        x = rearrange(torch.cat([noised.seen, reference], dim=2), "b n c h w -> (b n) c h w")
        said = self.predict(
            x,
            noised.t.to(clean.device).repeat_interleave(predicted),
            context.repeat_interleave(predicted, dim=0),
            batch["strides"].flatten(),
            None if hint is None else hint.flatten(0, 1),
            clips,
        )
        return noised.loss(said.unflatten(0, (clips, predicted))), {}

    def predict(
        self,
        x: torch.Tensor,
        t: torch.Tensor,
        context: torch.Tensor,
        strides: torch.Tensor,
        hint: torch.Tensor | None,
        clips: int,
    ) -> torch.Tensor:
        """The UNet's answer for x [clips * N, 8, h, w], noisy latents first."""
        unet = self.modules["unet"]
        y = timestep_embedding(strides, unet.model_channels)
        t = t.float()
        # A single field has no neighbours in time: the temporal layers rest.
        with _resting_temporal(self.modules, self.step == "field"):
            if hint is None or "control" not in self.modules:
                return unet(x, t, context=context, y=y, transformer_options=host_options(clips))
            residuals = self.modules["control"](
                x,
                hint=hint,
                timesteps=t,
                context=context,
                y=y,
                clips=clips,
                transformer_options=host_options(clips),
            )
            return unet(
                x,
                t,
                context=context,
                y=y,
                control={"middle": list(residuals["middle"])},
                transformer_options=host_options(clips, residuals),
            )

    @torch.no_grad()
    @exactly
    def _encoded(self, batch: dict[str, Any], generator: torch.Generator) -> Any:
        """Scaled latents [B, N, 4, h, w], the reference's [B, 4, h, w], the hint, the text."""
        inputs, flow = self.inputs, batch["flow"]
        clips = flow.shape[0]
        clean = inputs.flow(encode(flow[:, 1:]).flatten(0, 1)).unflatten(0, (clips, -1)) * FACTOR
        # The reference enters the image VAE in 0..1 in this stage.
        reference = inputs.image(batch["frames"][:, 0]) * FACTOR
        captions = [
            "" if float(torch.rand((), generator=generator)) < inputs.no_caption else caption
            for caption in batch["caption"]
        ]
        context = inputs.text(captions).to(clean)
        hint = None
        if inputs.drawing is not None and "control" in self.modules:
            objects = batch.get("objects")
            things = [None] * clips if objects is None else objects.cpu()
            drawn = [
                draw(one, generator, inputs.drawing, thing)
                for one, thing in zip(flow.cpu(), things, strict=True)
            ]
            flow01 = torch.stack([one for one, _ in drawn]).to(flow.device)
            mask = torch.stack([one for _, one in drawn]).to(clean)
            latent = inputs.flow(flow01.flatten(0, 1)).unflatten(0, (clips, -1))
            hint = torch.cat([latent, mask], dim=2)
        return clean, reference, hint, context

    @torch.no_grad()
    def sampled(self, batch: dict[str, Any], generator: torch.Generator, steps: int = 8) -> Any:
        """Fields [B, F, 2, H, W] in pixels that the networks make of a batch's drawings.

        Raises:
            ValueError: where the objective has no decoder.
        """
        if self.inputs.decode is None:
            raise ValueError("fields are sampled in latents; give a decoder to see them")
        clips, predicted = batch["flow"].shape[0], batch["flow"].shape[1] - 1
        clean, reference, hint, context = self._encoded(batch, generator)
        reference = reference[:, None].expand(-1, predicted, -1, -1, -1)
        text = context.repeat_interleave(predicted, dim=0)

        def predict(seen: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            x = torch.cat([seen, reference], dim=2).flatten(0, 1)
            times = t.to(x.device).repeat_interleave(predicted)
            given = None if hint is None else hint.flatten(0, 1)
            said = self.predict(x, times, text, batch["strides"].flatten(), given, clips)
            return said.float().unflatten(0, (clips, predicted))

        noise = torch.randn(clean.shape, generator=generator).to(clean)
        latents = sample(predict, noise, self.inputs.schedule, generator, steps) / FACTOR
        flow = decode(self.inputs.decode(latents.flatten(0, 1))).unflatten(0, (clips, predicted))
        return torch.cat([torch.zeros_like(flow[:, :1]), flow], dim=1)

    def report(self, modules: nn.ModuleDict, writer: Any, step: int) -> None:
        """Fields beside the truth, and their error next to that of no motion, on a fixed batch."""
        if self.trial is None or self.inputs.decode is None:
            return
        device = next(modules.parameters()).device
        batch = placed(self.trial, device)
        with weights_of(modules, self.modules):
            made = self.sampled(batch, torch.Generator().manual_seed(0))
        truth = batch["flow"]
        writer.add_scalar("trial/epe", _mean_error(made, truth), step)
        writer.add_scalar(
            "trial/epe of no motion", _mean_error(torch.zeros_like(truth), truth), step
        )
        last = torch.cat([made[:4, -1], truth[:4, -1]]).cpu()
        pictures = flow_to_color(last, float(truth[:4, -1].norm(dim=1).max())).movedim(-1, 1)
        writer.add_images("trial/fields, truth below", pictures, step)

    def files(self, modules: nn.ModuleDict) -> dict[str, tuple[dict, dict[str, str]]]:
        """The networks as files that the loaders take."""
        kinds = {"unet": "stage1_unet", "control": "stage1_controlnet"}
        return {
            f"{kinds[name]}.safetensors": (
                tensors_of(network, kinds[name]),
                {**self.metadata, "motion_i2v.kind": kinds[name]},
            )
            for name, network in modules.items()
        }


def tensors_of(network: nn.Module, kind: str) -> dict[str, torch.Tensor]:
    """A UNet's or ControlNet's tensors under their released names."""
    widths = tuple(network.model_channels * mult for mult in network.channel_mult)
    context = network.state_dict()["middle_block.1.transformer_blocks.0.attn2.to_k.weight"].shape[1]
    return released_tensors(network.state_dict(), kind, entries(kind, widths, context))


class _resting_temporal:
    """Inside, the networks' temporal layers add nothing."""

    def __init__(self, networks: nn.ModuleDict, resting: bool) -> None:
        self.clips = [network.clip for network in networks.values()] if resting else []

    def __enter__(self) -> None:
        for clip in self.clips:
            clip.resting = True

    def __exit__(self, *_: Any) -> None:
        for clip in self.clips:
            clip.resting = False


def _mean_error(flow: torch.Tensor, truth: torch.Tensor) -> float:
    """End-point error over all predicted pixels, px."""
    return float((flow - truth)[:, 1:].norm(dim=2).mean())
