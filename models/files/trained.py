"""What a file tells of its training, in the metadata of a .safetensors file.

The released files tell nothing: they predict noise, on a schedule that ends before pure noise, with
eight heads and clips of 16 frames. Files that this pack trained say how they differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..networks.motion_attention import MAX_FRAMES

PREFIX = "motion_i2v."
EPS, V = "eps", "v"
PREDICTIONS = (EPS, V)
HEADS = 8
"""Of the spatial attention in SD 1.5; the temporal layers have their own."""


@dataclass(frozen=True)
class Trained:
    """How weights were trained; the defaults are those of the released files.

    Args:
        prediction: "eps" (noise), "v" (arXiv 2202.00512); "" where the file does not tell.
        zero_terminal_snr: whether the last timestep was pure noise (arXiv 2305.08891).
        heads: of the spatial attention.
        frames: of the longest clips, with the reference.
    """

    prediction: str = ""
    zero_terminal_snr: bool = False
    heads: int = HEADS
    frames: int = MAX_FRAMES

    def metadata(self) -> dict[str, str]:
        """What a file says of it; `trained_of` reads it back."""
        return {
            f"{PREFIX}prediction": self.prediction or EPS,
            f"{PREFIX}zero_terminal_snr": str(self.zero_terminal_snr).lower(),
            f"{PREFIX}heads": str(self.heads),
            f"{PREFIX}frames": str(self.frames),
        }


RELEASED = Trained()


def trained_of(
    metadata: Mapping[str, str], source: str, kind: str = "", widths: tuple[int, ...] = ()
) -> Trained:
    """Reads `motion_i2v.` metadata; what it does not tell is as in the released files.

    Args:
        metadata: of a .safetensors file.
        source: the file, for messages.
        kind: what its tensors are, a key of `models.files.kinds.KINDS`; "": any.
        widths: channels of the four levels, which the heads must divide; none: any.

    Raises:
        ValueError: for a value that cannot be, or a file that says it is something else.
    """
    told = {
        key.removeprefix(PREFIX): value for key, value in metadata.items() if key.startswith(PREFIX)
    }
    if kind and told.get("kind", kind) != kind:
        raise _wrong(source, "kind", told["kind"], f"'{kind}', which its tensors are")
    prediction = told.get("prediction", "")
    if prediction not in ("", *PREDICTIONS):
        raise _wrong(source, "prediction", prediction, f"one of {', '.join(PREDICTIONS)}")
    zero = told.get("zero_terminal_snr", "false")
    if zero not in ("true", "false"):
        raise _wrong(source, "zero_terminal_snr", zero, "true or false")
    heads = _whole(told, "heads", HEADS, source)
    if heads < 1 or any(width % heads for width in widths):
        divide = f", which divides the widths {list(widths)}" if widths else ""
        raise _wrong(source, "heads", str(heads), f"a number of attention heads{divide}")
    frames = _whole(told, "frames", MAX_FRAMES, source)
    if not 2 <= frames <= MAX_FRAMES:
        raise _wrong(source, "frames", str(frames), f"2..{MAX_FRAMES}, the reference being one")
    return Trained(prediction, zero == "true", heads, frames)


def number_of(
    metadata: Mapping[str, str], key: str, default: int, bounds: tuple[int, int], source: str
) -> int:
    """Reads one whole number of a file's metadata; the default where it does not tell.

    Raises:
        ValueError: where it is no whole number, or outside the bounds.
    """
    name = PREFIX + key
    value = _whole({key: metadata[name]} if name in metadata else {}, key, default, source)
    if not bounds[0] <= value <= bounds[1]:
        raise _wrong(source, key, str(value), f"{bounds[0]}..{bounds[1]}")
    return value


def _whole(told: Mapping[str, str], key: str, default: int, source: str) -> int:
    text = told.get(key, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _wrong(source, key, text, "a whole number")
    return int(text)


def _wrong(source: str, key: str, value: str, expected: str) -> ValueError:
    return ValueError(
        f"{source}: its metadata says {PREFIX}{key} = '{value}', but it must be {expected}; the "
        "file is damaged, or from a newer version of this pack"
    )
