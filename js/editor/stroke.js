// A freehand stroke turned into a path of few points that keeps its shape and its rhythm.
// Simplification after D. Douglas and T. Peucker, "Algorithms for the reduction of the number of
// points required to represent a digitized line or its caricature", Cartographica 10 (1973).

/** Averages each sample with its neighbours, against the tremble of the hand; the ends stay. */
export function smoothed(samples, passes = 2) {
  let result = samples;
  for (let pass = 0; pass < passes; pass++) {
    const before = result;
    result = before.map((sample, i) => {
      if (i === 0 || i === before.length - 1) return sample;
      const [a, b] = [before[i - 1], before[i + 1]];
      return { ...sample, x: (a.x + 2 * sample.x + b.x) / 4, y: (a.y + 2 * sample.y + b.y) / 4 };
    });
  }
  return result;
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

/**
 * The points of a path from recorded samples `{ x, y, time }` in stage pixels.
 *
 * `toPicture` maps a stage position to the picture. Each point gets its recorded time `t`.
 */
export function strokePoints(samples, toPicture, tolerance = 2.5) {
  const kept = simplify(smoothed(samples), tolerance, tolerance * 7);
  const times = normalisedTimes(kept.map((sample) => sample.time));
  return kept.map((sample, i) => ({ ...toPicture(sample), t: times[i] }));
}
