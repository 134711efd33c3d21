"""Converts a downloaded Motion-I2V release (17.3 GB) into half-precision .safetensors files.

    python tools/convert_checkpoints.py RELEASE_FOLDER_OR_FILE ... --to ComfyUI/models/motion_i2v

Every file is recognised by its contents. What is no part of the release is named and left alone.
The ordinary SD 1.5 UNet among them goes into diffusion_models/ beside a folder motion_i2v/, where
ComfyUI's own loader looks.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

NAME = "motion_i2v"
DTYPES = ("float16", "bfloat16", "float32")


def load_pack() -> None:
    """Makes the pack importable whatever its folder is called."""
    root = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        NAME, root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules[NAME] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="+", type=Path, help="the release's folder, or its files")
    parser.add_argument("--to", type=Path, required=True, help="folder for the converted files")
    parser.add_argument("--dtype", choices=DTYPES, default="float16")
    parser.add_argument("--dry-run", action="store_true", help="only say what it would need")
    arguments = parser.parse_args()
    load_pack()
    import torch
    from motion_i2v.models.files.convert import Conversion, convert, parts_in, plan

    dtype = getattr(torch, arguments.dtype)
    folders = [source for source in arguments.source if source.is_dir()]
    files = [source for source in arguments.source if not source.is_dir()]
    beside = arguments.to.resolve().name == NAME
    unets = arguments.to.resolve().parent / "diffusion_models" if beside else None
    plans: list[Conversion] = []
    failed = False
    for file in [*files, *parts_in(folders)]:
        try:
            made = plan(file, arguments.to, dtype, unets)
            if made.target in [other.target for other in plans]:
                raise ValueError(f"{file} would overwrite {made.target}, made from another file")
            plans.append(made)
        except (ValueError, OSError) as error:
            print(f"skipped: {error}", file=sys.stderr)
            failed |= file in files
    for made in plans:
        print(made)
    print(
        f"together {sum(made.disk for made in plans) / 1e9:.2f} GB on the disk, at most "
        f"{max((made.memory for made in plans), default=0) / 1e9:.2f} GB of memory at once"
    )
    if not arguments.dry_run:
        for made in plans:
            print("wrote", convert(made.source, arguments.to, dtype, unets=unets))
    return 1 if failed or not plans else 0


if __name__ == "__main__":
    sys.exit(main())
