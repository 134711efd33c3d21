// What lies under the pointer.

import { polyline } from "./path.js";

/** The nearest place of a chain of pieces to `at`, all in stage pixels. */
export function nearestOnChain(chain, at) {
  let best = null;
  for (let i = 1; i < chain.length; i++) {
    const [a, b] = [chain[i - 1], chain[i]];
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const square = dx * dx + dy * dy;
    const s = square ? Math.min(1, Math.max(0, ((at.x - a.x) * dx + (at.y - a.y) * dy) / square)) : 0;
    const [x, y] = [a.x + s * dx, a.y + s * dy];
    const distance = Math.hypot(at.x - x, at.y - y);
    if (!best || distance < best.distance) {
      best = { x, y, distance, segment: b.segment, tau: a.tau + s * (b.tau - a.tau) };
    }
  }
  return best;
}

/**
 * The point or curve at a stage position, or null.
 *
 * The selected path comes first, then whatever was drawn last. Points beat curves. Returns
 * `{ kind: "point", path, index }` or `{ kind: "curve", path, segment, tau }`, path being an id.
 */
export function hitTest(document, selected, view, at, reach) {
  const order = [...document.paths].reverse();
  const first = order.findIndex((path) => path.id === selected);
  if (first > 0) order.unshift(...order.splice(first, 1));

  let point = null;
  for (const path of order) {
    // Points of other paths are not drawn, only their first and last: only those can be grabbed.
    const { points } = path;
    const grabbable = (i) => path.id === selected || i === 0 || i === points.length - 1;
    for (let i = points.length - 1; i >= 0; i--) {
      if (!grabbable(i)) continue;
      const place = view.toStage(points[i]);
      const distance = Math.hypot(place.x - at.x, place.y - at.y);
      if (distance <= reach && (!point || distance < point.distance)) {
        point = { kind: "point", path: path.id, index: i, distance };
      }
    }
    if (point && path.id === selected) return point;
  }
  if (point) return point;

  for (const path of order) {
    if (path.points.length < 2) continue;
    const chain = polyline(path, view.size).map((piece) => ({ ...piece, ...view.toStage(piece) }));
    const place = nearestOnChain(chain, at);
    if (place && place.distance <= reach) {
      return { kind: "curve", path: path.id, segment: place.segment, tau: place.tau };
    }
  }
  return null;
}
