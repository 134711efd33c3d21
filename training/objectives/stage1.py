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
from ..data.seeds import chance
from ..data.strokes import USUAL, Drawing, draw
from ..objective import Files
from .denoising import Denoising, Frozen, exactly
from .linear_vae import FACTOR
from .networks import host_options, tensors_of
from .noise import Schedule
from .samples import Predict, Shown

STEPS = ("field", "temporal", "whole")


@dataclass(eq=False)
class Stage1Objective(Denoising):
    """The loss of stage 1's networks.

    Args:
        unet, control: as `objectives.networks` makes them; control None: text and picture alone.
        frozen: the rest.
        step: one of STEPS: what is trained. With "control", only the ControlNet is.
        drawing: what is drawn; None: the ControlNet is left out.
        no_caption: share of the clips whose caption is dropped.
    """

    unet: nn.Module
    control: nn.Module | None
    frozen: Frozen
    step: str = "whole"
    drawing: Drawing | None = USUAL
    no_caption: float = 0.1

    def __post_init__(self) -> None:
        if self.step not in (*STEPS, "control"):
            steps = ", ".join(STEPS)
            raise ValueError(f"stage 1 is trained in the steps {steps}, not '{self.step}'")
        if self.step == "control" and self.control is None:
            raise ValueError("there is no ControlNet to train")
        if self.frozen.field is None:
            self.trial = None
        self.modules = nn.ModuleDict({"unet": self.unet})
        if self.control is not None:
            self.modules["control"] = self.control
        for name, parameter in self.modules.named_parameters():
            temporal = ".motion_modules." in name
            wanted = {
                "field": not temporal,
                "temporal": temporal,
                "whole": True,
                "control": name.startswith("control."),
            }
            parameter.requires_grad_(wanted[self.step])
        self.leaves_out = self.control is not None and self.drawing is None

    @property
    def schedule(self) -> Schedule:
        return self.frozen.schedule

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
        frozen, flow = self.frozen, batch["flow"]
        clips = flow.shape[0]
        clean = frozen.flow(encode(flow[:, 1:]).flatten(0, 1)).unflatten(0, (clips, -1)) * FACTOR
        # The reference enters the image VAE in 0..1 in this stage.
        reference = frozen.image(batch["frames"][:, 0]) * FACTOR
        captions = [
            "" if chance(generator) < self.no_caption else caption for caption in batch["caption"]
        ]
        context = frozen.text(captions).to(clean)
        if self.drawing is None or "control" not in self.modules:
            return clean, reference, None, context
        objects = batch.get("objects")
        things = [None] * clips if objects is None else objects.cpu()
        pairs = zip(flow.cpu(), things, strict=True)
        drawn = [draw(one, generator, self.drawing, thing) for one, thing in pairs]
        flow01, mask = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        latent = frozen.flow(flow01.to(flow.device).flatten(0, 1)).unflatten(0, (clips, -1))
        return clean, reference, torch.cat([latent, mask.to(clean)], dim=2), context

    def sampled(self, batch: Batch, generator: torch.Generator, steps: int = 8) -> Tensor:
        """Fields [B, F, 2, H, W] in pixels that the networks make of a batch's drawings.

        Raises:
            ValueError: where the objective has no decoder.
        """
        if self.frozen.field is None:
            raise ValueError("fields are sampled in latents; give a decoder to see them")
        latents = self.latents(*self.example(batch, generator), generator, steps) / FACTOR
        flow = decode(self.frozen.field(latents.flatten(0, 1))).unflatten(0, latents.shape[:2])
        return torch.cat([torch.zeros_like(flow[:, :1]), flow], dim=1)

    def shown(self, batch: Batch, generator: torch.Generator) -> Shown:
        """Fields beside the truth, and their error next to that of no motion."""
        made, truth = self.sampled(batch, generator), batch["flow"]
        flows = {"epe": made, "epe of no motion": torch.zeros_like(truth)}
        # Over all predicted pixels, px.
        errors = {name: (each - truth)[:, 1:].norm(dim=2).mean() for name, each in flows.items()}
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
