"""What a caption of a synthetic scene says, in a small vocabulary."""

import math
from collections.abc import Sequence

VOCABULARY = (
    *("a", "the", "and", "two", "three", "many", "nothing", "things", "shape"),
    *("cup", "coin", "rocket", "cat", "person", "helmet", "shuttle", "photographer"),
    *("camera", "pans", "zooms", "in", "out", "move", "moves", "left", "right", "up", "down"),
    *("turns", "bends", "grows", "shrinks", "stretches", "leans"),
)

_NUMBERS = {2: "two", 3: "three"}


def direction(shift: tuple[float, float]) -> str:
    """Returns "left", "up", "up left" and the like for a shift in px (down is positive)."""
    x, y = shift
    length = max(math.hypot(x, y), 1e-9)
    words = []
    if abs(y) > 0.45 * length:
        words.append("down" if y > 0 else "up")
    if abs(x) > 0.45 * length:
        words.append("right" if x > 0 else "left")
    return " ".join(words)


def caption(actions: Sequence[str], camera: str, count_only: bool) -> str:
    """Joins what the sprites do and what the camera does.

    Args:
        actions: one for each sprite that moves, such as "a cup moves left".
        camera: such as "the camera pans up", or nothing.
        count_only: of several sprites, say no more than how many move.
    """
    if not actions:
        return camera or "nothing moves"
    if count_only:
        said = f"{_NUMBERS.get(len(actions), 'many')} things move"
    else:
        said = " and ".join(actions)
    return f"{said}, {camera}" if camera else said
