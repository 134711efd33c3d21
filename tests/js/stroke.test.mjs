import assert from "node:assert/strict";
import { test } from "node:test";

import { distanceToSegment, normalisedTimes, simplify, strokePoints } from "../../js/editor/stroke.js";

const arc = Array.from({ length: 200 }, (_, i) => {
  const angle = (Math.PI * i) / 199;
  return { x: 100 * Math.cos(angle), y: 100 * Math.sin(angle), time: i * 5 };
});

test("simplifying keeps the shape within the tolerance, with few points", () => {
  const kept = simplify(arc, 1.5);
  assert.ok(kept.length < 20, `${kept.length} points`);
  for (const sample of arc) {
    const nearest = Math.min(...kept.slice(1).map((b, i) => distanceToSegment(sample, kept[i], b)));
    assert.ok(nearest <= 1.5);
  }
});

test("a straight steady stroke is two points", () => {
  const line = Array.from({ length: 50 }, (_, i) => ({ x: i, y: 2 * i, time: i }));
  assert.equal(simplify(line, 1, 6).length, 2);
});

test("a pause on a straight stroke is kept where the rhythm counts", () => {
  const paused = Array.from({ length: 90 }, (_, i) => ({ x: Math.min(i, 30) + Math.max(0, i - 60), y: 0, time: i }));
  assert.equal(simplify(paused, 1).length, 2);
  const kept = simplify(paused, 1, 3);
  assert.ok(kept.some(({ time }) => Math.abs(time - 30) <= 3) && kept.some(({ time }) => Math.abs(time - 60) <= 3));
});

test("times run from 0 to 1 and increase strictly, also where the clock stood still", () => {
  for (const times of [[5, 5, 5], [0, 10, 10, 30], [3, 4]]) {
    const result = normalisedTimes(times);
    assert.equal(result[0], 0);
    assert.equal(result.at(-1), 1);
    result.slice(1).forEach((time, i) => assert.ok(time > result[i]));
  }
});

test("a stroke becomes points on the picture, its ends where the pen went down and up", () => {
  const points = strokePoints(arc, ({ x, y }) => ({ x: x / 200, y: y / 200 }));
  assert.deepEqual([points[0].x, points[0].t], [0.5, 0]);
  assert.deepEqual([points.at(-1).x, points.at(-1).t], [-0.5, 1]);
});
