"""What all rooms share: tracks, motion fields, and how a picture lies in a frame.

No room above is imported here; everything else may be built on these.
"""
