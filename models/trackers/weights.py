"""Reading the weights of the dense trackers: what a file is, and whether it is whole.

What a file is, is told by its tensors' names and shapes, never by the file's name; every tensor is
accounted for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..files import kinds
from ..files.checkpoint_files import load_tensors
from ..files.checkpoints import is_finite
from .alltracker_network import AllTrackerNetwork
from .alltracker_shape import AllTrackerShape
from .cotracker import CoTracker
from .raft import Raft
from .refiner import Refiner

PREFIXES = ("module.", "model.", "raft.", "net.")
COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class TrackerPart:
    """A network of a dense tracker.

    Args:
        title: what a person calls it.
        file: its name in the release.
        make: makes it, as wide as the tensors of a file.
        instead: another network that will do in its place.
    """

    title: str
    file: str
    make: Callable[[Mapping[str, Tensor]], nn.Module]
    instead: TrackerPart | None = None


def _all_tracker(named: Mapping[str, Tensor]) -> AllTrackerNetwork:
    return AllTrackerNetwork(AllTrackerShape.of(named))


RAFT = TrackerPart("RAFT (large), the flow estimator", "cvo_raft_patch_8.pth", lambda _: Raft())
COTRACKER = TrackerPart(
    "CoTracker, the point tracker", "movi_f_cotracker_patch_4_wind_8.pth", lambda _: CoTracker()
)
REFINER = TrackerPart("DOT's refiner", "movi_f_raft_patch_4_alpha.pth", lambda _: Refiner())
SMALL_RAFT = TrackerPart(
    "RAFT (small), which no tracker here uses", "raft_small_C_T_V2.pth", lambda _: nn.Module()
)
TINY_ALLTRACKER = TrackerPart("AllTracker (tiny)", "alltracker_tiny.pth", _all_tracker)
ALLTRACKER = TrackerPart("AllTracker", "alltracker.pth", _all_tracker, TINY_ALLTRACKER)
PARTS = (RAFT, COTRACKER, REFINER, ALLTRACKER)


def load(path: str | Path, expected: TrackerPart) -> nn.Module:
    """Reads the weights of one part from a .pth, .pt, .bin, .ckpt or .safetensors file.

    Returns:
        the network in float32, for evaluation, on the CPU.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that is not tensors only, is another network, or is not whole.
    """
    path = Path(path)
    tensors, _ = load_tensors(path)
    return build(tensors, expected, str(path))


def build(tensors: Mapping[str, object], expected: TrackerPart, source: str) -> nn.Module:
    """What `load` does, for tensors that are already in memory."""
    named = bare(tensors, source)
    found = detect(named)
    if found is None or found not in (expected, expected.instead):
        raise ValueError(_other(named, found, expected, source))
    wanted = _wanted(found, named, source)
    released = {renamed(name, found): name for name in named}
    given = {ours: _as_wide(named[name], wanted.get(ours)) for ours, name in released.items()}
    _account(wanted, given, released, found, source)
    network = found.make(named)
    network.load_state_dict(
        {name: given.get(name, own) for name, own in network.state_dict().items()}
    )
    return network.float().train(False).requires_grad_(False)


def _wanted(part: TrackerPart, named: Mapping[str, Tensor], source: str) -> Mapping[str, Tensor]:
    """The tensors of a network as wide as these say, without memory for them."""
    try:
        with torch.device("meta"):
            return part.make(named).state_dict()
    except (ValueError, RuntimeError, AssertionError, ArithmeticError) as error:
        raise ValueError(
            f"{source} looks like {part.title}, but is of widths that it cannot have ({error})"
        ) from error


def bare(tensors: Mapping[str, object], source: str) -> dict[str, Tensor]:
    """The tensors without what wraps them and their names.

    Raises:
        ValueError: where there is no tensor in it, or one that is not finite.
    """
    inner = tensors
    for wrapper in ("state_dict", "model"):
        inside = inner.get(wrapper)
        inner = inside if isinstance(inside, Mapping) else inner
    named = {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}
    if not named:
        raise ValueError(f"{source} holds no tensors")
    for name, value in named.items():
        if value.is_floating_point() and not is_finite(value):
            raise ValueError(
                f"{source}: {name} has a value that is NaN or infinite; get the file again"
            )
    prefix = _common_prefix(named)
    while prefix:
        named = {name[len(prefix) :]: value for name, value in named.items()}
        prefix = _common_prefix(named)
    return named


def detect(named: Mapping[str, Tensor]) -> TrackerPart | None:
    """Which part these tensors are, None where they are none."""
    if "visconf_head.0.weight" in named:
        return ALLTRACKER if "cnn.features.0.0.weight" in named else TINY_ALLTRACKER
    if "updateformer.input_transform.weight" in named:
        return COTRACKER
    if "update_block.alpha_head.conv1.weight" in named:
        return REFINER
    torchvision = "feature_encoder.convnormrelu.0.weight" in named
    if torchvision or "update_block.encoder.convf1.weight" in named:
        large = ("update_block.gru.convz1.weight", "mask_predictor.conv.weight")
        return RAFT if any(name in named for name in large) else SMALL_RAFT
    return None


def renamed(name: str, part: TrackerPart) -> str:
    """A released tensor's name in our network."""
    if part is RAFT and name.startswith(TORCHVISION):
        return f"net.{name}"
    for pattern, replacement in RENAMES[part.file]:
        name = re.sub(pattern, replacement, name)
    return name


TORCHVISION = ("feature_encoder.", "context_encoder.", "mask_predictor.", "update_block.motion_e",
               "update_block.recurrent_block", "update_block.flow_head")  # fmt: skip

Renames = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]
_ENCODER = (
    (r"^(feature|context)_encoder\.conv1\.", r"\1_encoder.convnormrelu.0."),
    (r"^(feature|context)_encoder\.norm1\.", r"\1_encoder.convnormrelu.1."),
    (r"^(feature|context)_encoder\.conv2\.", r"\1_encoder.conv."),
    (r"(layer\d\.\d\.)conv([12])\.", r"\1convnormrelu\2.0."),
    (r"(layer\d\.\d\.)norm([12])\.", r"\1convnormrelu\2.1."),
    # The authors' RAFT holds the norm of a shortcut under two names.
    (r"(layer\d\.0\.)norm3\.", r"\1downsample.1."),
)
_UPDATE = (
    (r"^update_block\.encoder\.convc([12])\.", r"update_block.motion_encoder.convcorr\1.0."),
    (r"^update_block\.encoder\.convf([12])\.", r"update_block.motion_encoder.convflow\1.0."),
    (r"^update_block\.encoder\.conv\.", r"update_block.motion_encoder.conv.0."),
    (r"^update_block\.gru\.conv([zrq])([12])\.", r"update_block.recurrent_block.convgru\2.conv\1."),
)
_ALLTRACKER: Renames = (
    (r"^(cnn|fnet)\.", "encoder."),
    (r"^dot_conv\.", "encoder.dot_conv."),
    (r"^(encoder\.features\.(?:0\.1|[24]\.0)\.)", r"\g<1>1."),
    (r"\.motion_encoder\.convc([12])\.", r".motion_encoder.convcorr\1.0."),
    (r"\.motion_encoder\.convf([12])\.", r".motion_encoder.convflow\1.0."),
    (r"\.motion_encoder\.conv\.", ".motion_encoder.conv.0."),
    (r"\.layer_scale$", ".scale.weight"),
    (r"\.block\.attn\.", ".attn."),
    (r"\.block\.mlp\.fc1\.", ".mlp.0."),
    (r"\.block\.mlp\.fc2\.", ".mlp.2."),
)
_LAYERS: Renames = (
    (r"^(fnet|encoder)\.layer(\d)\.", lambda m: f"{m[1]}.layers.{int(m[2]) - 1}."),
    (r"^((?:fnet|encoder)\.layers\.\d\.\d\.)conv([12])\.", r"\1convnormrelu\2.0."),
)
_SIDES = ((r"^fnet\.", "feature_encoder."), (r"^cnet\.", "context_encoder."))
RENAMES: dict[str, Renames] = {
    RAFT.file: (
        *_SIDES,
        *_ENCODER,
        *_UPDATE,
        (r"^update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
        (r"^update_block\.mask\.2\.", "mask_predictor.conv."),
        (r"^", "net."),
    ),
    REFINER.file: (
        *_SIDES,
        *_ENCODER,
        *_UPDATE,
        (r"^update_block\.(alpha_)?mask\.0\.", r"update_block.\1mask.convrelu.0."),
        (r"^update_block\.(alpha_)?mask\.2\.", r"update_block.\1mask.conv."),
        (r"^update_block\.mask\.", "flow_mask."),
        (r"^update_block\.", ""),
    ),
    COTRACKER.file: (
        *_LAYERS,
        (r"\.mlp\.fc1\.", ".mlp.0."),
        (r"\.mlp\.fc2\.", ".mlp.2."),
        (r"^(ffeat_updater|vis_predictor)\.0\.", r"\1."),
    ),
    ALLTRACKER.file: _ALLTRACKER,
    TINY_ALLTRACKER.file: (*_ALLTRACKER, *_LAYERS),
}


def _as_wide(given: Tensor, wanted: Tensor | None) -> Tensor:
    """A tensor with the sides of length 1 that ours has: of a factor for each channel, say."""
    alike = wanted is not None and given.squeeze().shape == wanted.squeeze().shape
    return given.reshape(wanted.shape) if wanted is not None and alike else given


def _common_prefix(named: Mapping[str, Tensor]) -> str:
    return next((p for p in PREFIXES if all(name.startswith(p) for name in named)), "")


def _other(
    named: Mapping[str, Tensor], found: TrackerPart | None, expected: TrackerPart, source: str
) -> str:
    message = f"{source} is not {expected.title} ({expected.file} in the release)"
    if found is not None:
        return f"{message}: by its tensors it is {found.title} ({found.file})"
    known = kinds.detect({name: tuple(value.shape) for name, value in named.items()})
    if known is not None:
        return f"{message}: by its tensors it is {known.title}"
    first = ", ".join(sorted(named)[:3])
    return f"{message}, nor another part of a dense tracker; it begins with {first}"


def _account(
    wanted: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    released: Mapping[str, str],
    part: TrackerPart,
    source: str,
) -> None:
    counted = [name for name in wanted if not name.endswith(COUNTER)]
    missing = [name for name in counted if name not in given]
    left_over = [name for name in given if name not in wanted]
    misshapen = [n for n in counted if n in given and given[n].shape != wanted[n].shape]
    problems = [
        f"{len(names)} {what}, the first {released.get(names[0], names[0])}"
        for names, what in (
            (missing, "tensors are missing"),
            (left_over, "are unexpected"),
            (misshapen, "have another shape"),
        )
        if names
    ]
    if problems:
        raise ValueError(
            f"{source} looks like {part.title} ({part.file} in the release), but of its "
            f"{len(counted)} tensors " + "; ".join(problems)
        )
