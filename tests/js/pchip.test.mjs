import assert from "node:assert/strict";
import { test } from "node:test";

import { pchip, pchipSlopes, piecewiseLinear, spanAt } from "../../js/editor/pchip.js";
import { close } from "./helpers.mjs";

test("slopes are those of scipy's PchipInterpolator", () => {
  // PchipInterpolator([0, 1, 3, 4, 6], [0, 2, 3, 3, -1]).derivative() at the knots.
  const slopes = pchipSlopes([0, 1, 3, 4, 6], [0, 2, 3, 3, -1]);
  [2.5, 6 / 7, 0, 0, -10 / 3].forEach((slope, i) => close(slopes[i], slope, 1e-12));
});

test("an end slope that would overshoot is limited to three times the chord", () => {
  const slopes = pchipSlopes([0, 1, 2], [0, 1, -9]);
  assert.equal(slopes[0], 3);
});

test("an end slope that points the wrong way is zero", () => {
  assert.equal(pchipSlopes([0, 1, 2], [0, 1, 9])[0], 0);
});

test("two points give a straight line", () => {
  const curve = pchip([0, 2], [1, 5]);
  for (const time of [0, 0.5, 1, 1.7, 2]) close(curve(time), 1 + 2 * time);
});

test("the curve passes its knots and never leaves their range between them", () => {
  const times = [0, 0.1, 0.5, 0.55, 1];
  const values = [0, 4, 4, -2, 3];
  const curve = pchip(times, values);
  times.forEach((time, i) => close(curve(time), values[i], 1e-12));
  for (let i = 1; i < times.length; i++) {
    for (let s = 0; s <= 1; s += 0.05) {
      const value = curve(times[i - 1] + s * (times[i] - times[i - 1]));
      assert.ok(value >= Math.min(values[i - 1], values[i]) - 1e-12);
      assert.ok(value <= Math.max(values[i - 1], values[i]) + 1e-12);
    }
  }
});

test("beyond the knots both interpolations stay where they are", () => {
  for (const make of [pchip, piecewiseLinear]) {
    const curve = make([0, 1, 2], [3, 4, 8]);
    assert.equal(curve(-1), 3);
    assert.equal(curve(9), 8);
  }
});

test("spanAt finds the span, also at knots and outside", () => {
  const times = [0, 1, 2, 5];
  assert.deepEqual([-1, 0, 0.5, 1, 4.9, 5, 7].map((time) => spanAt(times, time)), [0, 0, 0, 1, 2, 2, 2]);
});
