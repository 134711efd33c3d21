// A freehand stroke turned into a path of few points that keeps its shape and its rhythm.
// The samples are simplified first as if the path ran straight between its points; then points are
// added where the curve that will be drawn through them still leaves the hand. Simplification after D. Douglas and T. Peucker, "Algorithms for the reduction of the number of
// points required to represent a digitized line or its caricature", Cartographica 10 (1973).

import { curveOf } from "./path.js";
import { knots } from "./timing.js";

/** Pieces in which the curve between two points is compared with the hand. */
const PIECES = 16;
/** How far, in stage pixels, smoothing may carry a sample: a tremble, but no corner. */
const TREMBLE = 1;
/** A fast hand leaves samples far apart; between them it is taken to have moved straight, by this. */
const STEP = 4;

/** Samples added on the straight way between those that lie farther apart than `step`. */
export function dense(samples, step = STEP) {
  return samples.flatMap((b, i) => {
    if (!i) return [b];
    const a = samples[i - 1];
    const count = Math.max(1, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / step));
    const between = (s) => ({ x: a.x + s * (b.x - a.x), y: a.y + s * (b.y - a.y), time: a.time + s * (b.time - a.time) });
    return [...Array.from({ length: count - 1 }, (_, k) => between((k + 1) / count)), b];
  });
}

/**
 * Averages each sample with its neighbours, against the tremble of the hand.
 *
 * The ends stay, and no sample moves farther than `most`, so that corners stay corners.
 */
export function smoothed(samples, passes = 2, most = TREMBLE) {
  let result = samples;
  for (let pass = 0; pass < passes; pass++) {
    const before = result;
    result = before.map((sample, i) => {
      if (i === 0 || i === before.length - 1) return sample;
      const [a, b] = [before[i - 1], before[i + 1]];
      return { ...sample, x: (a.x + 2 * sample.x + b.x) / 4, y: (a.y + 2 * sample.y + b.y) / 4 };
    });
  }
  return result.map((sample, i) => {
    const [dx, dy] = [sample.x - samples[i].x, sample.y - samples[i].y];
    const share = Math.min(1, most / (Math.hypot(dx, dy) || most));
    return { ...sample, x: samples[i].x + share * dx, y: samples[i].y + share * dy };
  });
}

/** Distance from a point to a segment. */
export function distanceToSegment(p, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const square = dx * dx + dy * dy;
  const s = square ? Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / square)) : 0;
  return Math.hypot(p.x - a.x - s * dx, p.y - a.y - s * dy);
}

/** Distance from a sample to where a steady hand would be at that moment between a and b. */
function distanceInTime(p, a, b) {
  const s = b.time > a.time ? (p.time - a.time) / (b.time - a.time) : 0;
  return Math.hypot(p.x - a.x - s * (b.x - a.x), p.y - a.y - s * (b.y - a.y));
}

/**
 * The samples worth keeping: the shape is kept to `tolerance`, the rhythm to `rhythm`, both in the
 * unit of x and y.
 */
export function simplify(samples, tolerance, rhythm = Infinity) {
  if (samples.length < 3) return samples;
  const keep = new Set([0, samples.length - 1]);
  const open = [[0, samples.length - 1]];
  while (open.length) {
    const [first, last] = open.pop();
    let worst = 1;
    let at = -1;
    for (let i = first + 1; i < last; i++) {
      const shape = distanceToSegment(samples[i], samples[first], samples[last]) / tolerance;
      const beat = distanceInTime(samples[i], samples[first], samples[last]) / rhythm;
      const error = Math.max(shape, beat);
      if (error > worst) [worst, at] = [error, i];
    }
    if (at < 0) continue;
    keep.add(at);
    open.push([first, at], [at, last]);
  }
  return samples.filter((_, i) => keep.has(i));
}

/** Times scaled to 0..1 and made strictly increasing, as "timed" spacing needs them. */
export function normalisedTimes(times) {
  const least = 1e-4;
  const [first, last] = [times[0], times.at(-1)];
  const whole = last - first;
  const even = times.map((_, i) => i / (times.length - 1));
  if (!(whole > 0)) return even;
  const result = times.map((time) => (time - first) / whole);
  for (let i = 1; i < result.length; i++) result[i] = Math.max(result[i], result[i - 1] + least);
  return result.map((time) => time / result.at(-1));
}

/** Distance from a point to a chain of points. */
function distanceToChain(p, chain) {
  let least = Infinity;
  for (let i = 1; i < chain.length; i++) least = Math.min(least, distanceToSegment(p, chain[i - 1], chain[i]));
  return least;
}

/**
 * How far the curves through the samples `kept` (indices) leave the hand, as `excess[i]` for each
 * sample of `hand`: 1 is as far as is allowed.
 *
 * The shape must hold at constant speed and with the recorded times, since either may be chosen
 * later; the rhythm with the recorded times.
 */
function excesses(hand, places, kept, tolerance, rhythm) {
  const times = normalisedTimes(kept.map((index) => places[index].time));
  const points = kept.map((index, i) => ({ x: places[index].x, y: places[index].y, t: times[i] }));
  const excess = new Float64Array(hand.length);
  for (const spacing of ["arc", "timed"]) {
    // The stage shows the picture undistorted, so lengths in its pixels are in proportion.
    const path = { curve: "smooth", spacing, points };
    const curve = curveOf(path, [1, 1]);
    const { times: taus, points: owners } = knots(path, [1, 1]);
    for (let k = 1; k < taus.length; k++) {
      const [from, span] = [taus[k - 1], taus[k] - taus[k - 1]];
      const chain = Array.from({ length: PIECES + 1 }, (_, i) => curve(from + (span * i) / PIECES));
      const [first, last] = [kept[owners[k - 1]], kept[owners[k]]];
      const duration = hand[last].time - hand[first].time;
      for (let i = first + 1; i < last; i++) {
        excess[i] = Math.max(excess[i], distanceToChain(hand[i], chain) / tolerance);
        if (spacing === "arc" || !(duration > 0)) continue;
        const { x, y } = curve(from + (span * (hand[i].time - hand[first].time)) / duration);
        excess[i] = Math.max(excess[i], Math.hypot(x - hand[i].x, y - hand[i].y) / rhythm);
      }
    }
  }
  return excess;
}

/** Indices of further samples to keep: the worst one between each two, where the curve is too far. */
function furtherSamples(excess, kept) {
  return kept.slice(1).flatMap((last, k) => {
    let [worst, at] = [1, -1];
    for (let i = kept[k] + 1; i < last; i++) if (excess[i] > worst) [worst, at] = [excess[i], i];
    return at < 0 ? [] : [at];
  });
}

/**
 * The points of a path from recorded samples `{ x, y, time }` in stage pixels.
 *
 * `toPicture` maps a stage position to the picture. Each point gets its recorded time `t`. The
 * smooth curve through the points stays within `tolerance` of the samples.
 */
export function strokePoints(samples, toPicture, tolerance = 2.5) {
  const hand = dense(samples);
  const places = smoothed(hand);
  const rhythm = tolerance * 7;
  const chosen = new Set(simplify(places, tolerance, rhythm));
  let kept = [...places.keys()].filter((index) => chosen.has(places[index]));
  for (let more = true; more; ) {
    const further = kept.length > 1 ? furtherSamples(excesses(hand, places, kept, tolerance, rhythm), kept) : [];
    more = further.length > 0;
    kept = [...kept, ...further].sort((a, b) => a - b);
  }
  const times = normalisedTimes(kept.map((index) => places[index].time));
  return kept.map((index, i) => ({ ...toPicture(places[index]), t: times[i] }));
}
