// The changes that can be made to a drawing. Each takes a document that it may change (the editor
// hands it a copy) and works on plain data only.

import { curveOf } from "./path.js";
import { normalisedTimes } from "./stroke.js";
import { clamp, isTimed, knots, passingTimes } from "./timing.js";
import { findPath, freshColor, freshId } from "./document.js";

/** Points may leave the picture, but not by so much that they are never found again. */
const FAR = 4;

const place = ({ x, y }) => ({ x: clamp(x, -FAR, 1 + FAR), y: clamp(y, -FAR, 1 + FAR) });

/** Times are kept only while they fit the points: first 0, last 1, increasing. */
function repairTimes(path) {
  if (!isTimed(path)) {
    path.points.forEach((point) => delete point.t);
    if (path.spacing === "timed") path.spacing = "arc";
    return;
  }
  const times = normalisedTimes(path.points.map((point) => point.t));
  path.points.forEach((point, i) => (point.t = times[i]));
}

export function addPath(document, points, options = {}) {
  const path = {
    id: freshId(document),
    kind: "path",
    curve: "smooth",
    spacing: "arc",
    ease: "linear",
    start: 0,
    end: 1,
    color: freshColor(document),
    ...options,
    points: points.map((point) => ({ ...point, ...place(point) })),
  };
  document.paths.push(path);
  return path;
}

export function addPin(document, point) {
  const pin = { id: freshId(document), kind: "pin", color: freshColor(document), points: [place(point)] };
  document.paths.push(pin);
  return pin;
}

export function removePath(document, id) {
  document.paths = document.paths.filter((path) => path.id !== id);
}

export function movePoint(document, id, index, point) {
  Object.assign(findPath(document, id).points[index], place(point));
}

export function movePath(document, id, dx, dy) {
  for (const point of findPath(document, id).points) {
    Object.assign(point, place({ x: point.x + dx, y: point.y + dy }));
  }
}

/** Adds a point at the end; a recorded rhythm goes on at its average speed. */
export function appendPoint(document, id, point, size) {
  const path = findPath(document, id);
  path.points.push(place(point));
  const timed = path.points.length > 2 && isTimed({ points: path.points.slice(0, -1) });
  if (!timed) return repairTimes(path);
  const lengths = passingTimes({ ...path, spacing: "arc" }, size);
  const before = lengths.at(-2);
  path.points.at(-1).t = before > 0 ? 1 / before : 2;
  repairTimes(path);
}

/** Puts a point on the curve, between two points, where tau says; returns its index. */
export function insertPoint(document, id, segment, tau, size) {
  const path = findPath(document, id);
  const point = curveOf(path, size)(tau);
  if (isTimed(path)) {
    const { times, points } = knots(path, size);
    const from = points.lastIndexOf(segment);
    const to = points.indexOf(segment + 1);
    const share = clamp((tau - times[from]) / (times[to] - times[from]), 0.01, 0.99);
    const [a, b] = [path.points[segment].t, path.points[segment + 1].t];
    point.t = a + (b - a) * share;
  }
  path.points.splice(segment + 1, 0, point);
  repairTimes(path);
  return segment + 1;
}

/** Removes a point, and the path with it where fewer than two would be left. */
export function removePoint(document, id, index) {
  const path = findPath(document, id);
  if (path.points.length <= 2) return removePath(document, id);
  path.points.splice(index, 1);
  repairTimes(path);
}

export function reversePath(document, id) {
  const path = findPath(document, id);
  path.points.reverse();
  if (isTimed(path)) path.points.forEach((point) => (point.t = 1 - point.t));
  repairTimes(path);
}

/** A copy beside the original; returns it. */
export function duplicatePath(document, id, offset = 0.03) {
  const copy = structuredClone(findPath(document, id));
  copy.id = freshId(document);
  copy.color = freshColor(document);
  document.paths.push(copy);
  movePath(document, copy.id, offset, offset);
  return copy;
}

export function setHold(document, id, index, hold) {
  const point = findPath(document, id).points[index];
  if (hold > 0) point.hold = hold;
  else delete point.hold;
}

/** Moves the moment at which a point is passed; the path becomes "timed". */
export function setPassingTime(document, id, index, tau, size) {
  const path = findPath(document, id);
  if (path.spacing !== "timed") {
    const times = normalisedTimes(passingTimes(path, size));
    path.points.forEach((point, i) => (point.t = times[i]));
    path.spacing = "timed";
  }
  const gap = 0.002;
  const [a, b] = [path.points[index - 1].t, path.points[index + 1].t];
  path.points[index].t = clamp(tau, a + Math.min(gap, (b - a) / 3), b - Math.min(gap, (b - a) / 3));
}

/** Start and end of a path, kept apart by at least one frame. */
export function setSpan(document, id, start, end, frames) {
  const path = findPath(document, id);
  const least = 1 / Math.max(1, frames - 1);
  if (start !== path.start) path.start = clamp(start, 0, Math.max(0, path.end - least));
  if (end !== path.end) path.end = clamp(end, Math.min(1, path.start + least), 1);
}

/** Adds a copy of a path from elsewhere, a little aside where it would lie on another; returns it. */
export function pastePath(document, path) {
  const copy = structuredClone(path);
  copy.id = freshId(document);
  const covered = document.paths.some(
    (other) =>
      other.points.length === copy.points.length &&
      other.points.every((point, i) => point.x === copy.points[i].x && point.y === copy.points[i].y),
  );
  if (document.paths.some((other) => other.color === copy.color)) copy.color = freshColor(document);
  document.paths.push(copy);
  if (covered) movePath(document, copy.id, 0.03, 0.03);
  return copy;
}
