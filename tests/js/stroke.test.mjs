import assert from "node:assert/strict";
import { test } from "node:test";

import { curveOf } from "../../js/editor/path.js";
import { distanceToSegment, normalisedTimes, simplify, smoothed, strokePoints } from "../../js/editor/stroke.js";
import { path } from "./helpers.mjs";

const STAGE = [522, 348];
const TOLERANCE = 2.5;
const onPicture = ({ x, y }) => ({ x: x / STAGE[0], y: y / STAGE[1] });

/** A steady hand along straight lines between corners (of the picture), `count` samples each. */
function hand(corners, count = 40) {
  const samples = corners.slice(1).flatMap(([x, y], leg) =>
    Array.from({ length: count }, (_, i) => {
      const [[fromX, fromY], s] = [corners[leg], i / count];
      return { x: (fromX + s * (x - fromX)) * STAGE[0], y: (fromY + s * (y - fromY)) * STAGE[1], time: 8 * (leg * count + i) };
    }),
  );
  return [...samples, { x: corners.at(-1)[0] * STAGE[0], y: corners.at(-1)[1] * STAGE[1], time: 8 * samples.length }];
}

/** Farthest distance between any place of the hand's way and the curve through the points, both ways. */
function farthest(samples, points, spacing) {
  const curve = curveOf(path([], { spacing, points }), STAGE);
  const drawn = Array.from({ length: 1001 }, (_, i) => curve(i / 1000)).map(({ x, y }) => ({ x: x * STAGE[0], y: y * STAGE[1] }));
  const away = (places, chain) =>
    Math.max(...places.map((place) => Math.min(...chain.slice(1).map((b, i) => distanceToSegment(place, chain[i], b)))));
  return Math.max(away(samples, drawn), away(drawn, samples));
}

const STROKES = {
  V: [[0.3, 0.2], [0.5, 0.4], [0.7, 0.2]],
  L: [[0.2, 0.2], [0.2, 0.8], [0.8, 0.8]],
  hook: [[0.1, 0.5], [0.8, 0.5], [0.8, 0.6]],
  zigzag: [[0.1, 0.3], [0.2, 0.7], [0.3, 0.3], [0.4, 0.7], [0.5, 0.3]],
  "there and back": [[0.2, 0.5], [0.8, 0.5], [0.3, 0.5]],
};
for (const [name, corners] of Object.entries(STROKES)) {
  for (const count of [1, 40]) {
    test(`the curve stays with the hand: ${name}, ${count} samples a leg`, () => {
      const samples = hand(corners, count);
      const points = strokePoints(samples, onPicture, TOLERANCE);
      for (const spacing of ["arc", "timed"]) {
        const away = farthest(samples, points, spacing);
        assert.ok(away <= TOLERANCE + 0.1, `${spacing}: ${away} px with ${points.length} points`);
      }
      assert.ok(points.length <= 8 * (corners.length - 1), `${points.length} points`);
    });
  }
}

test("as drawn, the path is where the hand was at every moment", () => {
  const samples = hand(STROKES.V).map((sample, i) => ({ ...sample, time: i < 50 ? i * 4 : 200 + (i - 50) * 30 }));
  const points = strokePoints(samples, onPicture, TOLERANCE);
  const curve = curveOf(path([], { spacing: "timed", points }), STAGE);
  for (const { x, y, time } of samples) {
    const at = curve(time / samples.at(-1).time);
    assert.ok(Math.hypot(at.x * STAGE[0] - x, at.y * STAGE[1] - y) <= 7 * TOLERANCE);
  }
});

test("smoothing takes off the tremble and leaves corners", () => {
  const tremble = Array.from({ length: 60 }, (_, i) => ({ x: 3 * i, y: i % 2 ? 0.6 : -0.6, time: i }));
  assert.ok(smoothed(tremble).slice(2, -2).every(({ y }) => Math.abs(y) < 0.05));
  const corner = hand(STROKES.V, 10);
  smoothed(corner).forEach(({ x, y }, i) => assert.ok(Math.hypot(x - corner[i].x, y - corner[i].y) <= 1 + 1e-9));
});

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
