"""The mathematics and the networks of Motion-I2V.

Notation, used in every docstring of this folder:

    F       frames of a clip, frame 0 being the reference picture; N = F - 1 predicted frames
    H, W    picture height and width in pixels
    h, w    latent height and width, H / 8 and W / 8
    P       points (tracks) that are followed through the clip
    size    always (W, H), in that order
    flow    [F, 2, H, W], float32, pixels, x then y: where a pixel went since frame 0
"""
