"""Where the checkpoints lie: our own model folder, and the tree that an older wrapper left."""

from __future__ import annotations

import contextlib
import os

import folder_paths

from ..files.names import check_name

NAME = "motion_i2v"
OLDER_WRAPPER = os.path.join("Motion-I2V", "models")
IMAGE_MODELS = os.path.join("stage2", "DreamBooth_LoRA")


def register() -> None:
    """Makes the host know `models/motion_i2v/`, and `models/diffusers/Motion-I2V/models/`.

    Where they hold the release's ordinary SD 1.5 models, its own loaders list those too.
    Folders that the user's extra_model_paths.yaml gives under this name stay, before the others.
    """
    own = os.path.join(folder_paths.models_dir, NAME)
    given, _ = folder_paths.folder_names_and_paths.get(NAME, ([], set()))
    missing = [folder for folder in (own, *_older_trees()) if folder not in given]
    _list_image_models([*given, *missing])
    if given and not missing:
        return
    extensions = set(folder_paths.supported_pt_extensions)
    folder_paths.folder_names_and_paths[NAME] = ([*given, *missing], extensions)
    # A read-only installation still has the other folders.
    with contextlib.suppress(OSError):
        os.makedirs(own, exist_ok=True)


def checkpoints(*likely: str) -> list[str]:
    """The files in the folders, those whose names hold one of `likely` first."""
    register()
    names = folder_paths.get_filename_list(NAME)
    return sorted(names, key=lambda name: (_rank(name, likely), name))


def path_of(name: str) -> str:
    """The full path of a file that `checkpoints` listed.

    Raises:
        ValueError: where it is not there (any more).
    """
    register()
    path = folder_paths.get_full_path(NAME, check_name(name, "file"))
    if path is None:
        raise ValueError(
            f"the file '{name}' is not in the model folders ({', '.join(folders())}); choose one "
            "that is: the page lists them when it is loaded again"
        )
    return path


def folders() -> list[str]:
    """The registered folders."""
    register()
    return folder_paths.get_folder_paths(NAME)


def own_folder() -> str:
    """`models/motion_i2v/`, where converted files go."""
    register()
    return os.path.join(folder_paths.models_dir, NAME)


def unet_folder() -> str:
    """`models/diffusion_models/`, which core's Load Diffusion Model reads."""
    return os.path.join(folder_paths.models_dir, "diffusion_models")


def fingerprint(name: str) -> str:
    """Changes when the file does."""
    try:
        path = path_of(name)
    except ValueError:
        return "missing"
    status = os.stat(path)
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"


def _list_image_models(roots: list[str]) -> None:
    """Gives core's loaders the release's folder of an SD 1.5 checkpoint and a UNet of its own."""
    for root in roots:
        folder = os.path.join(root, IMAGE_MODELS)
        if os.path.isdir(folder):
            for name in ("diffusion_models", "checkpoints"):
                folder_paths.add_model_folder_path(name, folder)


def _older_trees() -> list[str]:
    roots = folder_paths.get_folder_paths("diffusers")
    return [os.path.join(root, OLDER_WRAPPER) for root in roots]


def _rank(name: str, likely: tuple[str, ...]) -> int:
    lower = name.lower().replace("\\", "/")
    return next((i for i, part in enumerate(likely) if part in lower), len(likely))
