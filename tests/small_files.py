"""The small model's files, on narrow networks with seeded weights."""

import json
import struct
from pathlib import Path

import torch
from motion_i2v.models.files import layout
from motion_i2v.models.files.network_shapes import shape_of
from motion_i2v.models.files.trained import Trained
from safetensors.torch import save_file

from testing.seeded_release import seeded_tensor

WIDTHS = (32, 32, 64, 64)
CONTEXT = 64
TRAINED = Trained("v", True, 2, 8)
WORDS = {"right": 1155, "left": 1823, "cup": 1937, "camera": 3934, "moves": 6880, "rocket": 8383}
"""CLIP's numbers of them."""
TOKENS = 12
FILES = {
    "image_vae": "image_vae.safetensors",
    "sd15_unet": "image_unet.safetensors",
    "flow_vae": "flow_vae.safetensors",
    "stage1_unet": "stage1_unet.safetensors",
    "stage1_controlnet": "controlnet.safetensors",
    "motion_modules": "motion_module.safetensors",
}
VAE_WIDTHS = (64, 64, 64, 64)


def entries(kind: str, widths: tuple[int, ...] = WIDTHS) -> list[layout.Entry]:
    """Every tensor of a part."""
    return layout.entries(shape_of(kind, VAE_WIDTHS if kind.endswith("vae") else widths, CONTEXT))


def part(kind: str, widths: tuple[int, ...] = WIDTHS) -> dict[str, torch.Tensor]:
    """A part's tensors, float16, by released name."""
    return {
        entry.name: seeded_tensor("small/", f"{kind}/", entry.name, list(entry.shape)).half()
        for entry in entries(kind, widths)
    }


def write_part(
    folder: Path, kind: str, trained: Trained = TRAINED, widths: tuple[int, ...] = WIDTHS
) -> Path:
    told = {"motion_i2v.kind": kind, **trained.metadata()}
    save_file(part(kind, widths), folder / FILES[kind], metadata=told)
    return folder / FILES[kind]


def text() -> dict[str, torch.Tensor]:
    """A text encoder's tensors."""
    shapes = {"rows": [len(WORDS), CONTEXT], "neutral": [CONTEXT], "places": [TOKENS, CONTEXT]}
    scale = {"rows": CONTEXT**0.5, "neutral": 10.0, "places": 1.0}
    tensors = {
        name: (scale[name] * seeded_tensor("small/", "text/", name, shape)).half()
        for name, shape in shapes.items()
    }
    return {"token_ids": torch.tensor(sorted(WORDS.values()), dtype=torch.int32), **tensors}


def write_small_model(folder: Path) -> Path:
    """Writes all parts."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in FILES:
        write_part(folder, kind)
    save_file(text(), folder / "text.safetensors", metadata={"motion_i2v.kind": "text"})
    return folder


def retold(path: Path, **told: str) -> None:
    """Changes what a file tells of itself, and nothing else."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"].update({f"motion_i2v.{key}": value for key, value in told.items()})
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
