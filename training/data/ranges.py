"""Names for numbers within bounds: what a field of settings may be, and so an option of it."""

Share = float
"""0..1."""
Amount = float
"""0 or above."""
Whole = int
"""0 or above."""
Range = tuple[int, int]
"""The least and the most, from 1."""
Size = tuple[int, int]
"""(W, H)."""
