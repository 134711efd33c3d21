"""Makes the pack importable as `motion_i2v`, whatever its folder is called.

ComfyUI imports a pack by its path, under a name of its own making. Tests and benchmarks do the
same thing here, under a name that can be written in an import statement.
"""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "motion_i2v"


def load() -> None:
    """Registers the pack's root package as `motion_i2v`; does nothing the second time."""
    if NAME in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


load()
