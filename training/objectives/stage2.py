"""Stage 2's objectives: the image UNet on single pictures, then the motion module on clips.

The motion module learns on a frozen image UNet, so that any UNet of the same ancestry can be put in
its place (AnimateDiff, arXiv 2307.04725); a small model trained from nothing ends with both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.files.layout import sites
from ...models.host.temporal_layers import follow
from ...models.networks.reference_warp import ReferenceWarp
from ...scenes import metrics
from ..data.batches import Batch
from ..objective import Files
from .denoising import Denoising, Frozen, exactly
from .linear_vae import FACTOR
from .networks import entries, host_options, released_tensors, tensors_of, widths_of
from .noise import Schedule
from .samples import Predict, Shown


class Warps:
    """A batch's warps at every resolution that the UNet asks for.

    Args:
        flow: [B, F, 2, H, W] px from frame 0.
    """

    def __init__(self, flow: Tensor) -> None:
        self.flow = flow[:, 1:]
        self.at: dict[tuple[int, int], ReferenceWarp] = {}

    def __getitem__(self, size: tuple[int, int]) -> ReferenceWarp:
        if size not in self.at:
            clips, height, width = self.flow.shape[0], *self.flow.shape[-2:]
            ratio = self.flow.new_tensor([size[1] / width, size[0] / height]).view(2, 1, 1)
            flow = F.interpolate(
                self.flow.flatten(0, 1), size=size, mode="bilinear", align_corners=False
            )
            self.at[size] = ReferenceWarp((flow * ratio).unflatten(0, (clips, -1)))
        return self.at[size]


@exactly
def encoded(frozen: Frozen, batch: Batch) -> tuple[Tensor, Tensor]:
    """Scaled latents [B, F, 4, h, w] and text [B, F, tokens, width] of a batch."""
    clips, frames = batch["frames"].shape[:2]
    pictures = batch["frames"].flatten(0, 1) * 2 - 1
    clean = frozen.image(pictures).unflatten(0, (clips, frames)) * FACTOR
    context = frozen.text(batch["caption"]).to(clean)
    return clean, context[:, None].expand(-1, frames, -1, -1)


@dataclass(eq=False)
class ImageObjective(Denoising):
    """The loss of an image UNet on single pictures.

    Args:
        unet: as `training.objectives.networks.image_unet` makes it.
        frozen: the rest.
    """

    unet: Any
    frozen: Frozen

    def __post_init__(self) -> None:
        self.modules = nn.ModuleDict({"unet": self.unet})

    @property
    def schedule(self) -> Schedule:
        return self.frozen.schedule

    def example(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Predict]:
        """Of a batch with frames [B, F, 3, H, W] and caption."""
        clean, context = (part.flatten(0, 1) for part in encoded(self.frozen, batch))

        def predict(seen: Tensor, t: Tensor) -> Tensor:
            options = host_options(1)
            return self.modules["unet"](
                seen, t.to(clean), context=context, transformer_options=options
            )

        return clean, predict

    def files(self, modules: Any) -> Files:
        """The UNet as a file."""
        kind = "sd15_unet"
        return {"image_unet.safetensors": (tensors_of(modules["unet"], kind), self.told(kind))}


@dataclass(eq=False)
class MotionObjective(ImageObjective):
    """The loss of a motion module: frame 0 is known and clean, at timestep 1, as when sampling.

    Args:
        unet, frozen: see `ImageObjective`.
        layers: as `training.objectives.networks.motion_layers` makes them, or from AnimateDiff v2.
        whole: whether the image UNet is trained along with the module, or stays frozen.
    """

    known = 1

    layers: nn.ModuleList
    whole: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frozen.picture is None:
            self.trial = None
        self.modules["motion"] = self.layers
        self.unet.requires_grad_(self.whole)
        self._clip: tuple[int, Warps] | None = None
        follow(self.unet, sites(widths_of(self.unet)), self.layers, self._follow)

    def _follow(self, layer: nn.Module, output: Tensor) -> Tensor:
        if self._clip is None:
            return output
        frames, warps = self._clip
        return layer(output, frames, warp=warps[output.shape[2], output.shape[3]])

    def example(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Predict]:
        """Of a batch with frames, flow and caption."""
        clean, context = encoded(self.frozen, batch)
        warps = Warps(batch["flow"])

        def predict(seen: Tensor, t: Tensor) -> Tensor:
            return self.predict(clean, seen, t, context.flatten(0, 1), warps)

        return clean, predict

    def predict(
        self, clean: Tensor, seen: Tensor, t: Tensor, context: Tensor, warps: Warps
    ) -> Tensor:
        """The UNet's answer [B, N, 4, h, w] where frame 0 is `clean`'s and the others are `seen`.

        Args:
            t: [B]; frame 0 is at timestep 1.
        """
        clips, frames = seen.shape[:2]
        x = torch.cat([clean[:, :1], seen[:, 1:]], dim=1).flatten(0, 1)
        times = t.to(x)[:, None].repeat(1, frames)
        times[:, 0] = 1
        self._clip = frames, warps
        try:
            said = self.modules["unet"](
                x, times.flatten(), context=context, transformer_options=host_options(clips)
            )
        finally:
            self._clip = None
        return said.unflatten(0, (clips, frames))

    def sampled(self, batch: Batch, generator: torch.Generator, steps: int = 8) -> Tensor:
        """Scaled latents [B, F, 4, h, w] of the videos that the networks paint along a batch's
        fields."""
        clean, predict = self.example(batch, generator)
        made = self.latents(clean, predict, generator, steps)
        return torch.cat([clean[:, :1], made[:, 1:]], dim=1)

    def shown(self, batch: Batch, generator: torch.Generator) -> Shown:
        """Frames beside the true ones, and PSNR next to that of a repeated frame 0."""
        made = self.sampled(batch, generator)
        clean, _ = encoded(self.frozen, batch)
        ways = {"psnr": made, "psnr of frame 0": clean[:, :1].expand_as(clean), "ceiling": clean}
        frames = {name: self._pictures(latents) for name, latents in ways.items()}
        truth = batch["frames"]
        errors = {
            name: metrics.decibels(float((each - truth)[:, 1:].square().mean()))
            for name, each in frames.items()
        }
        return errors, {"frames": torch.cat([frames["psnr"][0, ::2], truth[0, ::2]])}

    def _pictures(self, latents: Tensor) -> Tensor:
        """[B, F, 3, H, W] in 0..1"""
        assert self.frozen.picture is not None
        frames = self.frozen.picture(latents.flatten(0, 1) / FACTOR)
        return ((frames + 1) / 2).clamp(0, 1).unflatten(0, latents.shape[:2])

    def files(self, modules: Any) -> Files:
        """The motion module as a file, and the UNet as another if it was trained."""
        kind = "motion_modules"
        table = entries(kind, widths_of(modules["unet"]))
        motion = released_tensors(modules["motion"].state_dict(), kind, table)
        files = {"motion_module.safetensors": (motion, self.told(kind))}
        return {**files, **super().files(modules)} if self.whole else files
