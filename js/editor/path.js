// Where a path is at a time. Positions are relative to the picture: 0..1 in x and in y.

import { pchip, piecewiseLinear } from "./pchip.js";
import { frameTime, knots, pathTime } from "./timing.js";

/** A function from tau (0..1 of the path's own span) to `{ x, y }`. */
export function curveOf(path, size) {
  const { times, points } = knots(path, size);
  const through = path.curve === "straight" ? piecewiseLinear : pchip;
  const x = through(times, points.map((index) => path.points[index].x));
  const y = through(times, points.map((index) => path.points[index].y));
  return (tau) => ({ x: x(tau), y: y(tau) });
}

/** A function from clip time to `{ x, y }`: easing, start and end included. */
export function motionOf(path, size) {
  if (path.points.length === 1) return () => ({ x: path.points[0].x, y: path.points[0].y });
  const curve = curveOf(path, size);
  return (time) => curve(pathTime(path, time));
}

/** The positions at every frame of the clip. */
export function samplePath(path, frames, size) {
  const motion = motionOf(path, size);
  return Array.from({ length: frames }, (_, frame) => motion(frameTime(frame, frames)));
}

/**
 * The curve as a chain of short straight pieces, for drawing and for finding what is clicked.
 *
 * Returns `{ x, y, tau, segment }`, segment being the index of the point that the piece leaves.
 */
export function polyline(path, size, pieces = 16) {
  const { times, points } = knots(path, size);
  const curve = curveOf(path, size);
  const chain = [{ ...curve(times[0]), tau: times[0], segment: points[0] }];
  for (let k = 1; k < times.length; k++) {
    if (points[k] === points[k - 1]) continue;
    const count = path.curve === "straight" ? 1 : pieces;
    for (let i = 1; i <= count; i++) {
      const tau = times[k - 1] + ((times[k] - times[k - 1]) * i) / count;
      chain.push({ ...curve(tau), tau, segment: points[k] - 1 });
    }
  }
  return chain;
}
