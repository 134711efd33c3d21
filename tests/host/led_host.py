"""A real ComfyUI with narrow image and video models, and prompts that a warped clip leads."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from motion_i2v.models.files.checkpoints import checkpoint_of
from safetensors.torch import save_file

from devkit import places
from tests import narrow_release
from tests.host.usual import usual
from tests.host_process import HostProcess

ROOT = Path(__file__).resolve().parents[2]
STEPS = 6
KINDS = {
    "SD 1.5": SimpleNamespace(
        shape="5, 4, 4, 6",
        frames=5,
        text=narrow_release.CONTEXT,
        layer=("input_blocks.1.1.transformer_blocks.0.attn1.to_q", 32),
    ),
    "Wan": SimpleNamespace(
        shape="1, 16, 3, 4, 6", frames=9, text=24, layer=("blocks.0.self_attn.q", 48)
    ),
}


def start(base: Path) -> HostProcess:
    """A ComfyUI with the narrow models' nodes, and with live previews."""
    nodes = base / "custom_nodes"
    nodes.mkdir(parents=True)
    names = ("narrow_nodes.py", "sd15.py", "video_models.py")
    shutil.copy(ROOT / "tests" / "host" / names[0], nodes)
    for name in names[1:]:
        shutil.copy(ROOT / "testing" / name, nodes)
    unet = checkpoint_of(narrow_release.weights("sd15_unet"), "narrow", "sd15_unet")
    save_file(unet.take_host_tensors(), base / "sd15.safetensors")
    flags = ("--whitelist-custom-nodes", places.PACK, *names, "--preview-method", "latent2rgb")
    return HostProcess(base=base, arguments=flags)


class Prompts:
    """Builds prompts for the host, and reads what they saved."""

    def __init__(self, host: HostProcess) -> None:
        self.host = host
        self.info = host.object_info()

    def node(self, kind: str, **given: Any) -> dict:
        return usual(self.info, kind, **given)

    def parts(self, kind: str) -> dict:
        """A model, its texts, a warped clip, and a mask of its left third for every frame."""
        of = KINDS[kind]
        wan = self.node("NarrowVideoModel", family="Wan 2.1") if kind == "Wan" else None
        file = str(self.host.base / "sd15.safetensors")
        return {
            "model": wan or self.node("NarrowModel", file=file),
            "positive": self.node("NarrowText", text="a cup", width=of.text),
            "negative": self.node("NarrowText", text="", width=of.text),
            "clip": self.node("NarrowLatents", shape=of.shape, seed=1),
            "white": self.node("SolidMask", value=1.0, width=16, height=32),
            "black": self.node("SolidMask", value=0.0, width=48, height=32),
            "one": self.node(
                "MaskComposite", destination=["black", 0], source=["white", 0], operation="add"
            ),
            "picture": self.node("MaskToImage", mask=["one", 0]),
            "pictures": self.node("RepeatImageBatch", image=["picture", 0], amount=of.frames),
            "mask": self.node("ImageToMask", image=["pictures", 0], channel="red"),
            "euler": self.node("KSamplerSelect", sampler_name="euler"),
            "sigmas": self.node(
                "BasicScheduler", model=["model", 0], scheduler="simple", steps=STEPS
            ),
        }

    def lead(self, prompt: dict, weak: float, strong: float, **given: Any) -> None:
        prompt["led"] = self.node(
            "MotionI2VTimeToMove",
            model=["model", 0],
            sampler=["euler", 0],
            clip=["clip", 0],
            mask=["mask", 0],
            weak_clock=weak / STEPS,
            strong_clock=strong / STEPS,
            **given,
        )

    def watch(self, prompt: dict, interrupt_in: int = 0) -> list:
        """Adds the model being watched; returns the link to it. `calls` tells what it was given."""
        file = str(self.host.base / "calls.txt")
        prompt["watched"] = self.node(
            "NarrowWatch", model=["model", 0], file=file, interrupt_in=interrupt_in
        )
        return ["watched", 0]

    def calls(self) -> list[list[int]]:
        """The shapes of what the watched network was given, call by call."""
        lines = (self.host.base / "calls.txt").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def sampler(self, prompt: dict, weak: float, strong: float, **given: Any) -> None:
        """Adds our sampler node as "sampler", with the settings that `custom` has."""
        values = {"model": ["model", 0], "seed": 7, "steps": STEPS, "cfg": 3.0}
        prompt["sampler"] = self.node(
            "MotionI2VTimeToMoveSampler",
            positive=["positive", 0],
            negative=["negative", 0],
            latent=["clip", 0],
            mask=["mask", 0],
            weak_clock=weak / STEPS,
            strong_clock=strong / STEPS,
            scheduler="simple",
            **{**values, **given},
        )

    def lora(self, prompt: dict, layer: str, width: int) -> list:
        """Adds a LoRA on a square layer of the model; returns the link to it."""
        folder = self.host.base / "models" / "loras"
        folder.mkdir(parents=True, exist_ok=True)
        sides = {"lora_up": (width, 1), "lora_down": (1, width)}
        name = f"diffusion_model.{layer}"
        tensors = {f"{name}.{side}.weight": torch.ones(shape) for side, shape in sides.items()}
        save_file(tensors, folder / f"{layer}.safetensors")
        prompt["lora"] = self.node(
            "LoraLoaderModelOnly", model=["model", 0], lora_name=f"{layer}.safetensors"
        )
        prompt["lora"]["inputs"]["strength_model"] = 1.0
        return ["lora", 0]

    def custom(self, prompt: dict, name: str, sampler: str, sigmas: list, **given: Any) -> None:
        values = {"latent_image": ["clip", 0], "model": ["model", 0], "noise_seed": 7, "cfg": 3.0}
        prompt[name] = self.node(
            "SamplerCustom",
            positive=["positive", 0],
            negative=["negative", 0],
            sampler=[sampler, 0],
            sigmas=sigmas,
            **{**values, **given},
        )

    def latents(self, prompt: dict, *names: str) -> list[torch.Tensor]:
        for name in names:
            file = str(self.host.base / f"{name}.pt")
            prompt[f"save {name}"] = self.node("NarrowSaveTensor", file=file, latent=[name, 0])
        result = self.host.run(prompt)
        assert result.succeeded, result.errors
        return [torch.load(self.host.base / f"{name}.pt") for name in names]
