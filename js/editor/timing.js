// When a path passes its points. Times without a name of their own ("tau") run from 0 to 1 over the
// path's own span; "clip time" runs from 0 to 1 over the whole clip.

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const EASING = {
  linear: (u) => u,
  ease_in: (u) => u * u,
  ease_out: (u) => 1 - (1 - u) * (1 - u),
  ease_in_out: (u) => (u < 0.5 ? 2 * u * u : 1 - 2 * (1 - u) * (1 - u)),
};

const UNEASING = {
  linear: (u) => u,
  ease_in: (u) => Math.sqrt(u),
  ease_out: (u) => 1 - Math.sqrt(1 - u),
  ease_in_out: (u) => (u < 0.5 ? Math.sqrt(u / 2) : 1 - Math.sqrt((1 - u) / 2)),
};

/** The path's own time (0..1) at a clip time. */
export function pathTime(path, clipTime) {
  const u = clamp((clipTime - path.start) / (path.end - path.start), 0, 1);
  return EASING[path.ease](u);
}

/** The clip time at which the path's own time is `tau`: the inverse of `pathTime` in the span. */
export function clipTime(path, tau) {
  return path.start + UNEASING[path.ease](clamp(tau, 0, 1)) * (path.end - path.start);
}

/** The clip time of a frame, counted from 0. */
export function frameTime(frame, frames) {
  return frames > 1 ? frame / (frames - 1) : 0;
}

/** Whether every point carries the time at which it was drawn. */
export function isTimed(path) {
  return path.points.length > 1 && path.points.every((point) => Number.isFinite(point.t));
}

/** Tau of each point, before any hold; `size` is (W, H), since lengths are those on the picture. */
export function passingTimes(path, [width, height]) {
  const { points, spacing } = path;
  if (points.length < 2) return points.map(() => 0);
  if (spacing === "index") return points.map((_, i) => i / (points.length - 1));
  if (spacing === "timed") return points.map((point) => point.t);
  const lengths = [0];
  for (let i = 1; i < points.length; i++) {
    const dx = (points[i].x - points[i - 1].x) * width;
    const dy = (points[i].y - points[i - 1].y) * height;
    lengths.push(lengths[i - 1] + Math.hypot(dx, dy));
  }
  const total = lengths.at(-1);
  return lengths.map((length) => (total > 0 ? length / total : 0));
}

/**
 * The knots of a path: arrival at each point and, where it holds, departure, scaled back to 0..1.
 *
 * Knots at one and the same time (points drawn on one spot) are merged, the first one stays.
 * Returns `{ times, points }`, where `points[k]` is the index of the point that knot k belongs to.
 */
export function knots(path, size) {
  const times = [];
  const points = [];
  const whole = 1 + path.points.reduce((sum, point) => sum + (point.hold ?? 0), 0);
  let waited = 0;
  const add = (time, index) => {
    if (times.length && time <= times.at(-1)) return;
    times.push(time);
    points.push(index);
  };
  passingTimes(path, size).forEach((tau, index) => {
    add((tau + waited) / whole, index);
    waited += path.points[index].hold ?? 0;
    add((tau + waited) / whole, index);
  });
  return { times, points };
}

/** How many frames a point is held, on the path's own clock (easing not counted). */
export function holdFrames(path, index, frames) {
  const whole = 1 + path.points.reduce((sum, point) => sum + (point.hold ?? 0), 0);
  return ((path.points[index].hold ?? 0) / whole) * (path.end - path.start) * (frames - 1);
}

/** The `hold` that keeps a point waiting for `count` frames: the inverse of `holdFrames`. */
export function holdFromFrames(path, index, count, frames) {
  const span = (path.end - path.start) * (frames - 1);
  if (span <= 0) return 0;
  const others = path.points.reduce((sum, point, i) => sum + (i === index ? 0 : (point.hold ?? 0)), 0);
  const share = clamp(count / span, 0, 0.9);
  return (share * (1 + others)) / (1 - share);
}
