"""What a user draws or pastes becomes tracks, masks and stroke maps.

The editor's document and its paths, the text formats of other node packs, and the rasterisers
that turn tracks into what a network is told.
"""
