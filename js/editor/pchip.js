// Shape-preserving cubic interpolation (PCHIP): no overshoot between the points.
// F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic
// interpolants", SIAM J. Sci. Stat. Comput. 5 (1984): the weighted harmonic mean of eq. (5) inside,
// a one-sided three-point estimate, limited to keep the shape, at the two ends.

/** The derivative at an end, from the two spans next to it. */
function endSlope(near, far, nearSlope, farSlope) {
  const estimate = ((2 * near + far) * nearSlope - near * farSlope) / (near + far);
  if (Math.sign(estimate) !== Math.sign(nearSlope)) return 0;
  if (Math.sign(nearSlope) !== Math.sign(farSlope) && Math.abs(estimate) > 3 * Math.abs(nearSlope)) {
    return 3 * nearSlope;
  }
  return estimate;
}

/** Derivatives at the knots; `times` strictly increasing, at least two of them. */
export function pchipSlopes(times, values) {
  const spans = times.slice(1).map((time, i) => time - times[i]);
  const chords = spans.map((span, i) => (values[i + 1] - values[i]) / span);
  if (chords.length === 1) return [chords[0], chords[0]];
  const slopes = values.map((_, i) => {
    if (i === 0 || i === chords.length) return 0;
    const [before, after] = [chords[i - 1], chords[i]];
    if (before * after <= 0) return 0;
    const weightBefore = 2 * spans[i] + spans[i - 1];
    const weightAfter = spans[i] + 2 * spans[i - 1];
    return (weightBefore + weightAfter) / (weightBefore / before + weightAfter / after);
  });
  const last = chords.length - 1;
  slopes[0] = endSlope(spans[0], spans[1], chords[0], chords[1]);
  slopes[last + 1] = endSlope(spans[last], spans[last - 1], chords[last], chords[last - 1]);
  return slopes;
}

/** The index of the span that holds `time`; the first or the last one outside the knots. */
export function spanAt(times, time) {
  let low = 0;
  let high = times.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A function of time through the knots, cubic between them, constant beyond them. */
export function pchip(times, values) {
  if (times.length === 1) return () => values[0];
  const slopes = pchipSlopes(times, values);
  return (time) => {
    const i = spanAt(times, time);
    const span = times[i + 1] - times[i];
    const s = Math.min(1, Math.max(0, (time - times[i]) / span));
    const r = 1 - s;
    return (
      values[i] * (1 + 2 * s) * r * r +
      values[i + 1] * (3 - 2 * s) * s * s +
      span * s * r * (slopes[i] * r - slopes[i + 1] * s)
    );
  };
}

/** A function of time through the knots, straight between them, constant beyond them. */
export function piecewiseLinear(times, values) {
  if (times.length === 1) return () => values[0];
  return (time) => {
    const i = spanAt(times, time);
    const s = Math.min(1, Math.max(0, (time - times[i]) / (times[i + 1] - times[i])));
    return values[i] + (values[i + 1] - values[i]) * s;
  };
}
