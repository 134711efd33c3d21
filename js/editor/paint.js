// What the stage shows. Everything is drawn in CSS pixels; `unit` grows the handles where the graph
// is zoomed out, so that they can still be seen and hit.

import { motionOf, polyline, samplePath } from "./path.js";
import { frameTime } from "./timing.js";

const HALO = "rgba(8, 10, 14, 0.5)";
const CASING = "rgba(255, 255, 255, 0.92)";
const TAIL = 0.16;

/** The picture with the tint of its brushed region, or a checkerboard where none is known yet. */
export function paintPicture(context, view, image, tint = null) {
  const [width, height] = [view.size[0] * view.scale, view.size[1] * view.scale];
  context.save();
  context.shadowColor = "rgba(0, 0, 0, 0.55)";
  context.shadowBlur = 14;
  context.fillStyle = "#000";
  context.fillRect(view.left, view.top, width, height);
  context.restore();
  if (image) {
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = view.scale < 4;
    context.drawImage(image, view.left, view.top, width, height);
    if (tint) context.drawImage(tint, view.left, view.top, width, height);
    return;
  }
  const cell = 14;
  context.save();
  context.beginPath();
  context.rect(view.left, view.top, width, height);
  context.clip();
  context.fillStyle = "#26282c";
  context.fillRect(view.left, view.top, width, height);
  context.fillStyle = "#2d3035";
  for (let row = 0; row * cell < height; row++) {
    for (let column = row % 2; column * cell < width; column += 2) {
      context.fillRect(view.left + column * cell, view.top + row * cell, cell, cell);
    }
  }
  context.restore();
}

function trace(context, chain) {
  context.beginPath();
  chain.forEach(({ x, y }, i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
}

function disc(context, { x, y }, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

/** The direction in which a chain ends, looking back far enough not to shiver. */
function endDirection(chain, reach) {
  const tip = chain.at(-1);
  for (let i = chain.length - 2; i >= 0; i--) {
    const [dx, dy] = [tip.x - chain[i].x, tip.y - chain[i].y];
    if (Math.hypot(dx, dy) >= reach || i === 0) return Math.atan2(dy, dx);
  }
  return 0;
}

function arrowHead(context, tip, angle, size) {
  context.beginPath();
  context.moveTo(tip.x, tip.y);
  for (const side of [-1, 1]) {
    const turn = angle + Math.PI - side * 0.46;
    context.lineTo(tip.x + Math.cos(turn) * size, tip.y + Math.sin(turn) * size);
  }
  context.closePath();
}

/** Dark outside, white, colour inside: seen on any picture. */
function paintLine(context, chain, color, { unit, strong }) {
  const width = (strong ? 3.4 : 2.6) * unit;
  const head = (strong ? 17 : 14) * unit;
  const tip = chain.at(-1);
  const angle = endDirection(chain, head * 0.8);
  // The line stops inside the arrow head, so that the tip stays sharp.
  const shaft = chain.filter(
    (piece, i) => i === 0 || Math.hypot(piece.x - tip.x, piece.y - tip.y) > head * 0.7,
  );
  shaft.push({ x: tip.x - Math.cos(angle) * head * 0.6, y: tip.y - Math.sin(angle) * head * 0.6 });
  context.lineJoin = context.lineCap = "round";
  const coats = [
    [HALO, 4.6 * unit],
    [CASING, 2.2 * unit],
    [color, 0],
  ];
  for (const [paint, extra] of coats) {
    context.strokeStyle = context.fillStyle = paint;
    trace(context, shaft);
    context.lineWidth = width + extra;
    context.stroke();
    arrowHead(context, tip, angle, head);
    context.lineWidth = extra;
    if (extra) context.stroke();
    context.fill();
  }
}

/** Where the path is at each frame: close beads are slow, wide ones fast. */
function paintBeads(context, path, view, frames, unit) {
  // Too close to tell apart; so are the percent of a clip of unknown length.
  if (frames > 100) return;
  context.fillStyle = "#fff";
  const own = samplePath(path, frames, view.size).map((point) => view.toStage(point));
  for (const place of own) {
    disc(context, place, 1.5 * unit);
    context.fill();
  }
}

function paintHandle(context, place, color, { unit, chosen, hovered, first, tip, hold }) {
  // The last point sits on the arrow's tip, which must stay visible.
  const resting = first ? 5.4 : tip ? 3 : 4.6;
  const radius = (chosen ? 6.2 : resting) * unit * (hovered ? 1.22 : 1);
  if (chosen || hovered) {
    disc(context, place, radius + 4.5 * unit);
    context.fillStyle = chosen ? "rgba(255, 255, 255, 0.34)" : "rgba(255, 255, 255, 0.22)";
    context.fill();
  }
  disc(context, place, radius);
  context.fillStyle = chosen ? color : "#fff";
  context.strokeStyle = HALO;
  context.lineWidth = (tip ? 2.6 : 3.6) * unit;
  context.stroke();
  context.fill();
  context.lineWidth = (tip ? 1.6 : 2.1) * unit;
  context.strokeStyle = chosen ? "#fff" : color;
  context.stroke();
  if (hold) paintHold(context, { x: place.x + 12 * unit, y: place.y - 12 * unit }, unit);
}

function paintHold(context, { x, y }, unit) {
  disc(context, { x, y }, 7 * unit);
  context.fillStyle = "rgba(12, 14, 18, 0.86)";
  context.fill();
  context.fillStyle = "#fff";
  context.fillRect(x - 2.9 * unit, y - 3.2 * unit, 2 * unit, 6.4 * unit);
  context.fillRect(x + 0.9 * unit, y - 3.2 * unit, 2 * unit, 6.4 * unit);
}

function paintPin(context, place, color, { unit, chosen, hovered }) {
  const radius = 9.5 * unit * (hovered ? 1.12 : 1);
  const center = { x: place.x, y: place.y - 17 * unit };
  if (chosen || hovered) {
    disc(context, center, radius + 5.5 * unit);
    context.fillStyle = chosen ? "rgba(255, 255, 255, 0.34)" : "rgba(255, 255, 255, 0.2)";
    context.fill();
  }
  disc(context, place, 2.6 * unit);
  context.fillStyle = HALO;
  context.fill();
  context.beginPath();
  context.moveTo(place.x, place.y);
  context.arc(center.x, center.y, radius, Math.PI * 0.78, Math.PI * 2.22);
  context.closePath();
  context.lineJoin = "round";
  context.strokeStyle = HALO;
  context.lineWidth = 4.4 * unit;
  context.stroke();
  context.strokeStyle = "#fff";
  context.lineWidth = 1.8 * unit;
  context.stroke();
  context.fillStyle = color;
  context.fill();
  disc(context, center, 3.6 * unit);
  context.fillStyle = "#fff";
  context.fill();
}

/** A ribbon that widens and brightens towards its end. */
function paintTail(context, trail, unit) {
  const [first, last] = [trail[0], trail.at(-1)];
  if (Math.hypot(last.x - first.x, last.y - first.y) < unit) return;
  const sides = [[], []];
  trail.forEach((place, i) => {
    const [a, b] = [trail[Math.max(0, i - 1)], trail[Math.min(trail.length - 1, i + 1)]];
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const half = (4.2 * unit * i) / trail.length;
    const [x, y] = [(-(b.y - a.y) / length) * half, ((b.x - a.x) / length) * half];
    sides[0].push({ x: place.x + x, y: place.y + y });
    sides[1].unshift({ x: place.x - x, y: place.y - y });
  });
  const fade = context.createLinearGradient(first.x, first.y, last.x, last.y);
  fade.addColorStop(0, "rgba(255, 255, 255, 0)");
  fade.addColorStop(1, "rgba(255, 255, 255, 0.95)");
  trace(context, sides.flat());
  context.fillStyle = fade;
  context.fill();
}

/** A dot with a fading tail, where the path is at a clip time. */
function paintTraveller(context, path, view, time, unit) {
  const motion = motionOf(path, view.size);
  const steps = 16;
  const trail = Array.from({ length: steps + 1 }, (_, i) =>
    view.toStage(motion(Math.max(0, time - TAIL * (1 - i / steps)))),
  );
  const head = trail.at(-1);
  paintTail(context, trail, unit);
  context.save();
  context.shadowColor = path.color;
  context.shadowBlur = 16 * unit;
  context.fillStyle = "#fff";
  for (let glow = 0; glow < 2; glow++) {
    disc(context, head, 5.6 * unit);
    context.fill();
  }
  context.restore();
}

function paintPath(context, path, state, view, unit) {
  const chosen = path.id === state.selected;
  const hovered = state.hover?.path === path.id;
  const { points } = path;
  if (points.length === 1) {
    const place = view.toStage(points[0]);
    if (path.kind === "pin") paintPin(context, place, path.color, { unit, chosen, hovered });
    else paintHandle(context, place, path.color, { unit, chosen, hovered, first: true });
    return;
  }
  const chain = polyline(path, view.size).map((piece) => view.toStage(piece));
  context.globalAlpha = chosen || hovered || !state.selected ? 1 : 0.78;
  paintLine(context, chain, path.color, { unit, strong: chosen || hovered });
  context.globalAlpha = 1;
  if (!chosen) {
    const over = hovered && state.hover.kind === "point" && state.hover.index === 0;
    paintHandle(context, view.toStage(points[0]), path.color, { unit, hovered: over, first: true });
    return;
  }
  paintBeads(context, path, view, state.steps, unit);
  points.forEach((point, index) => {
    paintHandle(context, view.toStage(point), path.color, {
      unit,
      chosen: state.point === index,
      hovered: hovered && state.hover.kind === "point" && state.hover.index === index,
      first: index === 0,
      tip: index === points.length - 1,
      hold: point.hold > 0,
    });
  });
}

/** The paths, what is being drawn right now, and the travellers of the animation. */
export function paintDrawing(context, state, view, unit) {
  const paths = [...state.document.paths].sort(
    (a, b) => (a.id === state.selected) - (b.id === state.selected),
  );
  for (const path of paths) paintPath(context, path, state, view, unit);
  if (state.insertAt) {
    paintHandle(context, view.toStage(state.insertAt), "#fff", { unit, hovered: true });
  }
  if (state.rubber) paintRubber(context, state.rubber, unit);
  if (state.stroke?.length > 1) {
    trace(context, state.stroke);
    context.lineJoin = context.lineCap = "round";
    context.strokeStyle = HALO;
    context.lineWidth = 6 * unit;
    context.stroke();
    context.strokeStyle = state.strokeColor;
    context.lineWidth = 3.2 * unit;
    context.stroke();
  }
  if (!state.showTravellers) return;
  for (const path of paths) {
    if (path.kind === "path" && path.points.length > 1) {
      paintTraveller(context, path, view, state.time, unit);
    }
  }
}

function paintRubber(context, { from, to, color }, unit) {
  context.save();
  context.setLineDash([5 * unit, 5 * unit]);
  context.lineCap = "butt";
  trace(context, [from, to]);
  context.strokeStyle = HALO;
  context.lineWidth = 4 * unit;
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = 2 * unit;
  context.stroke();
  context.restore();
}

/** The frame (counted from 0) that is shown at a clip time. */
export function frameAt(time, frames) {
  return Math.round(time / frameTime(1, Math.max(2, frames)));
}
