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
from ...scenes import metrics
from ..data.batches import Batch
from ..data.ranges import Amount, Share
from ..data.seeds import following
from ..data.sparse_flow import MOVES
from ..objective import Files
from .denoising import Denoising, Encode, exactly
from .linear_vae import FACTOR
from .noise import RELEASED, Schedule
from .samples import Shown

FLOW, FRAME, SPARSE, TOGETHER = "flow", "frame", "sparse", "together"
F, G = "flow_completion", "future_frame"
NEEDED = {FLOW: (F,), FRAME: (G,), SPARSE: (G,), TOGETHER: (F, G)}
STEPS = tuple(NEEDED)
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
    moving: Amount = 2.0
    coded: Share = 0.3
    dropped: Share = 0.1
    blurred: Share = 0.15


@dataclass(frozen=True)
class _Pairs:
    """Steps of a batch: frames [B, 3, H, W] before and after, the flow, what was drawn of it."""

    before: Tensor
    after: Tensor
    flow: Tensor
    drawn: Tensor
    known: Tensor

    @staticmethod
    def of(batch: Batch) -> _Pairs:
        frames = batch["frames"]
        parts = (frames[:, :-1], frames[:, 1:], *(batch[k] for k in ("flow", "drawn", "known")))
        return _Pairs(*(part.flatten(0, 1) for part in parts))


@dataclass(eq=False)
class McdiffObjective(Denoising):
    """The loss of F, of G, or of both.

    Args:
        step: "flow": F alone; "frame": G alone, on true flow; "sparse": G on what was drawn instead
            (the paper's ablation); "together": G on F's flow, whose gradient reaches F beside F's
            own loss.
        completion, future: the networks; None where the step does not need it.
        inputs: the frozen rest.
        apart: in "together", G is given the true flow: the same steps without the end to end.
    """

    recomputes = False

    step: str
    completion: FlowCompletion | None
    future: FutureFrameUNet | None
    inputs: McdiffInputs
    apart: bool = False

    def __post_init__(self) -> None:
        if self.step not in STEPS:
            raise ValueError(
                f"MCDiff is trained in the steps {', '.join(STEPS)}, not '{self.step}'"
            )
        given: dict[str, Any] = {F: self.completion, G: self.future}
        missing = [name for name in NEEDED[self.step] if given[name] is None]
        if missing:
            raise ValueError(f"step '{self.step}' trains {', '.join(missing)}, which is not given")
        self.modules = nn.ModuleDict({name: given[name] for name in NEEDED[self.step]})

    @property
    def schedule(self) -> Schedule:
        return self.inputs.schedule

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch of `training.data.step_clips.drawn_on`."""
        generator, pairs = following(generator), _Pairs.of(batch)
        flow, known = self._told(pairs)
        losses: dict[str, Tensor] = {}
        figures: dict[str, Any] = {}
        if F in self.modules:
            made, losses["flow"] = self._completed(pairs, generator)
            figures["epe"] = (made - pairs.flow).detach().norm(dim=1).mean()
            flow = flow if self.apart else made
        if G in self.modules:
            losses["frame"] = self._painted(pairs, flow, known, generator)
        figures |= {name: loss.detach() for name, loss in losses.items()}
        return sum(losses.values(), pairs.flow.new_zeros(())), figures

    def _told(self, pairs: _Pairs) -> tuple[Tensor, Tensor]:
        """The flow that G is told without F, and where."""
        if self.step == SPARSE:
            return pairs.drawn, pairs.known
        return pairs.flow, torch.ones_like(pairs.known)

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
        flow = self.modules[F](pairs.drawn, pairs.known, before).float()
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

        def predict(seen: Tensor, t: Tensor) -> Tensor:
            kept = (torch.rand(count, 1, 1, 1, generator=generator) >= inputs.dropped).float()
            return self.predict(seen, t, before, flow, known * kept.to(device))

        return self.denoised((after - before) / CHANGE, predict, generator)

    def predict(
        self, seen: Tensor, t: Tensor, before: Tensor, flow: Tensor, known: Tensor
    ) -> Tensor:
        """G's answer for noisy latents [B, 4, h, w] at timesteps [B]."""
        x = torch.cat([seen, before, folded(flow, known).to(seen)], dim=1)
        return self.modules[G](x, t.to(seen).float())

    @exactly
    def _encoded(self, pictures: Tensor) -> Tensor:
        return self.inputs.image(pictures * 2 - 1) * FACTOR

    @exactly
    def _decoded(self, latents: Tensor) -> Tensor:
        """Pictures in 0..1 of unscaled latents."""
        assert self.inputs.decode is not None
        return ((self.inputs.decode(latents) + 1) / 2).clamp(0, 1)

    @exactly
    def _through_vae(self, pictures: Tensor) -> Tensor:
        return self._decoded(self.inputs.image(pictures * 2 - 1))

    def shown(self, batch: Batch, generator: torch.Generator) -> Shown:
        """Flow and frames beside the truth, with their errors beside those of no motion."""
        pairs = _Pairs.of(batch)
        flow, known = self._told(pairs)
        figures: dict[str, Any] = {}
        pictures: dict[str, Tensor] = {}
        if F in self.modules:
            made = self.modules[F](pairs.drawn, pairs.known, pairs.before).float()
            for name, each in (("epe", made), ("epe of no motion", 0 * made)):
                figures[name] = (each - pairs.flow).norm(dim=1).mean()
            both, most = torch.cat([made[:4], pairs.flow[:4]]), pairs.flow[:4].norm(dim=1).max()
            pictures["flow"] = flow_to_color(both.cpu(), float(most)).movedim(-1, 1)
            flow = made
        if G in self.modules and self.inputs.decode is not None:
            before = self._encoded(pairs.before)

            def predict(seen: Tensor, t: Tensor) -> Tensor:
                return self.predict(seen, t, before, flow, known)

            change = self.latents(before, predict, generator, steps=4)
            painted = self._decoded((before + CHANGE * change) / FACTOR)
            rest, ceiling = (self._through_vae(each) for each in (pairs.before, pairs.after))
            for name, frames in (("psnr", painted), ("psnr of rest", rest), ("ceiling", ceiling)):
                figures[name] = metrics.decibels(float((frames - pairs.after).square().mean()))
            pictures["frames"] = torch.cat([painted[:4], pairs.after[:4]])
        return figures, pictures

    def files(self, modules: Any) -> Files:
        """One file with what was trained: `flow_completion.*` and `future_frame.*`."""
        return {FILE: (dict(modules.state_dict()), self.told("mcdiff"))}
