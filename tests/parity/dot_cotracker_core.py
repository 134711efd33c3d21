"""CoTracker's network over two windows, without resizing."""

from motion_i2v.models.trackers import cotracker_windows as windows

from tests.parity import dot
from tests.parity.seeded import Folder, Lacking, relative_error

NETWORKS = ()
FILE = "cotracker_core"
BAR = dot.BAR
POINTS = 4
PLAIN = [0, 1, *range(130, 456)]


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    net = dot.network(folder, "cotracker")
    maps = net.fnet(2 * dot.picture(given["video_u8"][: windows.WINDOW]) - 1)
    tokens = dot.captured(net.updateformer, of_input=True)
    changes, logits = dot.captured(net.updateformer), dot.captured(net.vis_predictor)
    places, seen = windows.follow(net, dot.clip(given["video_u8"]), given["queries"][0])
    updates = len(changes) // 2
    errors = {
        "fmaps": relative_error(maps[:, ::8], given["fmaps_win0_ch8"]),
        "traj": relative_error(places[None], given["traj"]),
        "vis": relative_error(seen.sigmoid()[None], given["vis"]),
    }
    for window in (0, 1):
        first = window * updates
        for name, values in (("in", tokens), ("out", changes)):
            theirs = given[f"updateformer_{name}_win{window}_it0_pt4"]
            if isinstance(theirs, Lacking):
                errors[f"{name}{window}"] = theirs
                continue
            ours = values[first][::POINTS][: theirs.shape[1]]
            # What is carried on from window to window differs by rounding, which the sines of up
            # to 969 times a coordinate turn into noise: they are compared in the first window.
            kept = PLAIN if (name, window) == ("in", 1) else slice(None)
            errors[f"{name}{window}"] = relative_error(ours[None, ..., kept], theirs[..., kept])
        theirs = given[f"vis_logit_win{window}"]
        errors[f"logit{window}"] = relative_error(logits[window][..., 0][None], theirs)
    return errors
