"""MCDiff's objectives (arXiv 2304.14404): F alone, G alone, then both end to end.

F, flow completion, is a regression: sparse flow and a frame -> flow to the next frame. G, the
future frame, is a latent diffusion: frame and flow -> the next frame. What the paper does not tell,
the losses' exact form among it, is ours. So is that G's sample is the change from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...models.fields.flow_colors import flow_to_color
from ...models.host.mcdiff_networks import CHANGE, FlowCompletion, FutureFrameUNet, folded, longest
from ..data.batches import Batch, placed
from ..data.sparse_flow import MOVES
from .denoising import Denoising
from .linear_vae import FACTOR
from .noise import RELEASED, Schedule, on_cpu
from .samples import sample, weights_of
from .stage1 import Encode, exactly

FLOW, FRAME, SPARSE, TOGETHER = "flow", "frame", "sparse", "together"
STEPS = (FLOW, FRAME, SPARSE, TOGETHER)
FILE = "mcdiff.safetensors"
SHARP = 0.01
"""Below this part of the longest flow, an error counts as its square."""
LEAST = 0.5
"""px: the longest flow counts as at least so long."""


@dataclass(frozen=True)
class McdiffInputs:
    """What the networks are fed from.

    Args:
        image: the frozen VAE's encoder, of pictures in -1..1, unscaled latents.
        decode: its decoder; None: F sees only frames as they are, and nothing is reported of G.
        schedule: of the noise.
        moving: how much more the error of a moving pixel weighs.
        coded: the share of frames that F sees through the VAE, as it does in a rollout.
        dropped: the share of steps in which G is told no flow at all, for guidance.
        blurred: the most noise, in standard deviations, on the latent that G goes on from: its own
            frames will not be clean either.
    """

    image: Encode
    decode: Encode | None = None
    schedule: Schedule = RELEASED
    moving: float = 2.0
    coded: float = 0.3
    dropped: float = 0.1
    blurred: float = 0.15


@dataclass(frozen=True)
class _Pairs:
    """Steps of a batch: frames [B, 3, H, W] before and after, the flow, what was drawn of it."""

    before: Tensor
    after: Tensor
    flow: Tensor
    drawn: Tensor
    known: Tensor


def _pairs(batch: Batch) -> _Pairs:
    frames = batch["frames"]
    return _Pairs(
        frames[:, :-1].flatten(0, 1),
        frames[:, 1:].flatten(0, 1),
        *(batch[name].flatten(0, 1) for name in ("flow", "drawn", "known")),
    )


class McdiffObjective(Denoising):
    """The loss of F, of G, or of both.

    Args:
        step: "flow": F alone; "frame": G alone, on true flow; "sparse": G on what was drawn instead
            (the paper's ablation); "together": G on F's flow, whose gradient reaches F beside F's
            own loss.
        completion, future: the networks; None where the step does not need it.
        inputs: the frozen rest.
        apart: in "together", G is given the true flow: the same steps without the end to end.
        metadata: of the file.
        trial: a batch for reports.
    """

    recomputes = False

    def __init__(
        self,
        step: str,
        completion: FlowCompletion | None,
        future: FutureFrameUNet | None,
        inputs: McdiffInputs,
        apart: bool = False,
        metadata: dict[str, str] | None = None,
        trial: Batch | None = None,
    ) -> None:
        if step not in STEPS:
            raise ValueError(f"MCDiff is trained in the steps {', '.join(STEPS)}, not '{step}'")
        given = {"flow_completion": completion, "future_frame": future}
        needed = {
            FLOW: ("flow_completion",),
            FRAME: ("future_frame",),
            SPARSE: ("future_frame",),
            TOGETHER: ("flow_completion", "future_frame"),
        }[step]
        missing = [name for name in needed if given[name] is None]
        if missing:
            raise ValueError(f"step '{step}' trains {', '.join(missing)}, which is not given")
        super().__init__(inputs.schedule, metadata)
        self.step, self.inputs, self.apart, self.trial = step, inputs, apart, trial
        self.modules = nn.ModuleDict({name: given[name] for name in needed})

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch of `training.data.step_clips.drawn_on`."""
        generator = on_cpu(generator)
        pairs = _pairs(batch)
        flow, known = pairs.flow, torch.ones_like(pairs.known)
        figures: dict[str, Any] = {}
        loss = pairs.flow.new_zeros(())
        if "flow_completion" in self.modules:
            flow, own = self._completed(pairs, generator)
            loss = loss + own
            figures["flow"] = own.detach()
            figures["epe"] = (flow - pairs.flow).detach().norm(dim=1).mean()
            if self.apart:
                flow = pairs.flow
        elif self.step == SPARSE:
            flow, known = pairs.drawn, pairs.known
        if "future_frame" in self.modules:
            painted = self._painted(pairs, flow, known, generator)
            figures["frame"] = painted.detach()
            loss = loss + painted
        return loss, figures

    def _completed(self, pairs: _Pairs, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """F's flow, and its loss: the length of the error, more of it on moving pixels.

        It is measured in parts of the longest flow, so that slow steps teach as much as fast ones.
        """
        before = pairs.before
        if self.inputs.decode is not None:
            coded = torch.rand(len(before), generator=generator) < self.inputs.coded
            if bool(coded.any()):
                before = before.clone()
                before[coded] = self._through_vae(before[coded])
        flow = self.modules["flow_completion"](pairs.drawn, pairs.known, before).float()
        unit = longest(pairs.flow, torch.ones_like(pairs.known)).clamp(min=LEAST)
        length = ((flow - pairs.flow) / unit).square().sum(1).add(SHARP**2).sqrt()
        weight = 1 + self.inputs.moving * (pairs.flow.norm(dim=1) > MOVES).float()
        return flow, (length * weight).sum() / weight.sum()

    def _painted(
        self, pairs: _Pairs, flow: Tensor, known: Tensor, generator: torch.Generator
    ) -> Tensor:
        """G's loss: the mean squared error of what it predicts."""
        inputs = self.inputs
        after, before = self._encoded(pairs.after), self._encoded(pairs.before)
        count, device = len(after), after.device
        blur = inputs.blurred * torch.rand(count, 1, 1, 1, generator=generator)
        before = before + (blur * torch.randn(after.shape, generator=generator)).to(device)
        clean = (after - before) / CHANGE
        noised = self.noised(clean, generator)
        kept = (torch.rand(count, 1, 1, 1, generator=generator) >= inputs.dropped).float()
        seen, t = noised.seen, noised.t
        return noised.loss(self.predict(seen, t, before, flow, known * kept.to(device)))

    def predict(
        self, seen: Tensor, t: Tensor, before: Tensor, flow: Tensor, known: Tensor
    ) -> Tensor:
        """G's answer for noisy latents [B, 4, h, w] at timesteps [B]."""
        x = torch.cat([seen, before, folded(flow, known).to(seen)], dim=1)
        return self.modules["future_frame"](x, t.to(seen).float())

    @torch.no_grad()
    @exactly
    def _encoded(self, pictures: Tensor) -> Tensor:
        return self.inputs.image(pictures * 2 - 1) * FACTOR

    @torch.no_grad()
    @exactly
    def _through_vae(self, pictures: Tensor) -> Tensor:
        assert self.inputs.decode is not None
        return ((self.inputs.decode(self.inputs.image(pictures * 2 - 1)) + 1) / 2).clamp(0, 1)

    @torch.no_grad()
    def completed(self, batch: Batch) -> Tensor:
        """F's flow [B (F - 1), 2, H, W] px for a batch."""
        pairs = _pairs(batch)
        return self.modules["flow_completion"](pairs.drawn, pairs.known, pairs.before).float()

    @torch.no_grad()
    def painted(self, batch: Batch, generator: torch.Generator, steps: int = 4) -> Tensor:
        """G's next frames [B (F - 1), 3, H, W], each from its true predecessor."""
        pairs = _pairs(batch)
        flow, known = pairs.flow, torch.ones_like(pairs.known)
        if self.step == SPARSE:
            flow, known = pairs.drawn, pairs.known
        elif self.step == TOGETHER:
            flow = self.completed(batch)
        before = self._encoded(pairs.before)

        def predict(seen: Tensor, t: Tensor) -> Tensor:
            return self.predict(seen, t, before, flow, known).float()

        noise = torch.randn(before.shape, generator=generator).to(before)
        change = sample(predict, noise, self.inputs.schedule, generator, steps)
        assert self.inputs.decode is not None
        return ((self.inputs.decode((before + CHANGE * change) / FACTOR) + 1) / 2).clamp(0, 1)

    def report(self, modules: nn.ModuleDict, writer: Any, step: int) -> None:
        """Flow and frames beside the truth, with their errors beside those of no motion."""
        if self.trial is None:
            return
        batch = placed(self.trial, next(modules.parameters()).device)
        pairs = _pairs(batch)
        with weights_of(modules, self.modules):
            if "flow_completion" in modules:
                flow = self.completed(batch)
                for name, made in (("epe", flow), ("epe of no motion", 0 * flow)):
                    error = (made - pairs.flow).norm(dim=1).mean()
                    writer.add_scalar(f"trial/{name}", float(error), step)
                both = torch.cat([flow[:4], pairs.flow[:4]]).cpu()
                longest = float(pairs.flow[:4].norm(dim=1).max())
                colours = flow_to_color(both, longest).movedim(-1, 1)
                writer.add_images("trial/flow, truth below", colours, step)
            if "future_frame" in modules and self.inputs.decode is not None:
                made = self.painted(batch, torch.Generator().manual_seed(0))
                ceiling = self._through_vae(pairs.after)
                rest = self._through_vae(pairs.before)
                for name, frames in (("psnr", made), ("psnr of rest", rest), ("ceiling", ceiling)):
                    error = (frames - pairs.after).square().mean()
                    writer.add_scalar(f"trial/{name}", float(-10 * torch.log10(error)), step)
                writer.add_images(
                    "trial/frames, truth below", torch.cat([made[:4], pairs.after[:4]]).cpu(), step
                )

    def files(self, modules: nn.ModuleDict) -> dict[str, tuple[dict[str, Tensor], dict[str, str]]]:
        """One file with what was trained: `flow_completion.*` and `future_frame.*`."""
        metadata = {**self.metadata, "motion_i2v.kind": "mcdiff"}
        return {FILE: (dict(modules.state_dict()), metadata)}
