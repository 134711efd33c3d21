"""The host's caches, of every kind: the same video from each, and a second run as the first."""

import numpy as np
import pytest
from PIL import Image

from devkit import base, places
from tests.host.small_host import changed, node_of, twin
from tests.host_process import HostProcess, Prompt


def short() -> Prompt:
    """Both stages of the small model, a step and 8 frames each, saved without loss."""
    prompt = changed(twin("small-model"), steps=1, frames=8, stride="17.143", batch_index=7)
    frames = prompt[node_of(prompt, "CreateVideo")]["inputs"]["images"]
    saved = {"images": frames, "filename_prefix": "cached"}
    return prompt | {"frames": {"class_type": "SaveImage", "inputs": saved}}


def frames_of(host: HostProcess) -> np.ndarray:
    base.put_photos(host.base)
    result = host.run(short())
    assert result.succeeded, result.errors
    files = result.outputs["frames"]["images"]
    return np.stack([np.asarray(Image.open(host.output_dir / file["filename"])) for file in files])


@pytest.fixture(scope="module")
def usual_frames(host: HostProcess) -> np.ndarray:
    return frames_of(host)


@pytest.mark.parametrize("flags", [("--cache-none",), ("--cache-lru", "1"), ("--cache-ram",)])
def test_the_video_is_the_same_in_every_cache(usual_frames, tmp_path, flags):
    arguments = ("--whitelist-custom-nodes", places.PACK, *flags)
    with HostProcess(base=tmp_path / "base", arguments=arguments) as process:
        first, second = frames_of(process), frames_of(process)
    assert np.array_equal(first, usual_frames)
    assert np.array_equal(second, usual_frames)
