"""A real ComfyUI with a narrow release in its model folder, and prompts for stage 1."""

import shutil
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image

from devkit import places
from tests.host.usual import usual
from tests.host_process import HostProcess
from tests.narrow_release import write_release

PICTURE = "picture.png"
SIZE = (72, 56)
FRAMES = 4
KJ = '[[{"x": 20, "y": 20}, {"x": 40, "y": 30}], [{"x": 60, "y": 40}]]'
STAGE1 = ("stage1_unet", "stage1_controlnet", "flow_vae")
TREE = "stage1/StableDiffusion-FlowGen"
FILES = {
    "flow_vae": f"{TREE}/vae_flow/diffusion_pytorch_model.bin",
    "stage1_unet": f"{TREE}/unet/diffusion_pytorch_model.bin",
    "stage1_controlnet": f"{TREE}/controlnet/controlnet.bin",
}
LOADERS = {
    "flow_vae": "MotionI2VLoadFlowVAE",
    "stage1_unet": "MotionI2VLoadMotionFieldModel",
    "stage1_controlnet": "MotionI2VLoadTrajectoryControlNet",
}


def prepare(base: Path) -> None:
    """The test nodes, a picture, and the release where the older wrapper left it."""
    (base / "custom_nodes").mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "narrow_nodes.py", base / "custom_nodes")
    write_release(base / "models" / "diffusers" / "Motion-I2V" / "models", *STAGE1)
    write_release(base, "image_vae")
    (base / "input").mkdir()
    y, x = numpy.mgrid[: SIZE[1], : SIZE[0]]
    pixels = numpy.stack([x * 3, y * 4, (x + y) * 2], axis=-1).astype(numpy.uint8)
    Image.fromarray(pixels).save(base / "input" / PICTURE)


def narrow_host(base: Path, *others: str, arguments: tuple[str, ...] = ()) -> HostProcess:
    """A ComfyUI with the pack, the nodes of `prepare`, and others in its custom_nodes."""
    nodes = (places.PACK, "narrow_nodes.py", *others)
    return HostProcess(base=base, arguments=("--whitelist-custom-nodes", *nodes, *arguments))


def start(base: Path) -> HostProcess:
    prepare(base)
    return narrow_host(base, arguments=("--preview-method", "auto"))


class Stage1Prompts:
    """Builds prompts for one host, and reads what they saved."""

    def __init__(self, host: HostProcess) -> None:
        self.host = host
        self.info = host.object_info()

    def base(self, files: dict[str, str] = FILES, frames: int = FRAMES) -> dict:
        """Loaders, texts, picture and tracks; ids are words."""
        prompt = {kind: node(LOADERS[kind], file=files[kind], precision="auto") for kind in STAGE1}
        prompt["positive"] = node("NarrowText", text="a cup that moves", width=48)
        prompt["negative"] = node("NarrowText", text="", width=48)
        prompt["vae"] = node("NarrowVAE", file=str(self.host.base / "image_vae.safetensors"))
        prompt["picture"] = node("LoadImage", image=PICTURE)
        prompt["tracks"] = tracks(self.info, frames)
        return prompt

    def controlled(
        self, files: dict[str, str] = FILES, frames: int = FRAMES, **inputs: Any
    ) -> dict:
        prompt = self.base(files, frames)
        prompt["control"] = node(
            "MotionI2VTrajectoryControlNet",
            positive=["positive", 0],
            negative=["negative", 0],
            control_net=["stage1_controlnet", 0],
            flow_vae=["flow_vae", 0],
            tracks=["tracks", 0],
            **{"strength": 1.0, "start_percent": 0.0, "end_percent": 1.0, "half_size": 6, **inputs},
        )
        return prompt

    def sampled(self, prompt: dict, name: str = "field", **inputs: Any) -> dict:
        """The prompt with the sampler, its field saved under a name."""
        texts = "control" if "control" in prompt else None
        prompt["sampler"] = node(
            "MotionI2VMotionFieldSampler",
            **{
                "model": ["stage1_unet", 0],
                "positive": [texts or "positive", 0],
                "negative": [texts, 1] if texts else ["negative", 0],
                "picture": ["picture", 0],
                "vae": ["vae", 0],
                "flow_vae": ["flow_vae", 0],
                **frame_inputs(),
                "seed": 7,
                "steps": 3,
                "cfg": 5.0,
                "sampler_name": "euler",
                "scheduler": "DDIM leading",
                "denoise": 1.0,
                **inputs,
            },
        )
        return self.saved(prompt, ["sampler", 0], name)

    def saved(self, prompt: dict, link: list, name: str) -> dict:
        prompt[f"save_{name}"] = node("NarrowSaveTensor", file=str(self.file(name)), field=link)
        return prompt

    def file(self, name: str) -> Path:
        return self.host.base / f"{name}.pt"

    def field(self, prompt: dict, name: str = "field") -> torch.Tensor:
        """Runs a prompt and returns the flow [F, 2, H, W] that it saved."""
        self.file(name).unlink(missing_ok=True)
        result = self.host.run(prompt)
        assert result.succeeded, result.errors
        return torch.load(self.file(name))

    def error(self, prompt: dict) -> str:
        """Why a prompt was refused, or failed; the server must go on serving."""
        status, answer = self.host.post_prompt(prompt)
        if status != 200:
            return str(answer)
        errors = self.host.run(prompt).errors
        assert errors, "the prompt went through"
        return errors[0]["exception_message"]


def node(kind: str, **inputs: Any) -> dict:
    return {"class_type": kind, "inputs": inputs}


def frame_inputs(**changed: Any) -> dict:
    usual = {"frames": FRAMES, "stride": "8", "width": 0, "height": 0, "fit": "stretch"}
    return {**usual, **changed}


def tracks(info: dict, frames: int) -> dict:
    given = {"text": KJ, "frames": frames, "width": SIZE[0], "height": SIZE[1]}
    return usual(info, "MotionI2VTracksFromText", **given)
