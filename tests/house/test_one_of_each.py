"""What many tools or samplers need is written once: a second copy is where results differ."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    file
    for room in ("nodes", "models", "scenes", "training")
    for file in (ROOT / room).rglob("*.py")
]


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("distance_transform_edt(", "models/picture/pixels.py"),
        ("F.grid_sample(", "models/picture/pixels.py"),
        ("F.embedding_bag(", "models/networks/splat.py"),
        ("rgb_to_lab(", "models/picture/lab.py"),
        ("COLOR_RGB2LAB", "models/picture/lab.py"),
        ("Callable[[int, int], None]", "models/types/progress.py"),
        ("sample_custom(", "models/host/sampling.py"),
        ("picture holds NaN", "models/host/reference.py"),
    ],
)
def test_it_is_written_in_one_place(words: str, file: str):
    found = [str(path.relative_to(ROOT)) for path in FILES if words in path.read_text("utf-8")]
    assert found == [file]
    assert (ROOT / file).read_text("utf-8").count(words) == 1


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("def truth(", "scenes/renderer.py"),
        ("def flicker(", "scenes/metrics.py"),
        ("def end_point_error(", "scenes/metrics.py"),
        ("structural_similarity(", "scenes/metrics.py"),
    ],
)
def test_clips_are_rendered_and_judged_in_one_place(words: str, file: str):
    others = [path for room in ("testing", "benchmarks") for path in (ROOT / room).rglob("*.py")]
    found = [path for path in (*FILES, *others) if words in path.read_text("utf-8")]
    assert [str(path.relative_to(ROOT)) for path in found] == [file]
