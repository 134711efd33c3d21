import assert from "node:assert/strict";

export function close(actual, expected, tolerance = 1e-9, message = "") {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${message} ${actual} is not ${expected}`);
}

export const SIZE = [200, 100];

/** A path with the defaults of a fresh one. */
export function path(points, options = {}) {
  return {
    id: "p1",
    kind: "path",
    curve: "smooth",
    spacing: "arc",
    ease: "linear",
    start: 0,
    end: 1,
    color: "#ff5c39",
    points: points.map(([x, y, t]) => (t === undefined ? { x, y } : { x, y, t })),
    ...options,
  };
}

export const drawing = (...paths) => ({ version: 1, paths });
