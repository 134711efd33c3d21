"""Pictures of a motion field: colour wheel, arrows, heat map, and the tracks' paths over them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from ..drawing.draw_tracks import TracksLayer
from ..types.motion_field import MotionField
from ..types.progress import OnStep
from ..types.tracks import Tracks
from .flow_colors import flow_to_color

Style = Literal["color wheel", "arrows", "heat map"]
STYLES: tuple[Style, ...] = ("color wheel", "arrows", "heat map")

SUBPIXEL = 4
"""Bits after the point in the coordinates that OpenCV draws with."""
LEAST_SCALE = 1e-3
"""The shortest displacement, px, that gets the full colour: by less, values overflow."""


def preview_field(
    field: MotionField,
    style: Style = "color wheel",
    picture: torch.Tensor | None = None,
    tracks: Tracks | None = None,
    *,
    scale: float = 0.0,
    opacity: float = 0.8,
    legend: bool = True,
    arrows_across: int = 24,
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Draws every frame of a motion field.

    Args:
        field: the motion; it is resized to the picture.
        style: "color wheel", "arrows" (each as long as the motion) or "heat map" (its magnitude).
        picture: [H, W, C] or [B, H, W, C] RGB in 0..1, shown underneath (the first of a batch).
            Its size is the result's; without one it is the field's.
        tracks: paths to draw on top, rescaled to the result.
        scale: pixels of the result that get the full colour; 0 takes the longest motion of the
            clip, the same for all frames.
        opacity: how much of the colours covers the picture, 0..1; arrows ignore it.
        legend: draws the wheel or the bar that says how many pixels a colour is.
        arrows_across: arrows side by side over the longer side.
        on_step: called with (frames drawn, frames).

    Returns:
        [F, H, W, 3] float32 RGB in 0..1.

    Raises:
        ValueError: for an unknown style, or a number or picture out of bounds.
    """
    if style not in STYLES:
        raise ValueError(f"the style is one of {', '.join(STYLES)}; got {style!r}")
    if not scale >= 0 or not np.isfinite(scale):
        raise ValueError(f"scale is {scale} px; give 0 for automatic, or a positive number")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is {opacity}; give a number from 0 to 1")
    if arrows_across < 1:
        raise ValueError(f"arrows_across is {arrows_across}; give 1 or more")
    under = None if picture is None else _picture(picture)
    size = field.size if under is None else (under.shape[1], under.shape[0])
    field = field.resized(size)
    paths = None if tracks is None else TracksLayer(tracks, size)
    full = min(max(scale or _longest(field), LEAST_SCALE), torch.finfo(torch.float32).max)
    frames = torch.empty(field.frames, size[1], size[0], 3)
    for index in range(field.frames):
        flow = field.flow[index].detach().cpu().float()
        canvas = _canvas(flow, style, under, full, opacity, arrows_across)
        if paths is not None:
            paths.over(canvas, index)
            if style == "arrows":
                _draw_arrows_at(canvas, flow, full, arrows_across, paths.points[0])
        if legend:
            _draw_legend(canvas, style, full)
        frames[index] = torch.from_numpy(canvas.astype(np.float32) / 255)
        if on_step is not None:
            on_step(index + 1, field.frames)
    return frames


def _picture(picture: torch.Tensor) -> np.ndarray:
    first = picture[0] if picture.ndim == 4 and picture.shape[0] else picture
    if first.ndim != 3 or first.shape[2] < 3 or 0 in first.shape:
        raise ValueError(
            f"the picture is [height, width, 3] or a batch of such, got {list(picture.shape)}"
        )
    return first[..., :3].detach().cpu().float().clamp(0, 1).numpy()


def _longest(field: MotionField) -> float:
    """The longest displacement of the clip, frame by frame to spare memory."""
    return max(float(torch.hypot(flow[0], flow[1]).max()) for flow in field.flow)


def _canvas(
    flow: torch.Tensor,
    style: Style,
    under: np.ndarray | None,
    full: float,
    opacity: float,
    arrows_across: int,
) -> np.ndarray:
    """[H, W, 3] uint8: one frame in its style, over the picture."""
    if style == "arrows":
        ground = np.full((*flow.shape[1:], 3), 0.12, np.float32) if under is None else under * 0.7
        canvas = _bytes(ground)
        _draw_arrows(canvas, flow, full, arrows_across)
        return canvas
    colours = flow_to_color(flow, full).numpy() if style == "color wheel" else _heat(flow, full)
    if under is not None:
        colours = under * (1 - opacity) + colours * opacity
    return _bytes(colours)


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray((colours * 255).round().clip(0, 255).astype(np.uint8))


def _heat(flow: torch.Tensor, full: float) -> np.ndarray:
    return _heat_colours((torch.hypot(flow[0], flow[1]) / full).clamp(0, 1).numpy())


def _heat_colours(part: np.ndarray) -> np.ndarray:
    import cv2

    levels = (part * 255).round().astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.float32) / 255


def _fixed(points: np.ndarray) -> np.ndarray:
    """Coordinates as OpenCV draws them between pixels; far outside ones are kept drawable."""
    return (np.clip(points, -20_000, 40_000) * (1 << SUBPIXEL)).round().astype(np.int32)


def _draw_arrows(canvas: np.ndarray, flow: torch.Tensor, full: float, across: int) -> None:
    """Arrows on a grid, `across` of them along the longer side."""
    height, width = canvas.shape[:2]
    step = max(2.0, max(width, height) / across)
    y, x = np.meshgrid(
        np.arange(step / 2, height, step), np.arange(step / 2, width, step), indexing="ij"
    )
    _draw_arrows_at(canvas, flow, full, across, np.stack([x.ravel(), y.ravel()], 1).astype(int))


def _draw_arrows_at(
    canvas: np.ndarray, flow: torch.Tensor, full: float, across: int, starts: np.ndarray
) -> None:
    """Arrows [2, H, W] from places [P, 2], those outside and those that stand still left out."""
    height, width = canvas.shape[:2]
    step = max(2.0, max(width, height) / across)
    line = max(1, round(step / 14))
    colours = _bytes((flow_to_color(flow, full).numpy() * 0.9).clip(0, 1))
    moves = flow.numpy()
    inside = ((starts >= -0.5) & (starts <= (width, height))).all(axis=1)
    last = np.array([width, height]) - 1
    for start in starts[inside]:
        x, y = np.floor(start + 0.5).clip(0, last).astype(int)
        if np.hypot(*moves[:, y, x]) >= 1:
            colour = tuple(int(c) for c in colours[y, x])
            _draw_arrow(canvas, np.asarray(start, float), moves[:, y, x], colour, line, step)


def _draw_arrow(
    canvas: np.ndarray,
    start: np.ndarray,
    move: np.ndarray,
    colour: tuple[int, ...],
    line: int,
    step: float,
) -> None:
    import cv2

    length = float(np.hypot(*move))
    along = move / length
    aside = np.array([-along[1], along[0]])
    head = min(length * 0.6, step * 0.4)
    tip = start + move
    base = tip - along * head
    triangle = _fixed(np.stack([tip, base + aside * head * 0.45, base - aside * head * 0.45]))
    shaft = _fixed(np.stack([start, base]))
    for ink, width in (((20, 20, 20), line + 2), (colour, line)):
        cv2.polylines(canvas, [shaft], False, ink, width, cv2.LINE_AA, SUBPIXEL)
        cv2.polylines(canvas, [triangle], True, ink, width, cv2.LINE_AA, SUBPIXEL)
        cv2.fillPoly(canvas, [triangle], ink, cv2.LINE_AA, SUBPIXEL)


def _draw_legend(canvas: np.ndarray, style: Style, full: float) -> None:
    """A wheel (or a bar) in the lower right corner, with the pixels that its full colour means."""
    height, width = canvas.shape[:2]
    side = round(min(height, width) * 0.2)
    if side < 24:
        return
    margin = max(4, side // 8)
    label = f"{full:.0f} px" if full >= 9.95 else f"{full:.2g} px"
    if style == "heat map":
        _draw_bar(canvas, margin, side, label)
    else:
        _draw_wheel(canvas, margin, side, label)


def _draw_wheel(canvas: np.ndarray, margin: int, side: int, label: str) -> None:
    height, width = canvas.shape[:2]
    radius = side / 2
    axis = (torch.arange(side) + 0.5 - radius) / radius
    disc = flow_to_color(torch.stack(torch.meshgrid(axis, axis, indexing="xy")), 1.0).numpy()
    distance = torch.hypot(axis[None], axis[:, None]).numpy() * radius
    cover = np.clip(radius - distance, 0, 1)[..., None]
    rim = np.clip(distance - (radius - 2.5), 0, 1)[..., None]
    ink = disc * (1 - rim) + 0.1 * rim
    text_height = _text_height(side)
    top, left = height - margin - side - text_height, width - margin - side
    patch = canvas[top : top + side, left : left + side]
    patch[:] = _bytes(patch / 255 * (1 - cover) + ink * cover)
    _draw_label(canvas, label, (left + side // 2, height - margin), side, centred=True)


def _draw_bar(canvas: np.ndarray, margin: int, side: int, label: str) -> None:
    import cv2

    height, width = canvas.shape[:2]
    thick = max(6, side // 9)
    long = min(side * 2, width - 2 * margin)
    top, left = height - margin - _text_height(side) - thick, width - margin - long
    ramp = np.broadcast_to(np.linspace(0, 1, long, dtype=np.float32), (thick, long))
    canvas[top : top + thick, left : left + long] = _bytes(_heat_colours(ramp))
    corner = (left + long - 1, top + thick - 1)
    cv2.rectangle(canvas, (left, top), corner, (235, 235, 235), 1, cv2.LINE_AA)
    _draw_label(canvas, "0", (left, height - margin), side)
    _draw_label(canvas, label, (left + long, height - margin), side, to_left=True)


def _text_height(side: int) -> int:
    return max(12, round(side * 0.24))


def _draw_label(
    canvas: np.ndarray,
    text: str,
    corner: tuple[int, int],
    side: int,
    *,
    centred: bool = False,
    to_left: bool = False,
) -> None:
    """White text on a darkened ground; `corner` is its lower left, middle or right."""
    import cv2

    font, size = cv2.FONT_HERSHEY_SIMPLEX, _text_height(side) / 38
    thick = max(1, round(size * 1.6))
    (wide, tall), _ = cv2.getTextSize(text, font, size, thick)
    x = corner[0] - (wide // 2 if centred else wide if to_left else 0)
    x, y = min(max(x, 4), canvas.shape[1] - wide - 4), corner[1] - 2
    pad = max(2, tall // 4)
    ground = canvas[max(0, y - tall - pad) : y + pad, max(0, x - pad) : x + wide + pad]
    ground[:] = ground // 3
    cv2.putText(canvas, text, (x, y), font, size, (255, 255, 255), thick, cv2.LINE_AA)
