"""Stage 1's objective: denoising motion fields, given a picture, a text and what was drawn.

The three steps of Motion-I2V (arXiv 2401.15977, section 4): "field", single fields at strides up to
120 with the UNet's spatial layers; "temporal", whole clips with the temporal layers alone; "whole",
everything. The ControlNet is trained beside the UNet, or after it with the UNet frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from comfy.ldm.modules.diffusionmodules.util import timestep_embedding
from torch import Tensor, nn

from ...models.fields.flow_colors import flow_to_color
from ...models.types.motion_field import decode, encode
from ..data.batches import Batch
from ..data.strokes import USUAL, Drawing, draw
from ..objective import Files
from .denoising import Denoising, Encode, Shown, Text, exactly
from .linear_vae import FACTOR
from .networks import host_options, tensors_of
from .noise import RELEASED, Schedule
from .samples import Predict

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
    text: Text
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
        super().__init__(inputs.schedule, metadata, trial if inputs.decode else None)
        self.step, self.inputs = step, inputs
        self.modules = nn.ModuleDict({"unet": unet})
        if control is not None:
            self.modules["control"] = control
        for name, parameter in self.modules.named_parameters():
            temporal = ".motion_modules." in name
            wanted = {
                "field": not temporal,
                "temporal": temporal,
                "whole": True,
                "control": name.startswith("control."),
            }
            parameter.requires_grad_(wanted[step])
        self.leaves_out = control is not None and inputs.drawing is None

    def example(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Predict]:
        """Of a batch with frames [B, F, 3, H, W], flow [B, F, 2, H, W], strides [B, F - 1] and
        caption."""
        clean, reference, hint, context = self._encoded(batch, generator)
        clips, count = clean.shape[:2]
        reference = reference[:, None].expand(-1, count, -1, -1, -1)
        context = context.repeat_interleave(count, dim=0)
        hint = None if hint is None else hint.flatten(0, 1)

        def predict(seen: Tensor, t: Tensor) -> Tensor:
            x = torch.cat([seen, reference], dim=2).flatten(0, 1)
            t = t.to(x.device).repeat_interleave(count)
            said = self.predict(x, t, context, batch["strides"].flatten(), hint, clips)
            return said.unflatten(0, (clips, count))

        return clean, predict

    def predict(
        self,
        x: Tensor,
        t: Tensor,
        context: Tensor,
        strides: Tensor,
        hint: Tensor | None,
        clips: int,
    ) -> Tensor:
        """The UNet's answer for x [clips * N, 8, h, w], noisy latents first."""
        unet = self.modules["unet"]
        told: dict[str, Any] = {
            "context": context,
            "y": timestep_embedding(strides, unet.model_channels),
            "transformer_options": host_options(clips),
        }
        t = t.float()
        # A single field has no neighbours in time: the temporal layers rest.
        with _resting_temporal(self.modules, self.step == "field"):
            if hint is not None and "control" in self.modules:
                residuals = self.modules["control"](x, hint=hint, timesteps=t, clips=clips, **told)
                told["control"] = {"middle": list(residuals["middle"])}
                told["transformer_options"] = host_options(clips, residuals)
            return unet(x, t, **told)

    @exactly
    def _encoded(self, batch: Batch, generator: torch.Generator) -> tuple[Any, ...]:
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
        if inputs.drawing is None or "control" not in self.modules:
            return clean, reference, None, context
        objects = batch.get("objects")
        things = [None] * clips if objects is None else objects.cpu()
        pairs = zip(flow.cpu(), things, strict=True)
        drawn = [draw(one, generator, inputs.drawing, thing) for one, thing in pairs]
        flow01, mask = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        latent = inputs.flow(flow01.to(flow.device).flatten(0, 1)).unflatten(0, (clips, -1))
        return clean, reference, torch.cat([latent, mask.to(clean)], dim=2), context

    def sampled(self, batch: Batch, generator: torch.Generator, steps: int = 8) -> Tensor:
        """Fields [B, F, 2, H, W] in pixels that the networks make of a batch's drawings.

        Raises:
            ValueError: where the objective has no decoder.
        """
        if self.inputs.decode is None:
            raise ValueError("fields are sampled in latents; give a decoder to see them")
        latents = self.latents(*self.example(batch, generator), generator, steps) / FACTOR
        flow = decode(self.inputs.decode(latents.flatten(0, 1))).unflatten(0, latents.shape[:2])
        return torch.cat([torch.zeros_like(flow[:, :1]), flow], dim=1)

    def shown(self, batch: Batch, generator: torch.Generator) -> Shown:
        """Fields beside the truth, and their error next to that of no motion."""
        made, truth = self.sampled(batch, generator), batch["flow"]
        errors = {
            "epe": _mean_error(made, truth),
            "epe of no motion": _mean_error(torch.zeros_like(truth), truth),
        }
        last = torch.cat([made[:4, -1], truth[:4, -1]]).cpu()
        colours = flow_to_color(last, float(truth[:4, -1].norm(dim=1).max()))
        return errors, {"fields": colours.movedim(-1, 1)}

    def files(self, modules: Any) -> Files:
        """The networks as files that the loaders take."""
        kinds = {"unet": "stage1_unet", "control": "stage1_controlnet"}
        return {
            f"{kinds[name]}.safetensors": (tensors_of(net, kinds[name]), self.told(kinds[name]))
            for name, net in modules.named_children()
        }


@contextmanager
def _resting_temporal(networks: Any, resting: bool) -> Iterator[None]:
    """Inside, the networks' temporal layers add nothing, if they are to rest."""
    for network in networks.values():
        network.clip.resting = resting
    try:
        yield
    finally:
        for network in networks.values():
            network.clip.resting = False


def _mean_error(flow: Tensor, truth: Tensor) -> Tensor:
    """End-point error over all predicted pixels, px."""
    return (flow - truth)[:, 1:].norm(dim=2).mean()
