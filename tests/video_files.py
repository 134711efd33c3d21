"""Small video files, for tests."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np


def write_video(
    path: Path,
    pictures: np.ndarray,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: list[int] | None = None,
    **options: str,
) -> Path:
    """Writes uint8 pictures [F, H, W, 3] at 25 frames a second, or at `times` in 1/100 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = pix_fmt
        base = Fraction(1, 100 if times else 25)
        stream.codec_context.time_base = base
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = times[number] if times else number
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sliding(frames: int, speed: int = 2, seed: int = 0) -> np.ndarray:
    """A smooth random texture of 96x64 that moves to the right by `speed` px a frame."""
    texture = np.random.default_rng(seed).integers(0, 256, (64, 96 + frames * speed, 3), np.uint8)
    texture = cv2.normalize(cv2.GaussianBlur(texture, (0, 0), 2.5), None, 0, 255, cv2.NORM_MINMAX)
    ends = [texture.shape[1] - speed * i for i in range(frames)]
    return np.stack([texture[:, end - 96 : end] for end in ends])
