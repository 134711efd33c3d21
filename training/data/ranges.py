"""Names for numbers within bounds: what a field of settings may be, and so an option of it."""

from pathlib import Path

Share = float
"""0..1."""
Amount = float
"""0 or above."""
Whole = int
"""0 or above."""
Count = int
"""Above 0."""
Range = tuple[int, int]
"""The least and the most, from 1."""
Numbers = tuple[int, ...]
"""From 1."""
Strides = str | tuple[int, ...]
"""A way to choose them, or themselves."""
WIDTH_UNIT = 32
Width = int
"""Channels: a multiple of WIDTH_UNIT."""
Size = tuple[int, int]
"""(W, H)."""
Part = tuple[int, int]
"""The k-th of n."""
Folder = Path
"""One that is there, or is made."""
