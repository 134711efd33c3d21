"""Damaged files of clips and pictures: as the training reads them, and as the host's loaders do."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from devkit.host import Prompt
from soak.cases import SIZE, Case, damaged_file
from soak.clients import node
from soak.strategies import damaged_bytes

FRAMES = 6
CODECS = {"clip.mp4": ("mp4", "libx264"), "clip.avi": ("avi", "mpeg4"), "clip.gif": ("gif", "gif")}
"""Files of clips: container and codec."""
PICTURES = {"picture.png": "PNG", "picture.jpg": "JPEG", "picture.webp": "WEBP"}


@cache
def good_clips() -> dict[str, bytes]:
    """A few frames in each kind of file."""
    return {name: _clip(*kinds) for name, kinds in CODECS.items()}


@cache
def good_pictures() -> dict[str, bytes]:
    """A picture in each kind of file."""
    found = {}
    for name, kind in PICTURES.items():
        Image.fromarray(_frames()[0]).save(file := io.BytesIO(), kind)
        found[name] = file.getvalue()
    return found


def _frames() -> np.ndarray:
    """uint8 [F, H, W, 3] of blobs that move to the right."""
    x, y, time = np.arange(SIZE[0]), np.arange(SIZE[1])[:, None], np.arange(FRAMES)[:, None, None]
    waves = np.sin((x - 2 * time) / 5) * np.cos(y / 6)
    return (127 + 100 * waves[..., None] * (1, 0.7, 0.4)).astype(np.uint8)


def _clip(container: str, codec: str) -> bytes:
    import av

    with av.open(file := io.BytesIO(), "w", format=container) as written:
        colours = "rgb8" if codec == "gif" else "yuv420p"
        shape = {"width": SIZE[0], "height": SIZE[1], "pix_fmt": colours}
        stream = written.add_stream(codec, rate=25, **shape)
        for picture in _frames():
            written.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        written.mux(stream.encode())
    return file.getvalue()


@st.composite
def clip_cases(draw: st.DrawFn, files: dict[str, bytes], folder: Path) -> Case:
    """A damaged clip, read as the training reads its videos."""
    from motion_i2v.training.data.videos import center_crop, probe, read_frames

    name = draw(st.sampled_from(sorted(files)))
    data = draw(damaged_bytes(files[name]))

    def call() -> None:
        (folder / name).write_bytes(data)
        video = probe(folder / name)
        read_frames(video, range(video.frames), center_crop(video, SIZE), SIZE)

    return damaged_file(name, data, call)


@st.composite
def file_prompts(draw: st.DrawFn) -> tuple[Prompt, dict[str, bytes]]:
    """A prompt whose clip or picture is damaged, and the file that must be there before."""
    is_clip = draw(st.booleans())
    files = good_clips() if is_clip else good_pictures()
    name = draw(st.sampled_from(sorted(files)))
    return (_clip_prompt if is_clip else _picture_prompt)(name), {
        name: draw(damaged_bytes(files[name]))
    }


def _clip_prompt(name: str) -> Prompt:
    values: dict[str, Any] = {"built_in": "fast", "first_frame": 0, "frames_used": 4, "every": 1}
    values |= {"working_side": 64, "field_size": "as worked", "cuts": "ignore"}
    return {
        "loaded": node("LoadVideo", file=name),
        "frames": node("GetVideoComponents", video=["loaded", 0]),
        "node": node("MotionI2VFlowExtractor", frames=["frames", 0], **values),
        "shown": node("PreviewAny", source=["node", 0]),
    }


def _picture_prompt(name: str) -> Prompt:
    values: dict[str, Any] = {"grow": 0, "feather": 0.0, "invert": False, "fill_holes": True}
    values |= {"empty_means_everything": True, "snap_to_edges": True}
    sockets = {"mask": ["loaded", 1], "picture": ["loaded", 0]}
    return {
        "loaded": node("LoadImage", image=name),
        "node": node("MotionI2VRegionMask", **sockets, **values),
        "shown": node("PreviewAny", source=["node", 0]),
    }
