"""MCDiff's two networks (arXiv 2304.14404), on the host's own UNets.

F, flow completion, is a plain UNet, without diffusion; G, the future frame, is a latent diffusion
model. Both take flow that may be unknown: there stands a learned vector instead. Widths, the
folding of pixels, the units of flow and the form of F's answer are not published, and are ours.
"""

from __future__ import annotations

from typing import Any

import comfy.ops
import torch
import torch.nn.functional as F
from comfy.ldm.modules.diffusionmodules.model import Model, ResnetBlock
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from torch import Tensor, nn

from ..networks.mcdiff_shapes import CompletionShape, FrameShape
from ..networks.stroke_mixture import cells_of, mixed, spread

CHANGE = 0.25
"""G's samples are the change from a frame's latent to the next one's, divided by this: a frame is
mostly what the one before was, and a network that begins with "no change" need not learn that."""
UNKNOWN = -1.0
"""Where the learned vector starts: other than a pin, which is 0."""
LATENT = 8
"""Pixels to a latent cell: so many are folded where flow meets latents."""
CHANNELS = 4
"""Of a latent."""
NEAR = 8.0
"""How much less a stroke counts at a mean side's distance, in logits, where training starts."""
KEYS = 32
"""Width of the keys by which flow completion mixes strokes."""


def with_unknown(flow: Tensor, known: Tensor, unknown: Tensor) -> Tensor:
    """Flow with a learned vector where nothing is known.

    Args:
        flow: [B, 2 K, H, W], with K pixels folded into the channels.
        known: [B, K, H, W] in 0..1.
        unknown: [2].
    """
    each = unknown.to(flow).repeat_interleave(known.shape[1]).view(1, -1, 1, 1)
    return torch.lerp(each.expand_as(flow), flow, known.repeat(1, 2, 1, 1))


class Learned(comfy.ops.disable_weight_init.Embedding):
    """A learned vector, in a layer of the host's: it loads and offloads weights layer by layer."""

    def __init__(self, start: Tensor, dtype: Any = None, device: Any = None) -> None:
        super().__init__(1, len(start), dtype=dtype, device=device)
        with torch.no_grad():
            self.weight.copy_(start[None])

    def like(self, x: Tensor) -> Tensor:
        """The vector, in another tensor's dtype and place."""
        return self(torch.zeros((), dtype=torch.long, device=x.device)).to(x)


class LearnsVectors(nn.Module):
    """A network with `Learned` vectors, which in files are tensors [D] of the plain name."""

    def state_dict(self, *args: Any, prefix: str = "", **kwargs: Any) -> Any:
        """As torch's, under the files' names."""
        tensors = super().state_dict(*args, prefix=prefix, **kwargs)
        for name in self._vectors():
            tensors[prefix + name] = tensors.pop(f"{prefix}{name}.weight")[0]
        return tensors

    def _load_from_state_dict(self, tensors: Any, prefix: str, *args: Any) -> None:
        for name in self._vectors():
            if prefix + name in tensors:
                tensors[f"{prefix}{name}.weight"] = tensors.pop(prefix + name)[None]
        super()._load_from_state_dict(tensors, prefix, *args)

    def _vectors(self) -> list[str]:
        return [name for name, layer in self.named_children() if isinstance(layer, Learned)]


class FlowCompletion(LearnsVectors):
    """F: sparse flow and a picture -> flow to the next frame, at every pixel.

    A plain UNet, which is shown flow in parts of the longest that was drawn. Its answer is a
    mixture of what was drawn (see `models.networks.stroke_mixture`), and a correction to it.
    """

    def __init__(self, shape: CompletionShape) -> None:
        super().__init__()
        self.shape = shape
        finest = 2 ** (len(shape.mult) - 1)
        self.parts = (KEYS, KEYS, 9 * shape.fold**2, 2 * shape.fold**2)
        self.net = Model(
            ch=shape.width,
            out_ch=sum(self.parts),
            ch_mult=shape.mult,
            num_res_blocks=shape.blocks,
            attn_resolutions=[finest >> level for level in range(shape.attention, len(shape.mult))],
            in_channels=5 * shape.fold**2,
            resolution=finest,
            use_timestep=False,
        )
        for block in self.net.modules():
            # There are no timesteps to project.
            if isinstance(block, ResnetBlock):
                del block.temb_proj
        self.unknown = Learned(torch.full((2,), UNKNOWN))
        self.rest = Learned(torch.zeros(KEYS))
        self.near = Learned(torch.tensor([NEAR]).log())

    def forward(self, flow: Tensor, known: Tensor, picture: Tensor) -> Tensor:
        """The flow [B, 2, H, W] px of a picture's pixels to the next frame.

        Args:
            flow: [B, 2, H, W] px, where it is known.
            known: [B, 1, H, W].
            picture: [B, 3, H, W] in 0..1, of any size.
        """
        height, width = flow.shape[2:]
        unit = longest(flow, known)
        flow = flow / unit
        x = torch.cat([with_unknown(flow, known, self.unknown.like(flow)), 2 * picture - 1], dim=1)
        pad = (0, -width % self.shape.multiple, 0, -height % self.shape.multiple)
        x = F.pad(x, pad, mode="replicate")
        fold = self.shape.fold
        queries, keys, weights, more = self.net(F.pixel_unshuffle(x, fold)).split(self.parts, dim=1)
        cells, share = cells_of(F.pad(flow, pad), F.pad(known, pad), fold)
        rest, near = self.rest.like(keys), self.near.like(flow)
        out = spread(mixed(queries, keys, rest, near, cells, share), weights, fold)
        out = out + F.pixel_shuffle(more.float(), fold)
        return unit * out[..., :height, :width]


def longest(flow: Tensor, known: Tensor) -> Tensor:
    """The length [B, 1, 1, 1] px of the longest known flow; 1 where all that is known rests."""
    length = (flow * known).square().sum(1, keepdim=True).amax((2, 3), keepdim=True).sqrt()
    return torch.where(length > 0, length, 1.0)


class FutureFrameUNet(LearnsVectors, UNetModel):
    """G: noise, the frame's latent and its flow to the next -> what is noise in the change to it.

    In comes [B, 4 + 4 + 128 + 64, h, w]: the noisy latent, the frame's latent, and the flow (px)
    and where it is known, both of the pixels of a cell folded into its channels (`folded`).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        start = torch.full((2,), UNKNOWN)
        self.unknown = Learned(start, kwargs.get("dtype"), kwargs.get("device"))

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As the host's; the network itself never sees where the flow is known."""
        latents, flow, known = x.split([2 * CHANNELS, 2 * LATENT**2, LATENT**2], dim=1)
        told = with_unknown(flow, known, self.unknown.like(flow))
        return super().forward(torch.cat([latents, told], dim=1), *args, **kwargs)


def folded(flow: Tensor, known: Tensor) -> Tensor:
    """Flow [B, 2, H, W] px and where it is known [B, 1, H, W], as G takes them.

    Returns:
        [B, 192, H / 8, W / 8]
    """
    return F.pixel_unshuffle(torch.cat([flow, known], dim=1), LATENT)


def future_config(shape: FrameShape) -> dict[str, Any]:
    """The host's configuration of G: residual blocks alone, since all that moves is near."""
    levels = len(shape.mult)
    return {
        "image_size": 32,
        "in_channels": 2 * CHANNELS + 2 * LATENT**2,
        "out_channels": CHANNELS,
        "model_channels": shape.width,
        "num_res_blocks": [shape.blocks] * levels,
        "channel_mult": tuple(shape.mult),
        "transformer_depth": [0] * (levels * shape.blocks),
        "transformer_depth_output": [0] * (levels * (shape.blocks + 1)),
        "transformer_depth_middle": -1,
        "num_heads": 1,
        "use_spatial_transformer": False,
        "legacy": False,
    }


def completion_tensors(shape: CompletionShape) -> dict[str, tuple[int, ...]]:
    """Names and shapes of F's tensors."""
    with torch.device("meta"):
        return _shapes(FlowCompletion(shape))


def future_tensors(shape: FrameShape) -> dict[str, tuple[int, ...]]:
    """Names and shapes of G's tensors."""
    config = future_config(shape)
    operations = comfy.ops.disable_weight_init
    return _shapes(FutureFrameUNet(**config, device="meta", operations=operations))


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
