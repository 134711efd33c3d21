"""The dense tracker: weights made by its fixtures' own rule, and what its families share.

A folder of these has `manifest_*.json` beside its files: the tensors of each network.
"""

import hashlib

import numpy
import torch
from motion_i2v.models.trackers import weights
from motion_i2v.models.trackers.clip_frames import ClipFrames
from motion_i2v.models.trackers.dot import DotNetworks

from tests.parity.seeded import Folder, Lacking, relative_error

BAR = 1e-4
BUDGET = 1e-3
HEADS = (
    "update_block.flow_head.conv2.",
    "update_block.alpha_head.conv2.",
    "updateformer.flow_head.",
)
MANIFESTS = {
    "raft_patch_8": weights.RAFT,
    "raft_patch_4_alpha": weights.REFINER,
    "cotracker": weights.COTRACKER,
}


def made(name: str, shape: list[int]) -> torch.Tensor:
    """One tensor of the stand-in weights, by its released name."""
    digest = hashlib.sha256(name.encode()).digest()
    seed = [int.from_bytes(digest[i : i + 4], "big") for i in (0, 4)]
    random = numpy.random.RandomState(seed)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == "running_var":
        return _tensor(1 + 0.1 * random.random_sample(shape))
    noise = random.standard_normal(shape)
    gain = 0.05 if any(head in name for head in HEADS) else 1.0
    if leaf == "running_mean":
        return _tensor(0.1 * noise)
    if leaf == "bias":
        return _tensor(gain * 0.1 * noise)
    if len(shape) == 1:
        return _tensor(1 + 0.1 * noise)
    value = gain * noise / numpy.sqrt(numpy.prod(shape[1:]))
    if name.endswith("updateformer.input_transform.weight"):
        value[:, 2:130] *= 0.02
    return _tensor(value)


def network(folder: Folder, manifest: str) -> torch.nn.Module:
    """A network with the weights of the folder's manifest."""
    file = f"manifest_{manifest}.json"
    tensors = folder.facts(file)["tensors"]
    named = {name: made(name, entry["shape"]) for name, entry in tensors.items()}
    return weights.build(named, MANIFESTS[manifest], file)


def networks(folder: Folder) -> DotNetworks:
    """All three."""
    out = DotNetworks()
    out.estimator = network(folder, "raft_patch_8")
    out.tracker = network(folder, "cotracker")
    out.refiner = network(folder, "raft_patch_4_alpha")
    return out.eval()


def picture(bytes_: torch.Tensor) -> torch.Tensor:
    """[3, H, W] in 0..1 of uint8."""
    return bytes_.float() / 255


def clip(bytes_: torch.Tensor) -> ClipFrames:
    """Of frames uint8 [F, 3, H, W]."""
    return ClipFrames(picture(bytes_).permute(0, 2, 3, 1))


def flips(ours: torch.Tensor, theirs: torch.Tensor | Lacking) -> float | Lacking:
    """The share of unequal yes-or-no values, such that their budget of 0.1 % is the bar."""
    if isinstance(theirs, Lacking):
        return theirs
    if ours.shape != theirs.shape:
        return float("nan")
    return float((ours.float() != theirs.float()).float().mean()) / BUDGET * BAR


def captured(module: torch.nn.Module, of_input: bool = False) -> list[torch.Tensor]:
    """A list that every call of the module adds its output (or first input) to."""
    seen: list[torch.Tensor] = []
    module.register_forward_hook(
        lambda _, given, out: seen.append((given[0] if of_input else out).detach().clone())
    )
    return seen


def pipeline(folder: Folder, family: str, both_ways: bool) -> dict[str, float]:
    """One of the two variants of the whole of DOT, from given queries."""
    from motion_i2v.models.trackers.dot import Dot
    from motion_i2v.models.trackers.nearest import from_nearest
    from motion_i2v.models.trackers.refiner import PATCH

    given = folder.tensors(family)
    frames = clip(given["video_u8"])
    dot = Dot(networks(folder), 64, 64, both_ways)
    tracks = dot.follow(frames, given["queries"][0])
    w, h = frames.read_size
    last = torch.tensor([w - 1.0, h - 1.0, 1.0])
    coarse = [
        from_nearest(tracks[0] / last, tracks[i] / last, (w // PATCH, h // PATCH))
        for i in range(1, len(frames))
    ]
    found = list(dot.refined(frames, tracks))
    seen = [torch.ones(h, w), *(frame.visibility for frame in found)]
    flow = torch.stack([found[i - 1].flow for i in (1, 5, 9)]).permute(0, 2, 3, 1)
    return {
        "tracks": relative_error(tracks[None], given["tracks"]),
        "coarse_flow": relative_error(
            torch.stack([c[0] for c in coarse]).permute(0, 2, 3, 1), given["coarse_flow"]
        ),
        "coarse_alpha": flips(torch.stack([c[1] for c in coarse]), given["coarse_alpha"]),
        "flow": relative_error(flow, given["flow_t1_5_9"]),
        "visibility": flips(torch.stack(seen), given["visibility"]),
    }


def _tensor(value: numpy.ndarray) -> torch.Tensor:
    return torch.from_numpy(numpy.asarray(value, dtype=numpy.float32))
