"""Drawn tracks as sparse control, of which there are two families."""

import torch
from motion_i2v.models.drawing.paths import Path, sample_paths
from motion_i2v.models.drawing.rasterize import rasterize

from tests.parity.seeded import Folder, relative_error


def box_region(box: tuple[int, int, int, int], size: tuple[int, int]) -> torch.Tensor:
    """A region [H, W] that is 1 in the box (x0, y0, x1, y1), its right and bottom edge excluded."""
    x0, y0, x1, y1 = box
    region = torch.zeros(size[1], size[0])
    region[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = 1.0
    return region


def compare(folder: Folder, family: str) -> dict[str, float]:
    given = folder.facts(f"{family}.json")
    size = (given["width"], given["height"])
    paths = [Path(tuple(map(tuple, track)), spacing="index") for track in given["tracks"]]
    box = given.get("movable_box")
    region = None if box is None else box_region(tuple(box), size)
    tracks = sample_paths(paths, given["frames"], size, pin="released")
    ours = rasterize(tracks, given["half_size"], region)
    theirs = folder.tensors(family)
    return {
        name: relative_error(getattr(ours, name), theirs[name])
        for name in ("flow01", "mask", "mask_latent")
    }
