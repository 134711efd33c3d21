"""A real ComfyUI with a narrow SD 1.5 model and narrow motion modules, and prompts for stage 2."""

import shutil
from pathlib import Path
from typing import Any

import torch
from motion_i2v.models.files.checkpoints import checkpoint_of
from safetensors.torch import save_file

from tests import narrow_release
from tests.host import stage1_host
from tests.host.stage1_host import FRAMES, SIZE, Stage1Prompts, node
from tests.host.usual import usual
from tests.host_process import HostProcess

MODULE = "stage2/Motion_Module/motion_block.bin"


def start(base: Path) -> HostProcess:
    """The narrow release of both stages, and an SD 1.5-like UNet where the test node finds it."""
    stage1_host.prepare(base)
    testing = Path(__file__).resolve().parents[2] / "testing"
    shutil.copy(testing / "sd15.py", base / "custom_nodes" / "narrow_sd15.py")
    narrow_release.write_release(
        base / "models" / "diffusers" / "Motion-I2V" / "models", "motion_modules"
    )
    unet = checkpoint_of(narrow_release.weights("sd15_unet"), "narrow", "sd15_unet")
    save_file(unet.take_host_tensors(), base / "sd15.safetensors")
    return stage1_host.narrow_host(base, "narrow_sd15.py")


class Stage2Prompts(Stage1Prompts):
    """Builds prompts for one host, and reads what they saved."""

    def usual(self, kind: str, **given: Any) -> dict:
        """A node with the values that the page would give it."""
        return usual(self.info, kind, **given)

    def parts(self, frames: int = FRAMES) -> dict:
        """Models, texts, picture, tracks, and a dense field without a learned model."""
        prompt = {
            "model": node("NarrowModel", file=str(self.host.base / "sd15.safetensors")),
            "module": node("MotionI2VLoadMotionModule", file=MODULE, precision="auto"),
            "positive": node("NarrowText", text="a cup that moves", width=48),
            "negative": node("NarrowText", text="", width=48),
            "vae": node("NarrowVAE", file=str(self.host.base / "image_vae.safetensors")),
            "picture": node("LoadImage", image=stage1_host.PICTURE),
            "tracks": stage1_host.tracks(self.info, frames),
        }
        prompt["field"] = self.usual("MotionI2VDensifyTracks", tracks=["tracks", 0])
        prompt["field"]["inputs"]["picture"] = ["picture", 0]
        return prompt

    def brush(self, prompt: dict) -> list:
        """Adds a region: the left third of the picture. Returns the link to it."""
        prompt["mask"] = node("SolidMask", value=1.0, width=24, height=SIZE[1])
        prompt["black"] = node("SolidMask", value=0.0, width=SIZE[0], height=SIZE[1])
        prompt["region"] = node(
            "MaskComposite",
            destination=["black", 0],
            source=["mask", 0],
            x=0,
            y=0,
            operation="add",
        )
        return ["region", 0]

    def video(self, prompt: dict, **inputs: Any) -> dict:
        """Adds the stage-2 sampler, its latents saved as "latents"."""
        prompt["video"] = self.usual(
            "MotionI2VAnimateDiffSampler",
            **{
                "model": ["model", 0],
                "motion_module": ["module", 0],
                "field": ["field", 0],
                "positive": ["positive", 0],
                "negative": ["negative", 0],
                "vae": ["vae", 0],
                "picture": ["picture", 0],
                **{"width": 0, "height": 0, "steps": 3, "seed": 3},
                **inputs,
            },
        )
        return self.saved_latent(prompt, ["video", 0], "latents")

    def saved_latent(self, prompt: dict, link: list, name: str) -> dict:
        prompt[f"save_{name}"] = node("NarrowSaveTensor", file=str(self.file(name)), latent=link)
        return prompt

    def latents(self, prompt: dict, name: str = "latents") -> torch.Tensor:
        """Runs a prompt and returns the latents that it saved."""
        return self.field(prompt, name)
