"""Tools for pictures and masks: warping them, filling what a warp uncovers, regions, colours.

Nothing here knows where a motion field came from.
"""
