"""The small model in a real ComfyUI: other workflows put on it, drawings, and what came of them."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from motion_i2v.models.fields.field_formats import load_field
from PIL import Image, ImageChops

from devkit import base
from testing.example_prompts import (
    CLIP,
    LOADER,
    MODEL,
    VAE,
    changed,
    on_the_small_model,
    twin,
)
from tests.host_process import HostProcess, Prompt

__all__ = ["CLIP", "LOADER", "MODEL", "VAE"]
__all__ += ["changed", "on_the_small_model", "twin"]


FAST = {"steps": 2, "width": 96, "height": 0, "frames": 6, "frames_used": 6}


def node_of(prompt: Prompt, kind: str) -> str:
    """The id of the one node of a kind."""
    (found,) = [key for key, entry in prompt.items() if entry["class_type"] == kind]
    return found


def put_small_picture(host: HostProcess, name: str, size: tuple[int, int]) -> str:
    """Puts an example picture, with its brush, into the host's input folder at another size."""
    with Image.open(base.PHOTOS / name) as picture:
        small = picture.resize(size, Image.Resampling.NEAREST)
    small.save(host.input_dir / f"small_{Path(name).stem}.png")
    return f"small_{Path(name).stem}.png"


SIZE = (160, 104)


@dataclass(frozen=True)
class Scene:
    """A picture of SIZE with one thing that can be drawn on.

    Args:
        photo: among the example photos, with the thing painted in its alpha channel.
        box: the part of it that is used.
        noun: what the small model's words call the thing.
        start: (x, y) of the thing's middle, or about.
        behind: a part of the photo that the box is laid over, so that the thing is whole, and as
            large as those of the small model's training.
        across: how wide the box is laid over it, px.
    """

    photo: str
    box: tuple[int, int, int, int]
    noun: str
    start: tuple[int, int]
    behind: tuple[int, int, int, int]
    across: int

    @property
    def file(self) -> str:
        return f"scene_{self.noun}.png"

    def thing(self) -> np.ndarray:
        """[H, W] bool, where it is."""
        return np.asarray(self._picture().getchannel("A")) < 128

    def colours(self) -> np.ndarray:
        """[H, W, 3] uint8"""
        return np.asarray(self._picture().convert("RGB"))

    def put(self, host: HostProcess) -> None:
        """Puts the picture, with the thing brushed, into the host's input folder."""
        self._picture().save(host.input_dir / self.file)

    def _picture(self) -> Image.Image:
        with Image.open(base.PHOTOS / self.photo) as photo:
            pixels = photo.convert("RGBA")
        left, top, right, bottom = self.box
        size = (self.across, round(self.across * (bottom - top) / (right - left)))
        part = pixels.crop(self.box)
        # Not as one: interpolation with alpha makes black what is transparent, which is the thing.
        colours = part.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        brush = part.getchannel("A").resize(size, Image.Resampling.NEAREST)
        whole = pixels.crop(self.behind).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
        painted = Image.new("L", SIZE, 255)
        place = (self.start[0] - size[0] // 2, self.start[1] - size[1] // 2)
        whole.paste(colours, place, ImageChops.invert(brush))
        painted.paste(brush, place)
        whole.putalpha(painted)
        return whole


CUP = Scene("coffee.png", (76, 15, 480, 391), "cup", (74, 52), (484, 140, 600, 215), 56)
ROCKET = Scene("rocket.png", (300, 118, 344, 206), "rocket", (80, 52), (352, 20, 512, 124), 44)


def drawing_of(scene: Scene, way: tuple[int, int]) -> str:
    """The Trajectory Editor's document of one arrow, `way` pixels long."""
    points = [scene.start, np.add(scene.start, way).tolist()]
    width, height = SIZE
    path = {
        **{"id": "p1", "kind": "path", "curve": "smooth", "spacing": "arc", "ease": "linear"},
        **{"start": 0, "end": 1, "color": "#ff5533"},
        "points": [{"x": x / width, "y": y / height} for x, y in points],
    }
    return json.dumps({"version": 1, "paths": [path]})


@dataclass(frozen=True)
class Made:
    """What one run came to.

    Args:
        frames: [F, H, W, 3] uint8, as they were saved without loss.
        flow: [F, 2, H, W] px, of the motion field at the frames' size.
        executed: ids of the nodes that ran.
    """

    frames: np.ndarray
    flow: np.ndarray
    executed: list[str] = field(repr=False)

    def moved(self, inside: np.ndarray) -> np.ndarray:
        """(x, y): how far the middle one of some pixels [H, W] bool of frame 0 has come in the last
        frame, by the optical flow from frame 0 to each, begun with the one before it."""
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        dis.setFinestScale(0)
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in self.frames]
        # Without the grain of single latent cells.
        first, *others = (cv2.GaussianBlur(frame, (0, 0), 2) for frame in grey)
        flow = np.zeros((*first.shape, 2), np.float32)
        for frame in others:
            flow = dis.calc(first, frame, flow)
        return np.median(flow[inside], axis=0)

    def change(self, inside: np.ndarray) -> float:
        """The mean difference of the last frame to the first, of 255, over pixels [H, W] bool."""
        first, last = self.frames[0].astype(int), self.frames[-1].astype(int)
        return float(np.abs(last - first)[inside].mean())


def run(host: HostProcess, prompt: Prompt) -> Made:
    """Runs a workflow with both stages, and reads its frames and its motion field."""
    frames = prompt[node_of(prompt, "CreateVideo")]["inputs"]["images"]
    field_of = prompt[node_of(prompt, "MotionI2VAnimateDiffSampler")]["inputs"]["field"]
    return made(host, prompt, frames, field_of)


def made(host: HostProcess, prompt: Prompt, frames: list, field_of: list) -> Made:
    """Runs a prompt, and reads frames and a motion field, given as [node id, output]."""
    prompt = copy.deepcopy(prompt)
    prompt["frames"] = {
        "class_type": "SaveImage",
        "inputs": {"images": frames, "filename_prefix": "small/frame"},
    }
    prompt["field"] = {
        "class_type": "MotionI2VSaveMotionField",
        "inputs": {"field": field_of, "filename_prefix": "small/field", "format": "safetensors"},
    }
    result = host.run(prompt)
    assert result.succeeded, result.errors
    pictures = [
        np.asarray(Image.open(host.output_dir / entry["subfolder"] / entry["filename"]))
        for entry in result.outputs["frames"]["images"]
    ]
    saved = load_field(host.output_dir / result.outputs["field"]["text"][0])
    height, width = pictures[0].shape[:2]
    flow = saved.resized((width, height)).flow.numpy()
    return Made(np.stack(pictures), flow, result.executed)
