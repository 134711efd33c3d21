"""Reading the released checkpoints: what a file is, whether it is whole, and the host's names.

A file's kind is told by its keys and shapes, never by its name. Every tensor is accounted for: a
file with one missing, one left over or one of another shape is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..networks.temporal import MAX_TOKENS, positions
from . import layout
from .checkpoint_files import load_tensors
from .layout import Entry, UNetShape
from .trained import Trained, trained_of

Shapes = Mapping[str, tuple[int, ...]]

DEEPEST = 4
"""How many mappings a file may put around its weights."""
WIDEST = 1 << 14
"""Channels of a table of positions, which is computed to compare them."""
PREFIXES = ("module.", "_orig_mod.", "unet.", "controlnet.", "vae.", "model.diffusion_model.")
VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


@dataclass(frozen=True)
class Kind:
    """A sort of file.

    Args:
        key: its short name, in metadata and in the code.
        title: what a person calls it.
        file: where it lies in the release; "" where it does not.
        loader: the node that loads it.
        folder: which that node reads, where it is not ours.
    """

    key: str
    title: str
    file: str
    loader: str
    folder: str = ""

    @property
    def released(self) -> str:
        """What a message adds to the title."""
        return f" ({self.file} in the release)" if self.file else ""


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            "stage1_unet",
            "the motion-field model of stage 1",
            "stage1/StableDiffusion-FlowGen/unet/diffusion_pytorch_model.bin",
            "Load Motion-Field Model",
        ),
        Kind(
            "stage1_controlnet",
            "the sparse-trajectory ControlNet of stage 1",
            "stage1/StableDiffusion-FlowGen/controlnet/controlnet.bin",
            "Load Trajectory ControlNet",
        ),
        Kind(
            "flow_vae",
            "the flow VAE",
            "stage1/StableDiffusion-FlowGen/vae_flow/diffusion_pytorch_model.bin",
            "Load Flow VAE",
        ),
        Kind(
            "motion_modules",
            "the motion modules of stage 2",
            "stage2/Motion_Module/motion_block.bin",
            "Load Motion Module",
        ),
        Kind("stage2_unet", "a whole stage-2 UNet", "stage2 (UNet with motion modules)", ""),
        Kind(
            "sd15_unet",
            "an ordinary SD 1.5 UNet",
            "stage2/DreamBooth_LoRA/realistic_unet.ckpt",
            "Load Diffusion Model",
            "models/diffusion_models/",
        ),
        Kind("mcdiff", "a file of MCDiff's networks", "", "Load MCDiff"),
        Kind("image_vae", "a VAE for pictures", "", "Load VAE", "models/vae/"),
        Kind(
            "sd_checkpoint",
            "an ordinary Stable Diffusion checkpoint",
            "",
            "Load Checkpoint",
            "models/checkpoints/",
        ),
        Kind(
            "sd_controlnet",
            "an ordinary ControlNet",
            "",
            "Load ControlNet Model",
            "models/controlnet/",
        ),
    )
}


@dataclass
class Checkpoint:
    """A file that was read and found whole.

    Args:
        kind: one of KINDS.
        source: the file, for messages.
        tensors: by released name, the VAE's attention in its newer names, without `.pe`.
        entries: every tensor's names and shape, in the order of the layout.
        shape: widths of a UNet (or of motion modules); None for a VAE.
        widths: channels of the four levels.
        metadata: of a safetensors file.
        mapped: whether the tensors' memory is the file itself.
        trained: what the metadata tells of the training.
    """

    kind: Kind
    source: str
    tensors: dict[str, torch.Tensor]
    entries: list[Entry]
    shape: UNetShape
    metadata: dict[str, str] = field(default_factory=dict)
    mapped: bool = False
    trained: Trained = field(default_factory=Trained)

    @property
    def widths(self) -> tuple[int, ...]:
        return self.shape.widths

    @property
    def parameters(self) -> int:
        return sum(tensor.numel() for tensor in self.tensors.values())

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that most of the weights have."""
        counts: dict[torch.dtype, int] = {}
        for tensor in self.tensors.values():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
        return max(counts, key=lambda dtype: counts[dtype])

    def take_host_tensors(self, dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
        """Hands the tensors over under the host's names, cast one by one; leaves none behind.

        A network whose weights were the file itself would break when the file is replaced, so
        mapped tensors are copied, one by one too.

        Raises:
            ValueError: for NaN, infinite values, or ones that the dtype cannot hold.
        """
        out = {}
        for entry in self.entries:
            tensor = self.tensors.pop(entry.name)
            out[entry.host] = cast(tensor, dtype, f"{self.source}: {entry.name}", self.mapped)
        return out


def read_checkpoint(path: str | Path, expected: str | None = None) -> Checkpoint:
    """Reads a .safetensors, .bin, .ckpt, .pt or .pth file without running code that it holds.

    Args:
        path: the file.
        expected: the kind that is wanted, a key of KINDS; None takes any kind but those that only
            serve to say what a wrong file is.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that cannot be read, is of another kind, or is not whole.
    """
    path = Path(path)
    tensors, metadata = load_tensors(path)
    checkpoint = checkpoint_of(tensors, str(path), expected, metadata)
    checkpoint.mapped = True
    return checkpoint


def checkpoint_of(
    tensors: Mapping[str, object],
    source: str,
    expected: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Checkpoint:
    """What `read_checkpoint` does, for tensors that are already in memory (they are not copied)."""
    named = canonical(tensors, source)
    shapes: Shapes = {name: tuple(tensor.shape) for name, tensor in named.items()}
    kind = detect(shapes)
    check_kind(kind, expected, source, shapes)
    assert kind is not None
    shape, entries = LAYOUTS[kind.key](shapes, kind, source)
    check_whole(shapes, {entry.name: entry.shape for entry in entries}, kind, source)
    check_floating(named, source)
    told = metadata or {}
    trained = trained_of(told, source, kind.key, shape.widths)
    return Checkpoint(kind, source, named, entries, shape, told, trained=trained)


def canonical(tensors: Mapping[str, object], source: str) -> dict[str, torch.Tensor]:
    """Undoes the variations of the released files: wrapping, prefixes, old names, `.pe` buffers.

    Raises:
        ValueError: where there is no tensor in it, several sets of them, or positions that are not
            the usual sinusoid.
    """
    named = _weights(_unwrapped(tensors, source))
    if not named:
        raise ValueError(f"{source} holds no tensors")
    while True:
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in named)), None)
        if prefix is None:
            break
        named = {name[len(prefix) :]: tensor for name, tensor in named.items()}
    for name in [name for name in named if name.endswith(".pe")]:
        _check_positions(name, named.pop(name), source)
    return {_modern(name): tensor for name, tensor in named.items()}


def _unwrapped(
    tensors: Mapping[str, object], source: str, depth: int = 0, seen: set[int] | None = None
) -> Mapping[str, object]:
    """The mapping with the weights, which some files put into others, beside a step or an epoch."""
    if "state_dict" in tensors:
        inner = tensors["state_dict"]
        if not isinstance(inner, Mapping):
            raise ValueError(f"{source}: its 'state_dict' is a {type(inner).__name__}, not a dict")
        return inner
    if depth > DEEPEST or _weights(tensors):
        return tensors
    # A file may name one mapping in many places, and in itself.
    seen = set() if seen is None else seen
    nested = {}
    for name, value in tensors.items():
        if isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))
            nested[str(name)] = value
    inside = {name: _unwrapped(value, source, depth + 1, seen) for name, value in nested.items()}
    holding = {name: value for name, value in inside.items() if _weights(value)}
    if len(holding) > 1:
        raise ValueError(
            f"{source} holds several sets of weights ({', '.join(holding)}); save the one that is "
            "wanted as a file of its own"
        )
    return next(iter(holding.values())) if holding else tensors


def _weights(tensors: Mapping[str, object]) -> dict[str, torch.Tensor]:
    """The tensors that may be weights: not a lone number such as `epoch` or `global_step`."""
    return {
        str(name): value
        for name, value in tensors.items()
        if isinstance(value, torch.Tensor)
        and value.ndim > 0
        and (value.numel() > 1 or value.is_floating_point())
    }


def detect(shapes: Shapes) -> Kind | None:
    """What a file with these names and shapes is; None where nothing fits."""
    conv_in = shapes.get("conv_in.weight", ())
    temporal = any(".motion_modules." in name for name in shapes)
    if any(name.startswith(("flow_completion.", "future_frame.")) for name in shapes):
        return KINDS["mcdiff"]
    if "controlnet_cond_embedding.layers.0.weight" in shapes:
        return KINDS["stage1_controlnet"]
    if any(
        name.startswith(("controlnet_", "input_hint_block.", "control_model.")) for name in shapes
    ):
        return KINDS["sd_controlnet"]
    if any(name.startswith(("first_stage_model.", "cond_stage_model.")) for name in shapes):
        return KINDS["sd_checkpoint"]
    if "encoder.conv_in.weight" in shapes and "decoder.conv_in.weight" in shapes:
        two = shapes["encoder.conv_in.weight"][1:2] == (2,)
        return KINDS["flow_vae" if two else "image_vae"]
    if conv_in or "time_embedding.linear_1.weight" in shapes:
        if "stride_embedding.linear_1.weight" in shapes or (temporal and conv_in[1:2] == (8,)):
            return KINDS["stage1_unet"]
        return KINDS["stage2_unet" if temporal else "sd15_unet"]
    if temporal and all(".motion_modules." in name for name in shapes):
        return KINDS["motion_modules"]
    if "input_blocks.0.0.weight" in shapes:
        return KINDS["sd_checkpoint"]
    return None


def cast(
    tensor: torch.Tensor, dtype: torch.dtype | None, called: str, copy: bool = False
) -> torch.Tensor:
    """A tensor of a file in another dtype (None: its own), in memory of its own if told.

    Raises:
        ValueError: for NaN, infinite values, or ones that the dtype cannot hold.
    """
    out = tensor.to(dtype or tensor.dtype, copy=copy)
    if is_finite(out):
        return out
    if not is_finite(tensor):
        raise ValueError(f"{called} holds NaN or infinite values; the file is broken, get it again")
    raise ValueError(
        f"{called} holds values up to {float(tensor.float().abs().max()):g}, which {out.dtype} "
        "cannot hold; load it in bfloat16 or float32"
    )


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether there is neither NaN nor infinity; torch cannot tell for floats of eight bits."""
    return bool(torch.isfinite(tensor if tensor.element_size() > 1 else tensor.half()).all())


def _modern(name: str) -> str:
    """The VAE's attention under its newer names."""
    parts = name.split(".")
    if len(parts) > 2 and "attentions" in parts and parts[-2] in VAE_ATTENTION:
        parts[-2] = VAE_ATTENTION[parts[-2]]
    return ".".join(parts)


def _check_positions(name: str, table: torch.Tensor, source: str) -> None:
    """Positions are computed, not read; a file with other ones cannot be used."""
    if not table.is_floating_point():
        return  # `checkpoint_of` says what is wrong with the whole file
    fits = table.ndim == 3 and table.shape[-1] <= WIDEST
    tokens = min(table.shape[-2], MAX_TOKENS) if fits else 0
    # bfloat16 keeps 8 bits, so a sinusoid that went through it is off by 2^-9.
    if not tokens or not torch.allclose(
        table[0, :tokens].float(), positions(table.shape[-1])[:tokens], rtol=0, atol=5e-3
    ):
        raise ValueError(
            f"{source}: {name} {list(table.shape)} is not the table of sinusoidal positions that "
            "AnimateDiff and Motion-I2V use"
        )


def check_kind(kind: Kind | None, expected: str | None, source: str, shapes: Shapes) -> None:
    """Raises ValueError unless a file is of the expected kind, saying which node takes it.

    Args:
        kind: what it is, from `detect`.
        expected: a key of KINDS; None: any that `LAYOUTS` knows.
    """
    wanted = KINDS[expected] if expected else None
    if kind is not None and (kind is wanted or (wanted is None and kind.key in LAYOUTS)):
        return
    message = f"{source} is not {wanted.title if wanted else 'a part of Motion-I2V'}"
    if wanted:
        message += wanted.released
    if kind is None:
        first = ", ".join(sorted(shapes)[:3])
        raise ValueError(f"{message}, nor anything else that is known here; it begins with {first}")
    message += f": by its keys it is {kind.title}"
    message += f", for the node '{kind.loader}'" if kind.loader else ""
    raise ValueError(message + (f", which reads {kind.folder}" if kind.folder else ""))


def check_whole(shapes: Shapes, wanted: Shapes, kind: Kind, source: str) -> None:
    """Raises ValueError unless a file has the wanted tensors, all of them and no others."""
    missing = [name for name in wanted if name not in shapes]
    left_over = [name for name in shapes if name not in wanted]
    misshapen = [name for name in wanted if name in shapes and shapes[name] != wanted[name]]
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors are missing, the first {missing[0]}")
    if left_over:
        problems.append(f"{len(left_over)} are unexpected, the first {left_over[0]}")
    if misshapen:
        name = misshapen[0]
        problems.append(
            f"{len(misshapen)} have another shape, the first {name} with {list(shapes[name])} "
            f"instead of {list(wanted[name])}"
        )
    if problems:
        raise ValueError(
            f"{source} looks like {kind.title}{kind.released}, but of its {len(wanted)} tensors "
            + "; ".join(problems)
        )


def check_floating(named: Mapping[str, torch.Tensor], source: str) -> None:
    """Raises ValueError for tensors of whole numbers."""
    for name, tensor in named.items():
        if not tensor.is_floating_point():
            raise ValueError(
                f"{source}: {name} holds {tensor.dtype} numbers; quantised files cannot be loaded, "
                "use the one in float16, bfloat16 or float32"
            )


def dimension(shapes: Shapes, name: str, dim: int, kind: Kind, source: str) -> int:
    """One side of a tensor, from which the others' shapes follow.

    Raises:
        ValueError: where it is missing.
    """
    if name not in shapes or len(shapes[name]) <= dim:
        raise ValueError(f"{source} looks like {kind.title}{kind.released}, but {name} is missing")
    return shapes[name][dim]


def _widths(shapes: Shapes, pattern: str, kind: Kind, source: str) -> tuple[int, ...]:
    widths = tuple(
        dimension(shapes, pattern.format(level), 0, kind, source) for level in range(layout.LEVELS)
    )
    if any(width % widths[0] or width % 32 for width in widths):
        raise ValueError(
            f"{source}: the widths of {kind.title} must be multiples of 32 and of the first, "
            f"not {list(widths)}"
        )
    return widths


Reader = Callable[[Shapes, Kind, str], tuple[UNetShape, list[Entry]]]


def _unet_reader(entries: Callable[[UNetShape], Iterator[Entry]]) -> Reader:
    def read(shapes: Shapes, kind: Kind, source: str) -> tuple[UNetShape, list[Entry]]:
        key = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
        shape = UNetShape(
            _widths(shapes, "down_blocks.{}.resnets.0.conv1.weight", kind, source),
            dimension(shapes, key, 1, kind, source),
            8 if kind.key.startswith("stage1") else 4,
        )
        return shape, list(entries(shape))

    return read


def _motion_reader(shapes: Shapes, kind: Kind, source: str) -> tuple[UNetShape, list[Entry]]:
    pattern = "down_blocks.{}.motion_modules.0.temporal_transformer.norm.weight"
    shape = UNetShape(_widths(shapes, pattern, kind, source))
    middle = any(name.startswith("mid_block.") for name in shapes)
    entries = list(layout.motion_modules(shape, "motion_modules"))
    if not middle and kind.key == "motion_modules":
        # AnimateDiff v1 and v3 have none in the middle; say so rather than list 28 tensors.
        raise ValueError(
            f"{source} has no motion module in the middle block (AnimateDiff v1 or v3); "
            "v2 modules, or Motion-I2V's own, are needed"
        )
    return shape, entries


def _vae_reader(shapes: Shapes, kind: Kind, source: str) -> tuple[UNetShape, list[Entry]]:
    widths = _widths(shapes, "encoder.down_blocks.{}.resnets.0.conv1.weight", kind, source)
    channels = dimension(shapes, "encoder.conv_in.weight", 1, kind, source)
    return UNetShape(widths), list(layout.autoencoder(widths, channels))


LAYOUTS: dict[str, Reader] = {
    "stage1_unet": _unet_reader(lambda shape: layout.unet(shape, stride=True, temporal=True)),
    "stage1_controlnet": _unet_reader(layout.controlnet),
    "stage2_unet": _unet_reader(lambda shape: layout.unet(shape, stride=False, temporal=True)),
    "sd15_unet": _unet_reader(lambda shape: layout.unet(shape, stride=False, temporal=False)),
    "motion_modules": _motion_reader,
    "flow_vae": _vae_reader,
    "image_vae": _vae_reader,
}
