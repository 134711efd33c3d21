"""Every test imports the pack as `motion_i2v`; see pack.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tests.pack  # noqa: E402, F401
