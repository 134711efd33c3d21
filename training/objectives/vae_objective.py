"""Training autoencoders: a decoder for a linear encoder, or both halves with the KL divergence.

What comes in are `pixels` [B, C, H, W] as they enter the encoder: pictures in -1..1, fields as
flow01 in 0..1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...models.fields.flow_colors import flow_to_color
from ...models.files.checkpoints import Checkpoint
from ...models.types.motion_field import decode as pixels_moved
from ..data.batches import Batch
from ..objective import Files
from . import networks
from .linear_vae import FACTOR, Pca, construct_encoder, encode_linear
from .samples import Reporting, Shown
from .soft_norms import hardened, soften, softened
from .vae_network import VALUES, Values, decode, moments, start_decoder, with_values, without_values

CHANNELS = {"image_vae": 3, "flow_vae": 2}
KL = 1e-6
"""Weight of the divergence, as that of SD's autoencoder."""


def reconstruction(kind: str, out: Tensor, pixels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What a decoding is worth: its loss, and PSNR or end-point error to log.

    Pictures: the mean square, which PSNR is made of, and a little of the absolute error. Fields:
    the absolute error in hundredths of the picture's sides, and more of the largest errors.
    """
    error = out - pixels
    if kind == "image_vae":
        square = error.square().mean()
        # Peak to peak of -1..1 is 2.
        psnr = 10 * torch.log10(4 / error.clamp(-2, 2).detach().square().mean())
        return square + 0.05 * error.abs().mean(), {"psnr": psnr}
    height, width = pixels.shape[-2:]
    shift = 2 * error
    hundredths = 100 * shift
    px = shift.detach() * shift.new_tensor([width, height]).view(2, 1, 1)
    loss = hundredths.abs().mean() + 0.05 * hundredths.square().mean()
    return loss, {"epe": px.norm(dim=1).mean()}


@dataclass(eq=False)
class _Autoencoder(Reporting):
    """What objectives of autoencoders share.

    Args:
        kind: "image_vae" or "flow_vae".
        widths: of the four levels.
        facts: what the file tells of the networks.
    """

    kind: str
    widths: tuple[int, ...]
    facts: dict[str, Any] = field(init=False)

    def decoded(self, pixels: Tensor) -> Tensor:
        """Pixels through the latents and back; no sampling."""
        raise NotImplementedError

    def shown(self, batch: Batch, generator: torch.Generator) -> Shown:
        """Figures, and what becomes of the pixels."""
        pixels = batch["pixels"]
        out = self.decoded(pixels).float()
        both = torch.cat([out[:4], pixels[:4]]).cpu()
        figures = reconstruction(self.kind, out, pixels)[1]
        return figures, {"decoded": visible(self.kind, both)}

    def _file(self, tensors: dict[str, Tensor]) -> Files:
        metadata = {
            "motion_i2v.kind": self.kind,
            "motion_i2v.configuration": json.dumps(self.facts),
            **self.metadata,
        }
        whole = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
        return {f"{self.kind}.safetensors": (whole, metadata)}


@dataclass(eq=False)
class DecoderObjective(_Autoencoder):
    """A decoder learns to undo a linear encoder, which is constructed and stays.

    Args:
        kind, widths: see `_Autoencoder`.
        pca: the linear code.
    """

    pca: Pca

    def __post_init__(self) -> None:
        kind, pca = self.kind, self.pca
        if pca.channels != CHANNELS[kind]:
            raise ValueError(f"{kind} has {CHANNELS[kind]} channels, the code {pca.channels}")
        scales = pca.scales.tolist()
        self.facts = {"widths": list(self.widths), "encoder": "linear", "scales": scales}
        self.encoder = construct_encoder(pca, self.widths)
        self.modules = networks.autoencoder(self.widths, CHANNELS[kind]).decoder
        start_decoder(self.modules, VALUES[kind], means_of(pca, VALUES[kind]))
        soften(self.modules)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; nothing in it is random."""
        pixels = batch["pixels"].float()
        return reconstruction(self.kind, self.decoded(pixels), pixels)

    def decoded(self, pixels: Tensor) -> Tensor:
        # Training decodes FACTOR z, which has unit variance; the file decodes z.
        return decode(self.modules, encode_linear(self.pca, pixels) * FACTOR, VALUES[self.kind])

    def files(self, modules: Any) -> Files:
        """The autoencoder as the nodes load it."""
        state = {f"decoder.{name}": tensor for name, tensor in modules.state_dict().items()}
        state = with_values(hardened(state), VALUES[self.kind])
        state["decoder.conv_in.weight"] = state["decoder.conv_in.weight"] * FACTOR
        state["post_quant_conv.weight"] = torch.eye(4)[:, :, None, None]
        state["post_quant_conv.bias"] = torch.zeros(4)
        table = networks.entries(self.kind, self.widths)
        half = [entry for entry in table if entry.name not in self.encoder]
        return self._file({**self.encoder, **networks.released_tensors(state, self.kind, half)})


@dataclass(eq=False)
class AutoencoderObjective(_Autoencoder):
    """Both halves learn; the posterior is held near a normal one (arXiv 2112.10752).

    Args:
        kind, widths: see `_Autoencoder`.
        kl: weight of the divergence, both terms taken by pixel.
        start: a file to begin with. One that this objective wrote has soft norms, others have not.
    """

    kl: float = KL
    start: Checkpoint | None = None

    def __post_init__(self) -> None:
        kind, start = self.kind, self.start
        told = start.metadata.get("motion_i2v.configuration", "{}") if start else None
        self.soft = told is None or json.loads(told).get("norms") == "soft"
        self.values = VALUES[kind] if self.soft else Values()
        norms = "soft" if self.soft else "usual"
        self.facts = {"widths": list(self.widths), "encoder": "learned", "norms": norms}
        net = networks.autoencoder(self.widths, CHANNELS[kind])
        self.table = networks.entries(kind, self.widths)
        if start is None:
            start_decoder(net.decoder, self.values)
        else:
            networks.load_released(net, kind, start.tensors, self.table)
            if self.soft:
                net.load_state_dict(softened(without_values(net.state_dict(), self.values)))
        if self.soft:
            soften(net)
        self.modules = net

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Reconstruction of a sample of the posterior, and the divergence."""
        pixels = batch["pixels"].float()
        mean, logvar = moments(self.modules, pixels)
        noise = torch.randn(mean.shape, generator=generator, device=generator.device)
        z = mean + (logvar / 2).exp() * noise.to(mean.device)
        out = decode(self.modules.decoder, self.modules.post_quant_conv(z), self.values)
        value, figures = reconstruction(self.kind, out, pixels)
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum() / pixels.numel()
        # To be used by diffusion, FACTOR z should have a standard deviation near 1.
        spread = (FACTOR * mean.detach()).square().mean().sqrt()
        return value + self.kl * divergence, {**figures, "kl": divergence, "latents": spread}

    def decoded(self, pixels: Tensor) -> Tensor:
        mean, _ = moments(self.modules, pixels)
        return decode(self.modules.decoder, self.modules.post_quant_conv(mean), self.values)

    def files(self, modules: Any) -> Files:
        """The autoencoder as the nodes load it."""
        state = modules.state_dict()
        state = with_values(hardened(state), self.values) if self.soft else state
        return self._file(networks.released_tensors(state, self.kind, self.table))


def means_of(pca: Pca, values: Values) -> Tensor:
    """[C, 5]: a block's mean in units of the decoder, from FACTOR z and 1."""
    by_latent = pca.components.unflatten(1, (pca.channels, -1)).mean(2).T / (FACTOR * pca.scales)
    return torch.cat([by_latent, pca.mean[:, None] - values.middle], dim=1) / values.unit


def visible(kind: str, pixels: Tensor) -> Tensor:
    """Pictures [N, 3, H, W] in 0..1 of what an autoencoder takes or gives."""
    if kind == "image_vae":
        return ((pixels + 1) / 2).clamp(0, 1)
    return flow_to_color(pixels_moved(pixels)).movedim(-1, 1)
