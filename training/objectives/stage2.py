"""Stage 2's objectives: the image UNet on single pictures, then the motion module on clips.

The motion module learns on a frozen image UNet, so that any UNet of the same ancestry can be put in
its place (AnimateDiff, arXiv 2307.04725); a small model trained from nothing ends with both.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from ...models.files.layout import sites
from ...models.host.temporal_layers import layer_at
from ...models.networks.reference_warp import ReferenceWarp
from ...models.networks.splat import SplatPlan
from ..data.batches import Batch, placed
from .denoising import Denoising
from .linear_vae import FACTOR
from .networks import entries, host_options, released_tensors
from .noise import RELEASED, Schedule, on_cpu
from .samples import sample, weights_of
from .stage1 import Encode, exactly, tensors_of


class ClipWarps(ReferenceWarp):
    """The warps of several clips at one resolution, as that of one picture with all their pixels.

    Args:
        flow: [B, N - 1, 2, h, w] displacements in pixels of this resolution.
    """

    def __init__(self, flow: torch.Tensor) -> None:
        clips, self.fields, _, height, width = flow.shape
        self.pixels = clips * height * width
        self.strength = 1.0
        self._constants: dict[object, torch.Tensor] = {}
        offsets, columns, values = [], [], []
        for clip in range(clips):
            offset, column, value = SplatPlan(flow[clip]).rows_matrix()
            entries_before = sum(len(v) for v in values)
            offsets.append(offset[:-1] + entries_before)
            columns.append(column + clip * height * width)
            values.append(value)
        last = offsets[-1].new_tensor([sum(len(v) for v in values)])
        self.offset = torch.cat([*offsets, last])
        self.column, self.value = torch.cat(columns), torch.cat(values)
        self._starts = self.offset[:: self.fields].tolist()


class Warps:
    """A batch's warps at every resolution that the UNet asks for.

    Args:
        flow: [B, F, 2, H, W] px from frame 0.
    """

    def __init__(self, flow: torch.Tensor) -> None:
        self.flow = flow[:, 1:]
        self.at: dict[tuple[int, int], ClipWarps] = {}

    def __getitem__(self, size: tuple[int, int]) -> ClipWarps:
        if size not in self.at:
            clips, height, width = self.flow.shape[0], *self.flow.shape[-2:]
            ratio = self.flow.new_tensor([size[1] / width, size[0] / height]).view(2, 1, 1)
            flow = F.interpolate(
                self.flow.flatten(0, 1), size=size, mode="bilinear", align_corners=False
            )
            self.at[size] = ClipWarps((flow * ratio).unflatten(0, (clips, -1)))
        return self.at[size]


@torch.no_grad()
@exactly
def encoded(image: Encode, text: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled latents [B, F, 4, h, w] and text [B, F, tokens, width] of a batch."""
    clips, frames = batch["frames"].shape[:2]
    clean = image(batch["frames"].flatten(0, 1) * 2 - 1).unflatten(0, (clips, frames)) * FACTOR
    context = text(batch["caption"]).to(clean)
    return clean, context[:, None].expand(-1, frames, -1, -1)


class ImageObjective(Denoising):
    """The loss of an image UNet on single pictures.

    Args:
        unet: as `training.objectives.networks.image_unet` makes it.
        image: the frozen VAE's encoder, of pictures in -1..1.
        text: captions -> [B, tokens, width].
        schedule: of the noise.
        metadata: of the file.
    """

    def __init__(
        self,
        unet: nn.Module,
        image: Encode,
        text: Any,
        schedule: Schedule = RELEASED,
        metadata: dict[str, str] | None = None,
    ) -> None:
        super().__init__(schedule, metadata)
        self.modules = nn.ModuleDict({"unet": unet})
        self.image, self.text = image, text

    def loss(
        self, batch: dict[str, Any], generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The mean squared error for a batch with frames [B, F, 3, H, W] and caption."""
        generator = on_cpu(generator)
        clean, context = encoded(self.image, self.text, batch)
        clean, context = clean.flatten(0, 1), context.flatten(0, 1)
        noised = self.noised(clean, generator)
        said = self.modules["unet"](
            noised.seen, noised.t.to(clean), context=context, transformer_options=host_options(1)
        )
        return noised.loss(said), {}

    def files(self, modules: nn.ModuleDict) -> dict[str, tuple[dict, dict[str, str]]]:
        """The UNet as a file."""
        tensors = tensors_of(modules["unet"], "sd15_unet")
        metadata = {**self.metadata, "motion_i2v.kind": "sd15_unet"}
        return {"image_unet.safetensors": (tensors, metadata)}


class MotionObjective(Denoising):
    """The loss of a motion module: frame 0 is known and clean, at timestep 1, as when sampling.

    Args:
        unet: an image UNet.
        layers: as `training.objectives.networks.motion_layers` makes them, or from AnimateDiff v2.
        whole: whether the image UNet is trained along with the module, or stays frozen.
        decode: the image VAE's decoder, of unscaled latents to -1..1, for reports; None: none.
        trial: a batch for reports.
    """

    def __init__(
        self,
        unet: nn.Module,
        layers: nn.ModuleList,
        image: Encode,
        text: Any,
        schedule: Schedule = RELEASED,
        whole: bool = False,
        metadata: dict[str, str] | None = None,
        decode: Encode | None = None,
        trial: Batch | None = None,
    ) -> None:
        super().__init__(schedule, metadata)
        self.modules = nn.ModuleDict({"unet": unet, "motion": layers})
        self.decode, self.trial = decode, trial
        self.whole = whole
        unet.requires_grad_(whole)
        self.image, self.text = image, text
        self._clip: tuple[int, Warps] | None = None
        widths = tuple(unet.model_channels * mult for mult in unet.channel_mult)
        for site, layer in zip(sites(widths), layers, strict=True):
            layer_at(unet, site).register_forward_hook(partial(self._follow, layer))

    def _follow(self, layer: nn.Module, _at: Any, _inputs: Any, output: torch.Tensor) -> Any:
        if self._clip is None:
            return output
        frames, warps = self._clip
        return layer(output, frames, warp=warps[output.shape[2], output.shape[3]])

    def loss(
        self, batch: dict[str, Any], generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The mean squared error over frames 1.. of a batch with frames, flow and caption."""
        generator = on_cpu(generator)
        clean, context = encoded(self.image, self.text, batch)
        noised = self.noised(clean, generator)
        warps = Warps(batch["flow"])
        said = self.predict(clean, noised.seen, noised.t, context.flatten(0, 1), warps)
        return (said.float() - noised.target)[:, 1:].square().mean(), {}

    def predict(
        self,
        clean: torch.Tensor,
        seen: torch.Tensor,
        t: torch.Tensor,
        context: torch.Tensor,
        warps: Warps,
    ) -> torch.Tensor:
        """The UNet's answer [B, N, 4, h, w] where frame 0 is `clean`'s and the others are `seen`.

        Args:
            t: [B]; frame 0 is at timestep 1.
        """
        clips, frames = seen.shape[:2]
        x = torch.cat([clean[:, :1], seen[:, 1:]], dim=1)
        times = t.to(x)[:, None].repeat(1, frames)
        times[:, 0] = 1
        self._clip = frames, warps
        try:
            said = self.modules["unet"](
                rearrange(x, "b n c h w -> (b n) c h w"),
                times.flatten(),
                context=context,
                transformer_options=host_options(clips),
            )
        finally:
            self._clip = None
        return said.unflatten(0, (clips, frames))

    @torch.no_grad()
    def sampled(
        self,
        batch: dict[str, Any],
        generator: torch.Generator,
        steps: int = 8,
        flow: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Scaled latents [B, F, 4, h, w] of the videos that the networks paint along a batch's
        fields, or along `flow`."""
        clean, context = encoded(self.image, self.text, batch)
        warps = Warps(batch["flow"] if flow is None else flow)

        def predict(seen: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return self.predict(clean, seen, t, context.flatten(0, 1), warps).float()

        noise = torch.randn(clean.shape, generator=generator).to(clean)
        made = sample(predict, noise, self.schedule, generator, steps)
        return torch.cat([clean[:, :1], made[:, 1:]], dim=1)

    def report(self, modules: nn.ModuleDict, writer: Any, step: int) -> None:
        """Frames beside the true ones, and PSNR next to that of a repeated frame 0."""
        if self.trial is None or self.decode is None:
            return
        device = next(modules.parameters()).device
        batch = placed(self.trial, device)
        with weights_of(modules, self.modules):
            made = self.sampled(batch, torch.Generator().manual_seed(0))
        clean, _ = encoded(self.image, self.text, batch)
        truth = batch["frames"]
        ways = {"psnr": made, "psnr of frame 0": clean[:, :1].expand_as(clean), "ceiling": clean}
        for name, latents in ways.items():
            frames = self._pictures(latents)
            error = (frames - truth)[:, 1:].square().mean()
            writer.add_scalar(f"trial/{name}", float(-10 * torch.log10(error)), step)
        rows = torch.cat([self._pictures(made)[0, ::2], truth[0, ::2]]).cpu()
        writer.add_images("trial/frames, truth below", rows, step)

    def _pictures(self, latents: torch.Tensor) -> torch.Tensor:
        """[B, F, 3, H, W] in 0..1"""
        assert self.decode is not None
        frames = self.decode(latents.flatten(0, 1) / FACTOR)
        return ((frames + 1) / 2).clamp(0, 1).unflatten(0, latents.shape[:2])

    def files(self, modules: nn.ModuleDict) -> dict[str, tuple[dict, dict[str, str]]]:
        """The motion module as a file, and the UNet as another if it was trained."""
        unet = modules["unet"]
        widths = tuple(unet.model_channels * mult for mult in unet.channel_mult)
        motion = released_tensors(
            modules["motion"].state_dict(), "motion_modules", entries("motion_modules", widths)
        )
        kind = {**self.metadata, "motion_i2v.kind": "motion_modules"}
        files = {"motion_module.safetensors": (motion, kind)}
        if self.whole:
            kind = {**self.metadata, "motion_i2v.kind": "sd15_unet"}
            files["image_unet.safetensors"] = (tensors_of(unet, "sd15_unet"), kind)
        return files
