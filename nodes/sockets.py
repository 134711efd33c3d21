"""The socket types that this pack adds to the host's own, and how a value travels on each."""

from comfy_api.latest import io

MotionFieldSocket = io.Custom("MOTION_FIELD")
"""A `models.motion_field.MotionField`."""

TracksSocket = io.Custom("TRACKS")
"""The core's dict of tensors, see `models.tracks.Tracks.to_dict`."""

FlowVaeSocket = io.Custom("FLOW_VAE")
"""A `models.host.flow_vae.FlowVAE`."""

MotionModuleSocket = io.Custom("MOTION_MODULE")
"""A `models.host.motion_module.MotionModule`."""

DenseTrackerSocket = io.Custom("DENSE_TRACKER")
"""A `models.host.trackers.HostedTracker`."""

FlowCompletionSocket = io.Custom("FLOW_COMPLETION")
"""A `models.host.flow_completion.FlowCompleter`."""

CATEGORY = "MotionI2V"


def aliases(*words: str) -> dict[str, list[str]]:
    """Other words that a search for a node finds it by, for hosts whose Schema knows them."""
    known = "search_aliases" in io.Schema.__dataclass_fields__
    return {"search_aliases": list(words)} if known else {}
