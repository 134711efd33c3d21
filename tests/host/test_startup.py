"""The pack must not slow ComfyUI's start: it imports nothing that ComfyUI has not imported.

The seconds are printed by `python dev.py bench startup`; a test on them would fail by chance.
"""

import sys

from benchmarks.startup import measure


def test_loading_the_pack_imports_only_itself_and_the_standard_library():
    result = measure()
    assert result["loaded"]
    # ComfyUI names a pack's modules after its path.
    foreign = {name.split(".")[0] for name in result["modules"] if "/" not in name}
    assert foreign <= sys.stdlib_module_names
