"""A whole checkpoint tree in the released layout, on narrow networks with seeded weights."""

from pathlib import Path

import torch
from motion_i2v.models.files.kinds import KINDS
from safetensors.torch import save_file

from testing.seeded_release import CONTEXT, SALT, WIDTHS, entries, seeded_tensor

__all__ = ["CONTEXT", "SALT", "WIDTHS", "entries", "weights", "write_release"]

OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def weights(kind: str, positions: bool = True) -> dict[str, torch.Tensor]:
    """A part's tensors by released name, with `.pe` buffers and the VAE's old attention names."""
    tensors = {}
    for entry in entries(kind):
        name = entry.name
        if ".attentions.0.to_" in name and kind.endswith("vae"):
            for new, old in OLD_ATTENTION.items():
                name = name.replace(f".{new}.", f".{old}.")
        tensors[name] = seeded_tensor(SALT, f"{kind}/", name, list(entry.shape))
        if positions and name.endswith(".to_q.weight") and ".attention_blocks." in name:
            pe = name.replace("to_q.weight", "pos_encoder.pe")
            tensors[pe] = seeded_tensor(SALT, f"{kind}/", pe, [1, 32, entry.shape[0]])
    return tensors


def write_release(folder: Path, *kinds: str) -> dict[str, Path]:
    """Writes parts where the release has them; a picture VAE as image_vae.safetensors."""
    written = {}
    for kind in kinds:
        path = folder / (KINDS[kind].file or f"{kind}.safetensors")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            save_file(weights(kind), path)
        else:
            torch.save(weights(kind), path)
        written[kind] = path
    return written
