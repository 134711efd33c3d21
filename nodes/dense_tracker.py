"""Video to video: where every pixel of a clip's first frame goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import comfy.model_management
import torch
from comfy_api.latest import io

from ..models.host import folders
from ..models.trackers.clip_frames import ClipFrames, working_size
from ..models.trackers.methods import ANCHORED, WITHOUT_WEIGHTS, without_weights
from ..models.trackers.steps import Tracker
from .inputs import field_output
from .node import Node, progress, usual
from .sockets import CATEGORY, DenseTrackerSocket, advanced, aliases

if TYPE_CHECKING:
    from ..models.host.trackers import HostedTracker
    from ..models.trackers.weights import TrackerPart

GROUP = f"{CATEGORY}/video to video"
NO_FILE = "none"
DOT, RAFT_CHAINED, RAFT_DIRECT = "DOT", "RAFT, chained", "RAFT, direct"
ALLTRACKER = "AllTracker"
KINDS = (DOT, RAFT_CHAINED, RAFT_DIRECT, ALLTRACKER)
AUTO, FORWARD, BOTH = "auto", "forward (Motion-I2V)", "both ways (DOT)"
WAYS = {AUTO: None, FORWARD: False, BOTH: True}
STOP, IGNORE = "stop with an error", "ignore"
AS_CLIP, AS_WORKED = "as the clip", "as worked"


class MotionI2VFlowExtractor(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VFlowExtractor",
            display_name="Dense-Tracker V2V Flow Extractor",
            **aliases(
                "optical flow",
                "dense tracking",
                "video to motion",
                "V2V",
                "DOT",
                "RAFT",
                "CoTracker",
                "AllTracker",
            ),
            category=GROUP,
            description="Takes the motion out of a video: for every pixel of its first frame, "
            "where it goes in each later one, and whether it is seen there. Works without any "
            "model; better with a dense tracker connected.",
            is_input_list=True,
            inputs=[
                io.Image.Input(
                    "frames",
                    tooltip="The video, a batch of at least 2 frames in order, all of one shot. "
                    "Lists of batches are joined.",
                ),
                DenseTrackerSocket.Input(
                    "dense_tracker",
                    optional=True,
                    tooltip="From Load Dense Tracker. Nothing connected: the built-in tracker, "
                    "which needs no weights.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="Only the motion in here is taken, as seen in the first frame; "
                    "elsewhere nothing moves. Any size. An empty mask: everything.",
                ),
                io.Combo.Input(
                    "built_in",
                    options=list(WITHOUT_WEIGHTS),
                    default=ANCHORED,
                    tooltip="The built-in tracker, where none is connected. accurate: follows from "
                    "frame to frame and corrects itself against the first. fast: follows only, "
                    "about five times as fast, with small errors adding up.",
                ),
                io.Int.Input(
                    "first_frame",
                    default=0,
                    min=0,
                    max=100000,
                    tooltip="The reference frame, from which the motion is measured (the one that "
                    "you restyle). Earlier frames are not used.",
                ),
                io.Int.Input(
                    "frames_used",
                    default=16,
                    min=0,
                    max=100000,
                    tooltip="How many frames at most, the reference frame included; 0 for all that "
                    "there are. Stage 2 was trained with 16.",
                ),
                io.Int.Input(
                    "every",
                    default=1,
                    min=1,
                    max=100,
                    tooltip="2 takes every second frame: more motion in as many frames.",
                ),
                io.Int.Input(
                    "working_side",
                    default=768,
                    min=0,
                    max=8192,
                    step=8,
                    tooltip="The tracker works with the longer side shrunk to this many px; 0 for "
                    "the video's own size. Less is faster and needs less memory; thin things may "
                    "get lost.",
                ),
                io.Combo.Input(
                    "field_size",
                    options=[AS_CLIP, AS_WORKED],
                    default=AS_CLIP,
                    tooltip="Of the motion field. as the clip: enlarged along the edges of the "
                    "first frame. as worked: left small, for long clips (every node resizes "
                    "fields by itself).",
                    **advanced(),
                ),
                io.Combo.Input(
                    "cuts",
                    options=[STOP, IGNORE],
                    default=STOP,
                    tooltip="What to do where one shot ends and another begins. Motion cannot be "
                    "followed across a cut; the error says between which frames it is.",
                    **advanced(),
                ),
            ],
            outputs=[
                field_output("Displacements from the first frame, with visibility.", "field"),
                io.Mask.Output(
                    "occlusion",
                    display_name="occlusion",
                    tooltip="For each frame, the pixels of the first frame that are hidden or "
                    "outside there: 1 hidden, 0 seen.",
                ),
                io.Image.Output(
                    "reference",
                    display_name="first frame",
                    tooltip="The reference frame: restyle this one.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        frames: list[torch.Tensor],
        built_in: list[str],
        first_frame: list[int],
        frames_used: list[int],
        every: list[int],
        working_side: list[int],
        field_size: list[str],
        cuts: list[str],
        dense_tracker: list[HostedTracker] | None = None,
        region: list[torch.Tensor] | None = None,
    ) -> io.NodeOutput:
        from ..models.trackers.extract import Excerpt, extract_field

        clip = ClipFrames(_frames(frames))
        field = extract_field(
            clip,
            *_tracker(clip, dense_tracker, built_in[0], working_side[0]),
            excerpt=Excerpt(first_frame[0], frames_used[0], every[0]),
            enlarge=field_size[0] == AS_CLIP,
            region=region[0] if region else None,
            allow_cuts=cuts[0] == IGNORE,
            memory=comfy.model_management.get_free_memory(torch.device("cpu")),
            on_step=progress(1),
        )
        assert field.visibility is not None, "a tracker says of every pixel whether it is seen"
        reference = clip.frames[first_frame[0]][None, ..., :3].clone()
        return io.NodeOutput(field, 1 - field.visibility, reference)


def _tracker(
    clip: ClipFrames, connected: list[HostedTracker] | None, built_in: str, side: int
) -> tuple[Tracker, tuple[int, int]]:
    """What follows the pixels, and the (W, H) at which it does."""
    work = working_size(clip.own_size, side)
    if connected:
        return connected[0], connected[0].fit(work)
    return without_weights(built_in), work


class MotionI2VLoadDenseTracker(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VLoadDenseTracker",
            display_name="Load Dense Tracker",
            **aliases("optical flow", "DOT", "RAFT", "CoTracker", "AllTracker"),
            category=f"{CATEGORY}/loaders",
            description="Loads the weights of a dense tracker: DOT, which Motion-I2V was trained "
            "with, RAFT, or AllTracker, whose licence allows any use. See the help page for where "
            "to get them, and their licences.",
            inputs=[
                io.Combo.Input(
                    "tracker",
                    options=list(KINDS),
                    default=DOT,
                    tooltip="DOT: tracks points and spreads them to every pixel; needs the first "
                    "three files, of which CoTracker's is not for commercial use. RAFT, chained: "
                    "flow from frame to frame, added up. RAFT, direct: flow from the first frame "
                    "to each other one, for small motions. RAFT needs only the first file. "
                    "AllTracker: follows every pixel through 16 frames at a time; needs only its "
                    "own file, whose licence (MIT) allows any use.",
                ),
                _file("raft_file", "RAFT", "raft_patch_8", "raft_large", "raft"),
                _file("cotracker_file", "CoTracker (for DOT)", "cotracker"),
                _file("refiner_file", "DOT's refiner (for DOT)", "patch_4_alpha", "alpha"),
                io.Int.Input(
                    "points",
                    default=2048,
                    min=64,
                    max=16384,
                    step=64,
                    tooltip="DOT: how many points are tracked.",
                    **advanced(),
                ),
                io.Int.Input(
                    "points_at_once",
                    default=2048,
                    min=64,
                    max=16384,
                    step=64,
                    tooltip="DOT: how many of them in one go. Fewer need less memory; points "
                    "tracked together help each other.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "direction",
                    options=list(WAYS),
                    default=AUTO,
                    tooltip="DOT: follow points forward only, as in Motion-I2V's training, or back "
                    "to the first frame too, as DOT's authors do. auto: forward up to 16 frames, "
                    "both ways beyond, where most points are first seen late.",
                    **advanced(),
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**32 - 1,
                    tooltip="DOT: of the points that are drawn.",
                ),
                _file("alltracker_file", "AllTracker (MIT licence)", "alltracker"),
            ],
            outputs=[
                DenseTrackerSocket.Output(
                    "dense_tracker",
                    display_name="DENSE_TRACKER",
                    tooltip="For the Dense-Tracker V2V Flow Extractor.",
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **given: Any) -> list[str]:
        given = usual(cls.known()) | given
        names = [value for name, value in given.items() if name.endswith("_file")]
        return [folders.fingerprint(name) for name in names if name != NO_FILE]

    @classmethod
    def execute(
        cls,
        tracker: str,
        raft_file: str,
        cotracker_file: str,
        refiner_file: str,
        points: int,
        points_at_once: int,
        direction: str,
        seed: int,
        alltracker_file: str,
    ) -> io.NodeOutput:
        from ..models.host.trackers import hosted_alltracker, hosted_dot, hosted_raft
        from ..models.trackers import weights
        from ..models.trackers.dot import DotNetworks

        if tracker == ALLTRACKER:
            return io.NodeOutput(hosted_alltracker(_load(alltracker_file, weights.ALLTRACKER)))
        raft = _load(raft_file, weights.RAFT)
        if tracker != DOT:
            return io.NodeOutput(hosted_raft(raft, chained=tracker == RAFT_CHAINED))
        networks = DotNetworks()
        networks.estimator = raft
        networks.tracker = _load(cotracker_file, weights.COTRACKER)
        networks.refiner = _load(refiner_file, weights.REFINER)
        return io.NodeOutput(hosted_dot(networks, points, points_at_once, WAYS[direction], seed))


def _file(name: str, what: str, *likely: str) -> io.Input:
    listed = folders.checkpoints(*likely)
    fitting = [file for file in listed if any(part in file.lower() for part in likely)]
    return io.Combo.Input(
        name,
        options=[NO_FILE, *listed],
        default=fitting[0] if fitting else NO_FILE,
        tooltip=f"The weights of {what}: a file in models/motion_i2v/.",
    )


def _load(file: str, part: TrackerPart) -> Any:
    from ..models.trackers import weights

    if file == NO_FILE:
        raise ValueError(
            f"no file is chosen for {part.title}: put {part.file} (see the help page) into "
            "models/motion_i2v/, reload the page and choose it"
        )
    return weights.load(folders.path_of(file), part)


def _frames(batches: list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
    """One batch as it is; of several, each frame without a copy."""
    if len(batches) == 1:
        return batches[0]
    return [frame for batch in batches for frame in batch]
