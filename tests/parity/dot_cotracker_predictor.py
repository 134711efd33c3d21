"""CoTracker at its own size with support points, forward and both ways."""

from motion_i2v.models.trackers import cotracker_windows as windows

from tests.parity import dot
from tests.parity.seeded import Folder, relative_error

NETWORKS = ()
FILE = "cotracker_predictor"
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    net = dot.network(folder, "cotracker")
    clip, errors = dot.clip(given["video_u8"]), {}
    for both_ways, name in ((False, "forward"), (True, "bidir")):
        places, seen = windows.predict(net, clip, given["queries"][0], both_ways)
        errors[f"tracks_{name}"] = relative_error(places[None], given[f"tracks_{name}"])
        errors[f"vis_{name}"] = dot.flips(seen[None], given[f"vis_{name}"])
    return errors
