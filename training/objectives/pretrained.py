"""What a training of either stage begins with and is fed by: an SD 1.5 checkpoint, a flow VAE.

All of it is loaded by the host and stays frozen. Without a checkpoint, the small model that comes
with the pack is taken, so that every command can be tried on a CPU.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import comfy.model_sampling
import comfy.sd
import torch
from torch import nn

from ...models.files.checkpoint_files import load_tensors
from ...models.files.checkpoints import read_checkpoint
from ...models.files.network_shapes import UNetShape
from ...models.files.trained import HEADS, Trained
from ...models.host.flow_vae import FlowVAE
from ...models.host.loading import load_flow_vae
from ...models.host.small_networks import FOLDER, PARTS, load_image_vae, load_small_model
from . import networks
from .denoising import Frozen
from .noise import Schedule

logger = logging.getLogger(__name__)

CAPTIONS_KEPT = 1 << 14


@dataclass(frozen=True)
class Pretrained:
    """A base of SD 1.5's kind.

    Args:
        unet: the image UNet's tensors under the host's names, float32 on the CPU.
        shape: its widths, the width of the text, its heads.
        schedule: what it predicts, on which noise levels.
        vae, clip: the host's.
        flow_vae: ours; None where a command does without.
        source: what to call it in a file's metadata.
    """

    unet: dict[str, torch.Tensor]
    shape: UNetShape
    schedule: Schedule
    vae: Any
    clip: Any
    flow_vae: FlowVAE | None
    source: str

    def frozen(self) -> Frozen:
        """What it feeds, and what is seen through it; fields need a flow VAE once coded."""
        image, picture = partial(encoded, self.vae), partial(decoded, self.vae)
        return Frozen(image, self._flow, self.text(), self.schedule, picture, self._field)

    def _flow(self, flow01: torch.Tensor) -> torch.Tensor:
        return self._coder().encode_flow(flow01).to(flow01)

    def _field(self, latents: torch.Tensor) -> torch.Tensor:
        return self._coder().decode_flow(latents).to(latents)

    def _coder(self) -> FlowVAE:
        if self.flow_vae is None:
            raise ValueError("this needs a flow VAE: name its file with --flow-vae")
        return self.flow_vae

    def text(self) -> Callable[[list[str]], torch.Tensor]:
        """Captions -> [B, tokens, width], each computed once."""

        @lru_cache(maxsize=CAPTIONS_KEPT)
        def one(caption: str) -> torch.Tensor:
            tokens = self.clip.tokenize(caption)
            return self.clip.encode_from_tokens(tokens).float().cpu()

        def encode(captions: list[str]) -> torch.Tensor:
            contexts = [one(caption) for caption in captions]
            # A caption beyond CLIP's 77 tokens has a second context, which training leaves out.
            length = min(context.shape[1] for context in contexts)
            return torch.cat([context[:, :length] for context in contexts])

        return encode

    def metadata(self, data: str) -> dict[str, str]:
        """What a file that is trained on this base says of itself."""
        made = self.schedule
        trained = Trained(made.prediction, made.zero_terminal_snr, self.shape.heads)
        return {
            **trained.metadata(),
            "motion_i2v.data": data,
            "motion_i2v.configuration": json.dumps({"base": self.source}),
        }


def encoded(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Pictures [B, 3, H, W] in -1..1 -> the host's VAE's unscaled latents."""
    return vae.encode((pictures.movedim(1, -1) + 1) / 2).to(pictures)


def decoded(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """The reverse, in -1..1."""
    return vae.decode(latents).movedim(-1, 1).to(latents) * 2 - 1


def load_vae(path: Path | None) -> comfy.sd.VAE:
    """The VAE of pictures in a file: of SD 1.5's kind, or one that `image-vae` trained.

    Args:
        path: None: the small model's.

    Raises:
        ValueError: for a file that holds no such VAE.
    """
    path = path or FOLDER / PARTS["image_vae"]
    if not path.is_file():
        raise ValueError(f"there is no VAE {path}")
    found: Any = load_tensors(path)[0]
    tensors = found.get("state_dict", found)
    if any("up_blocks" in name for name in tensors):
        return load_image_vae(read_checkpoint(path, "image_vae"))
    try:
        vae = comfy.sd.VAE(sd=tensors)
        vae.throw_exception_if_invalid()
    except (RuntimeError, KeyError) as error:
        raise ValueError(f"{path} is no VAE that ComfyUI knows: {error}") from error
    if (vae.latent_channels, vae.latent_dim, vae.downscale_ratio) != (4, 2, 8):
        raise ValueError(
            f"{path} is another kind of VAE: SD 1.5's has latents of 4 channels and an eighth of "
            "the picture's sides"
        )
    return vae


def load_pretrained(checkpoint: Path | None, flow_vae: Path | None) -> Pretrained:
    """Loads what a training begins with.

    Args:
        checkpoint: a whole SD 1.5 checkpoint; None: the small model.
        flow_vae: the VAE of fields; None: the small model's, or none beside a checkpoint.

    Raises:
        ValueError: for a checkpoint that is not a whole one of SD 1.5's kind.
    """
    given = load_flow_vae(read_checkpoint(flow_vae, "flow_vae")) if flow_vae else None
    if checkpoint is None:
        logger.info("no --checkpoint: training on the small model")
        small = load_small_model()
        heads = small.model.model.model_config.unet_config["num_heads"]
        flow = given or small.flow_vae
        return _of_host(small.model, small.vae, small.clip, flow, heads, "the small model")
    if not checkpoint.is_file():
        raise ValueError(f"there is no checkpoint {checkpoint}")
    model, clip, vae, _ = comfy.sd.load_checkpoint_guess_config(
        str(checkpoint), output_vae=True, output_clip=True
    )
    if model is None or clip is None or vae is None:
        raise ValueError(
            f"{checkpoint} is not a whole checkpoint: it needs the UNet, the CLIP and the VAE "
            "of SD 1.5 in one file"
        )
    return _of_host(model, vae, clip, given, HEADS, checkpoint.name)


def _of_host(
    model: Any, vae: Any, clip: Any, flow_vae: FlowVAE | None, heads: int, source: str
) -> Pretrained:
    config = model.model.model_config.unet_config
    first, mult = config["model_channels"], config["channel_mult"]
    if config.get("in_channels") != 4 or config.get("adm_in_channels") or len(mult) != 4:
        raise ValueError(f"{source} is not SD 1.5 or like it, which both stages are built on")
    widths = tuple(first * int(m) for m in mult)
    sampling = model.get_model_object("model_sampling")
    v = isinstance(sampling, comfy.model_sampling.V_PREDICTION)
    # The host's name for the level of pure noise: far beyond SD's 14.6.
    zero = float(sampling.sigma_max) > 1000
    state = model.model.diffusion_model.state_dict()
    tensors = {name: tensor.float().cpu() for name, tensor in state.items()}
    shape = UNetShape("sd15_unet", widths, config["context_dim"], heads)
    schedule = Schedule("v" if v else "eps", zero)
    return Pretrained(tensors, shape, schedule, vae, clip, flow_vae, source)


def start_stage1(base: Pretrained) -> nn.Module:
    """Stage 1's UNet, begun as the image UNet: it does not see the reference, nor strides yet."""
    unet = networks.stage1_unet(replace(base.shape, kind="stage1_unet"))
    own, given = unet.state_dict(), dict(base.unet)
    # The host has the noisy latent's four channels first.
    first = "input_blocks.0.0.weight"
    given[first] = torch.cat([given[first], torch.zeros_like(given[first])], dim=1)
    missing = [name for name in given if name not in own]
    if missing:
        raise ValueError(f"{base.source} has {len(missing)} tensors unknown here: {missing[0]}")
    unet.load_state_dict({**own, **given})
    # The stride embedding adds nothing at first.
    last = [layer for layer in unet.label_emb.modules() if isinstance(layer, nn.Linear)][-1]
    networks.zero(last)
    return unet


def load_file_into(network: nn.Module, path: Path, kind: str) -> None:
    """Goes on from a file of the released layout.

    Raises:
        ValueError: for a file of another kind, or of other widths.
    """
    file, own = read_checkpoint(path, kind), network.state_dict()
    for entry in file.entries:
        tensor = own.get(networks.own_name(kind, entry))
        if tensor is None or tensor.numel() != torch.Size(entry.shape).numel():
            here = [] if tensor is None else list(tensor.shape)
            raise ValueError(
                f"{path} is for networks of other widths ({list(file.widths)}): its tensor "
                f"{entry.name} is {list(entry.shape)}, here it is {here}"
            )
    networks.load_released(network, kind, file.tensors, file.entries)
