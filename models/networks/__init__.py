"""Parts of networks that the host does not have, in plain torch: temporal attention, splatting.

`models/host` builds them into the host's own networks.
"""
