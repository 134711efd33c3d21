"""Dense tracking: where every pixel of a clip's first frame has gone in each later frame."""
