"""Drawn tracks as sparse control, of which there are two families."""

from motion_i2v.models.drawing.paths import Path, sample_paths
from motion_i2v.models.drawing.rasterize import box_region, rasterize

from tests.parity.seeded import Folder, relative_error


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
