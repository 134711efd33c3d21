"""The networks that are trained: the host's own classes, on layers that start as torch starts them.

Names: a network's tensors are read and written under the released names of `models.files.layout`,
so that what is trained here is a file that every loader takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import comfy.ops
import torch
from comfy.ldm.models.autoencoder import AutoencoderKL
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from einops import rearrange
from torch import nn
from torch.utils.checkpoint import checkpoint

from ...models.files import layout
from ...models.files.layout import Entry
from ...models.files.network_shapes import UNetShape, VAEShape, shape_of
from ...models.host.flow_vae import autoencoder_config
from ...models.host.mcdiff_networks import FlowCompletion, FutureFrameUNet, future_config
from ...models.host.motion_module import PREFIX
from ...models.host.stage1_model import MotionFieldUNet, unet_config
from ...models.host.temporal_layers import make_temporal_layers
from ...models.host.trajectory_control import TrajectoryControlModel
from ...models.networks.mcdiff_shapes import CompletionShape, FrameShape
from ...models.networks.motion_attention import MotionAttention
from ...models.networks.temporal import TemporalSelfAttention

ORDINARY = comfy.ops.disable_weight_init
"""The host's ordinary layers; it leaves their weights as the memory was, `_initialise` does not."""
LAYERS: tuple[Any, ...] = (nn.Linear, nn.Conv2d, nn.GroupNorm, nn.LayerNorm)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Softmax attention of q [B, M, C] over k, v [B, L, C], as two products.

    On a GPU torch's fused attention is faster; on a CPU its backward pass takes several times as
    long as these products do.
    """
    q, k, v = (rearrange(x, "b l (head c) -> b head l c", head=heads) for x in (q, k, v))
    if q.device.type != "cpu":
        out = nn.functional.scaled_dot_product_attention(q, k, v)
    else:
        # Autocast would compute the softmax in float32, at twice the time.
        with torch.autocast("cpu", enabled=False):
            scores = (q * q.shape[-1] ** -0.5) @ k.to(q.dtype).transpose(-1, -2)
            out = torch.softmax(scores, dim=-1) @ v.to(q.dtype)
    return rearrange(out, "b head l c -> b l (head c)")


def host_options(
    clips: int, control: dict[str, list[torch.Tensor]] | None = None
) -> dict[str, Any]:
    """The host's transformer options for a batch of clips.

    Args:
        control: a ControlNet's residuals. The host adds them in place, which a backward pass cannot
            go through; here they are added to copies. Those of the middle block are left to it.
    """

    def override(
        _func: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int, **_: Any
    ) -> torch.Tensor:
        return attend(q, k, v, heads)

    options: dict[str, Any] = {
        "optimized_attention_override": override,
        "cond_or_uncond": [0] * clips,
    }
    if control is not None:
        residuals = list(control["output"])

        def add(h: torch.Tensor, skip: torch.Tensor, _options: Any) -> Any:
            return h, skip + residuals.pop()

        options["patches"] = {"output_block_patch": [add]}
    return options


def image_unet(shape: UNetShape) -> UNetModel:
    """SD 1.5's UNet of any widths, which paints frames; of the kind "sd15_unet"."""
    return _start(_of_host(UNetModel, shape))


def stage1_unet(shape: UNetShape) -> MotionFieldUNet:
    """The UNet of stage 1 with its temporal layers (`motion_modules`), which add nothing yet."""
    return _start(_of_host(MotionFieldUNet, shape))


def stage1_control(shape: UNetShape) -> TrajectoryControlModel:
    """The sparse-trajectory ControlNet, whose residuals are 0 yet."""
    net = _start(_of_host(TrajectoryControlModel, shape, device=None))
    for conv in (*net.zero_convs, net.middle_block_out):
        zero(conv[0])
    return net


def _of_host(network: Any, shape: UNetShape, **more: Any) -> Any:
    return network(**unet_config(shape), operations=ORDINARY, dtype=torch.float32, **more)


def motion_layers(widths: tuple[int, ...]) -> nn.ModuleList:
    """Stage 2's temporal layers, which add nothing yet."""
    layers = make_temporal_layers(
        layout.sites(widths), ORDINARY, torch.float32, None, self_attention=MotionAttention
    )
    return _start_temporal(_initialise(layers))


def flow_completion(shape: CompletionShape) -> FlowCompletion:
    """MCDiff's F, which mixes what was drawn evenly yet."""
    net = _initialise(FlowCompletion(shape))
    zero(net.net.conv_out)
    # Of two zeros in a product neither learns: keys and queries start at random.
    nn.init.normal_(net.net.conv_out.weight[: net.parts[0] + net.parts[1]], std=0.02)
    return net


def future_frame(shape: FrameShape) -> FutureFrameUNet:
    """MCDiff's G, which predicts nothing yet."""
    config = future_config(shape)
    return _start(FutureFrameUNet(**config, operations=ORDINARY, dtype=torch.float32))


def filled(network: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """A network with the weights of a file, in float32."""
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network


def autoencoder(widths: tuple[int, ...], channels: int) -> AutoencoderKL:
    """SD's autoencoder with `channels` in and out."""
    return _initialise(AutoencoderKL(**autoencoder_config(VAEShape(widths, channels))["params"]))


def widths_of(unet: Any) -> tuple[int, ...]:
    """Channels of the levels of a UNet or ControlNet."""
    return tuple(unet.model_channels * mult for mult in unet.channel_mult)


def entries(kind: str, widths: tuple[int, ...], context: int = 768) -> list[Entry]:
    """Every tensor of a kind of file (`models.files.kinds.KINDS`): its names and shape."""
    return layout.entries(shape_of(kind, widths, context))


def tensors_of(network: Any, kind: str) -> dict[str, torch.Tensor]:
    """A UNet's or ControlNet's tensors under their released names."""
    state = network.state_dict()
    context = state["middle_block.1.transformer_blocks.0.attn2.to_k.weight"].shape[1]
    return released_tensors(state, kind, entries(kind, widths_of(network), context))


def released_tensors(
    state: dict[str, torch.Tensor], kind: str, table: Iterable[Entry]
) -> dict[str, torch.Tensor]:
    """A network's state, under the host's names, as a file of the released layout has it.

    Raises:
        ValueError: where the state and the layout do not hold the same tensors.
    """
    state, out = dict(state), {}
    for entry in table:
        name = own_name(kind, entry)
        if name not in state or state[name].numel() != torch.Size(entry.shape).numel():
            raise ValueError(f"the network has no tensor {name} of shape {list(entry.shape)}")
        out[entry.name] = _file_order(kind, entry, state.pop(name)).reshape(entry.shape)
    if state:
        raise ValueError(f"{len(state)} tensors have no released name, {min(state)} among them")
    return out


def load_released(
    network: nn.Module, kind: str, tensors: Mapping[str, torch.Tensor], table: Iterable[Entry]
) -> None:
    """The reverse: copies a file's tensors, under their released names, into a network."""
    own, state = network.state_dict(), {}
    for entry in table:
        name = own_name(kind, entry)
        tensor = tensors[entry.name].float()
        state[name] = _file_order(kind, entry, tensor).reshape(own[name].shape)
    network.load_state_dict(state, strict=True)


def own_name(kind: str, entry: Entry) -> str:
    """What a network that is trained here calls a tensor."""
    return entry.host.removeprefix(PREFIX if kind == "motion_modules" else "")


def copy_encoder(control: TrajectoryControlModel, unet: MotionFieldUNet) -> None:
    """Starts a ControlNet as a copy of the UNet's encoder and middle block (arXiv 2302.05543)."""
    given, own = unet.state_dict(), control.state_dict()
    control.load_state_dict({name: given.get(name, value) for name, value in own.items()})


def recompute(network: nn.Module) -> None:
    """From now on blocks and transformers keep no activations: the backward pass makes them anew
    (arXiv 1604.06174)."""
    for block in network.modules():
        if type(block).__name__ in ("ResBlock", "SpatialTransformer", "TemporalTransformer"):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def _file_order(kind: str, entry: Entry, tensor: torch.Tensor) -> torch.Tensor:
    """The host has the noisy latent first, files have the reference first; a swap both ways."""
    if kind.startswith("stage1") and entry.host == "input_blocks.0.0.weight":
        return torch.cat([tensor[:, 4:], tensor[:, :4]], dim=1)
    return tensor


def _initialise(network: Any) -> Any:
    """Gives every layer the initial weights that torch gives it."""
    for layer in network.modules():
        for kind in LAYERS:
            if isinstance(layer, kind):
                # The host's own `reset_parameters` does nothing.
                kind.reset_parameters(layer)
    return network


def _start(network: Any) -> Any:
    """Residual branches and temporal layers add nothing at first."""
    _initialise(network)
    for block in network.modules():
        if type(block).__name__ == "ResBlock":
            zero(block.out_layers[-1])
        elif type(block).__name__ == "SpatialTransformer":
            zero(block.proj_out)
    if hasattr(network, "out"):
        zero(network.out[-1])
    if hasattr(network, "motion_modules"):
        _start_temporal(network.motion_modules)
    return network


def _start_temporal(layers: Any) -> Any:
    for layer in layers:
        zero(layer.proj_out)
        for module in layer.modules():
            if isinstance(module, TemporalSelfAttention):
                module.attention = attend
    return layers


def zero(layer: nn.Module) -> None:
    """Makes a layer add nothing."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
