"""Which photographs synthetic clips are made of: their files, authors, licences and objects.

They come from scikit-image's wheel and from the pack's example workflows, which took theirs from
scikit-image too. Some are held out: no training sees them, and what is trained is judged on them.
"""

from dataclasses import dataclass
from typing import Literal

import cv2

Split = Literal["train", "held_out"]


@dataclass(frozen=True)
class Outline:
    """An object in a photograph: what it is called, and a polygon in pixels of the file.

    Without points, the object is what the file's alpha channel leaves transparent (a brush).
    """

    noun: str
    points: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class PhotographSource:
    """One line of the table.

    Args:
        file: `pack:` files lie in example_workflows/input, the others in skimage/data.
        title: what it shows and who made it.
        licence: as the functions of skimage.data state it.
        split: whether training sees it.
        outlines: of its objects.
    """

    file: str
    title: str
    licence: str
    split: Split
    outlines: tuple[Outline, ...] = ()


def _ellipse(noun: str, x: int, y: int, across: int, down: int) -> Outline:
    points = cv2.ellipse2Poly((x, y), (across, down), 0, 0, 360, 15)
    return Outline(noun, tuple((int(a), int(b)) for a, b in points))


_PERSON = Outline(
    "person",
    (
        *((259, 22), (237, 16), (203, 22), (156, 58), (153, 68), (157, 104), (170, 116)),
        *((174, 128), (182, 132), (186, 152), (150, 152), (128, 165), (116, 190)),
        *((118, 208), (90, 227), (65, 246), (44, 282), (26, 342), (20, 386), (25, 478)),
        *((39, 511), (280, 511), (278, 460), (290, 415), (313, 383), (347, 355)),
        *((360, 351), (356, 302), (340, 262), (306, 233), (303, 205), (290, 180)),
        *((264, 158), (266, 137), (275, 134), (290, 117), (300, 92), (296, 58)),
        *((288, 43), (276, 31)),
    ),
)
_HELMET = Outline(
    "helmet",
    (
        *((363, 343), (395, 342), (427, 350), (452, 362), (470, 377), (486, 398)),
        *((500, 424), (511, 445), (511, 511), (280, 511), (277, 460), (290, 415)),
        *((313, 383), (340, 354)),
    ),
)
_SHUTTLE = Outline(
    "shuttle",
    (
        *((403, 0), (422, 0), (434, 24), (439, 52), (447, 45), (455, 73), (453, 177)),
        *((461, 242), (458, 258), (427, 277), (395, 277), (387, 258), (356, 247)),
        *((358, 231), (376, 190), (379, 121), (384, 65), (392, 48), (395, 19)),
    ),
)
_CAT = Outline(
    "cat",
    (
        *((20, 0), (290, 0), (300, 45), (340, 35), (375, 0), (402, 0), (392, 40)),
        *((372, 80), (362, 123), (366, 155), (347, 205), (315, 240), (283, 275)),
        *((255, 299), (50, 299), (25, 190), (8, 120)),
    ),
)
_PHOTOGRAPHER = Outline(
    "photographer",
    (
        *((190, 69), (161, 105), (97, 137), (61, 161), (16, 242), (0, 266), (0, 511)),
        *((145, 511), (148, 452), (142, 395), (153, 347), (202, 298), (242, 314)),
        *((290, 274), (331, 210), (331, 161), (323, 142), (266, 137), (271, 121)),
        *((266, 97), (242, 77)),
    ),
)
_COINS = tuple(
    _ellipse("coin", *numbers)
    for numbers in (
        *((44, 54, 21, 20), (100, 56, 18, 17), (155, 50, 22, 21), (215, 51, 22, 21)),
        *((276, 53, 19, 18), (334, 43, 28, 27), (46, 124, 20, 19), (270, 119, 24, 23)),
    )
)

# Photographs whose licence is not stated (moon, motorcycle) are not used. Two files of one
# photograph never stand in the table.
SOURCES = (
    PhotographSource(
        "astronaut.png",
        "Eileen Collins, NASA",
        "public domain",
        "train",
        (_PERSON, _HELMET, _SHUTTLE),
    ),
    PhotographSource(
        "pack:cat.jpg", "Chelsea the cat, Stéfan van der Walt", "CC0", "train", (_CAT,)
    ),
    PhotographSource(
        "pack:coffee.png",
        "A cup of coffee, Rachel Michetti, courtesy of Pikolo Espresso Bar",
        "CC0",
        "train",
        (Outline("cup"),),
    ),
    PhotographSource(
        "hubble_deep_field.jpg", "Hubble eXtreme Deep Field, NASA", "public domain", "train"
    ),
    PhotographSource("retina.jpg", "Fundus of a left eye, Mikael Häggström", "CC0", "train"),
    PhotographSource("brick.png", "Bricks25, CC0Textures", "CC0", "train"),
    PhotographSource("grass.png", "Grass 01, linolafett", "CC0", "train"),
    PhotographSource(
        "coins.png",
        "Greek coins from Pompeii, Brooklyn Museum",
        "no known restrictions",
        "train",
        _COINS,
    ),
    PhotographSource("cell.png", "Cell floating in saline, Paul Müller et al.", "CC0", "train"),
    PhotographSource(
        "clock_motion.png", "A wall clock, Stéfan van der Walt", "public domain", "train"
    ),
    PhotographSource(
        "pack:rocket.png",
        "Falcon 9 with DSCOVR before its launch, SpaceX",
        "public domain",
        "held_out",
        (Outline("rocket"),),
    ),
    PhotographSource(
        "camera.png", "A photographer, Lav Varshney", "CC0", "held_out", (_PHOTOGRAPHER,)
    ),
    PhotographSource("gravel.png", "Gravel04, CC0Textures", "CC0", "held_out"),
    PhotographSource(
        "ihc.png",
        "Colonic glands, Center for Microscopy and Molecular Imaging",
        "no known restrictions",
        "held_out",
    ),
)
