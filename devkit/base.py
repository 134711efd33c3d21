"""The base directory that demo and serve share: input photos, workflows and settings in place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from devkit import places

PHOTOS = places.EXAMPLES / "input"


def put_photos(base: Path) -> None:
    """Copies the example photos, clips and motion into the input folder of a base directory."""
    target = base / "input"
    target.mkdir(parents=True, exist_ok=True)
    for photo in sorted(PHOTOS.glob("*.*")):
        if photo.suffix in (".png", ".jpg", ".mp4", ".safetensors"):
            shutil.copyfile(photo, target / photo.name)


def put_workflows(base: Path) -> None:
    """Copies the example workflows into the page's own list, where they are not there yet."""
    target = base / "user" / "default" / "workflows" / "motion-i2v"
    target.mkdir(parents=True, exist_ok=True)
    for workflow in sorted(places.EXAMPLES.glob("*.json")):
        if not (target / workflow.name).exists():
            shutil.copyfile(workflow, target / workflow.name)


def put_settings(base: Path) -> None:
    """Writes settings of the page where there are none: no tour on the first start."""
    if not _settings(base).exists():
        reset_settings(base)


def reset_settings(base: Path) -> None:
    """Writes the settings that a newcomer has, whatever was set before."""
    _settings(base).parent.mkdir(parents=True, exist_ok=True)
    _settings(base).write_text(json.dumps({"Comfy.TutorialCompleted": True}, indent=1))


def _settings(base: Path) -> Path:
    return base / "user" / "default" / "comfy.settings.json"
