"""The command line: one sub-command a part.

A sub-command lives in the module that it needs. That module has `add_arguments(parser)` and
`run(args) -> int`; where it serves several sub-commands, `parser.get_default("command")` and
`args.command` tell which. Only the chosen one is imported.
"""

from __future__ import annotations

import argparse
import logging
from importlib import import_module
from types import ModuleType

COMMANDS = {
    "fields": ("field_commands", "extract the motion fields of a folder of videos, once"),
    "flow-vae": ("vae_commands", "train the VAE of motion fields"),
    "image-vae": ("vae_commands", "train the VAE of pictures (the released parts use SD 1.5's)"),
    "stage1": ("stage_commands", "train stage 1: picture and text to motion field, in three steps"),
    "controlnet": ("stage_commands", "train the trajectory ControlNet of stage 1"),
    "image-unet": ("stage_commands", "train a UNet on single pictures (the base of stage 2)"),
    "motion-module": ("stage_commands", "train stage 2's motion module over a frozen base"),
    "mcdiff": ("mcdiff_commands", "train MCDiff: flow completion and the future frame"),
    "small": ("small", "reproduce the small model that ships with the pack, from nothing"),
    "small-mcdiff": ("small_mcdiff", "reproduce the small MCDiff that ships with the pack"),
    "evaluate": ("evaluate", "judge trained parts on held-out clips, beside baselines"),
    "evaluate-mcdiff": ("mcdiff_evaluation", "judge MCDiff on held-out clips, beside baselines"),
}
"""Name -> (module, help)."""

FOR_TRAINING = ("accelerate", "av", "tensorboard")
FOR_PACK = ("cv2",)

logger = logging.getLogger(__name__)


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Tells defaults, where there is one to tell."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or "default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def main(arguments: list[str]) -> int:
    """Runs one sub-command; returns the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    logging.getLogger().handlers[0].addFilter(_ours)
    try:
        import accelerate  # noqa: F401

        args, module = parse(arguments)
    except ModuleNotFoundError as error:
        return _missing(error)
    if args.verbose:
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().handlers[0].removeFilter(_ours)
    from ..checkpoint import TrainingError

    try:
        return module.run(args)
    except ModuleNotFoundError as error:
        return _missing(error)
    except (TrainingError, ValueError, OSError) as error:
        logger.error("%s", error, exc_info=args.verbose)
        return 1


def parse(arguments: list[str]) -> tuple[argparse.Namespace, ModuleType]:
    """Reads the command line; returns the options, and the module that runs them."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Trains the parts of Motion-I2V. docs/training.md tells how, step by step.",
        allow_abbrev=False,
    )
    # Read by __main__ already, and listed here for the help.
    parser.add_argument("--comfyui", metavar="FOLDER", help="the folder of ComfyUI")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more; whole tracebacks")
    parts = parser.add_subparsers(
        dest="command", required=True, metavar="sub-command", title="sub-commands"
    )
    chosen = next((word for word in arguments if word in COMMANDS), None)
    module = None
    for name, (where, text) in COMMANDS.items():
        part = parts.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=Help,
            allow_abbrev=False,
        )
        part.set_defaults(command=name)
        if name == chosen:
            module = import_module(f".{where}", __package__)
            module.add_arguments(part)
    args = parser.parse_args(arguments)
    assert module is not None
    return args, module


def _ours(record: logging.LogRecord) -> bool:
    """Whether to show a message: of others, ComfyUI's among them, only warnings."""
    ours = record.name.split(".")[0] == __name__.split(".")[0]
    return ours or record.levelno >= logging.WARNING


def _missing(error: ModuleNotFoundError) -> int:
    """Says what to install for a package that is not there."""
    package = (error.name or "").split(".")[0]
    if package == (__package__ or "").split(".")[0]:
        logger.error("this version of the pack has no %s yet", error.name)
    elif package in FOR_TRAINING:
        logger.error("%s is missing: pip install -r requirements-train.txt", package)
    elif package in FOR_PACK:
        logger.error("%s is missing: pip install -r requirements.txt", package)
    else:
        logger.error("%s is missing: run this with the Python that runs ComfyUI", package)
    return 1
