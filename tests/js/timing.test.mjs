import assert from "node:assert/strict";
import { test } from "node:test";

import { polyline, samplePath } from "../../js/editor/path.js";
import { clipTime, holdFrames, holdFromFrames, isTimed, knots, passingTimes, pathTime } from "../../js/editor/timing.js";
import { close, path, SIZE } from "./helpers.mjs";

test("lengths are measured on the picture, not in fractions of it", () => {
  const bent = path([[0, 0], [0.5, 0], [0.5, 1]]);
  assert.deepEqual(passingTimes(bent, [200, 100]), [0, 0.5, 1]);
  assert.deepEqual(passingTimes(bent, [100, 150]), [0, 0.25, 1]);
});

test("a hold stops the path and the rest goes by faster", () => {
  const held = path([[0, 0], [0.5, 0], [1, 0]], { curve: "straight" });
  held.points[1].hold = 1;
  const { times, points } = knots(held, SIZE);
  assert.deepEqual(times, [0, 0.25, 0.75, 1]);
  assert.deepEqual(points, [0, 1, 1, 2]);
  assert.deepEqual(samplePath(held, 5, SIZE).map(({ x }) => x), [0, 0.5, 0.5, 0.5, 1]);
});

test("points on one spot take no time by length", () => {
  const stuck = path([[0.2, 0.2], [0.2, 0.2], [0.8, 0.2], [0.8, 0.2]]);
  assert.deepEqual(knots(stuck, SIZE), { times: [0, 1], points: [0, 2] });
  const still = path([[0.2, 0.2], [0.2, 0.2]]);
  for (const place of samplePath(still, 4, SIZE)) assert.deepEqual(place, { x: 0.2, y: 0.2 });
});

test("easing and its inverse agree, within the path's span", () => {
  for (const ease of ["linear", "ease_in", "ease_out", "ease_in_out"]) {
    const eased = path([[0, 0], [1, 0]], { ease, start: 0.2, end: 0.7 });
    for (let tau = 0; tau <= 1; tau += 0.1) close(pathTime(eased, clipTime(eased, tau)), tau, 1e-9, ease);
    assert.equal(pathTime(eased, 0), 0);
    close(pathTime(eased, 1), 1);
  }
});

test("holds are shown in frames and stored as fractions", () => {
  const held = path([[0, 0], [0.5, 0], [1, 0]], { start: 0, end: 0.5 });
  held.points[0].hold = 0.3;
  held.points[1].hold = holdFromFrames(held, 1, 3, 17);
  close(holdFrames(held, 1, 17), 3);
});

test("timed needs a time on every point", () => {
  assert.ok(isTimed(path([[0, 0, 0], [1, 1, 1]])));
  assert.ok(!isTimed(path([[0, 0, 0], [1, 1]])));
  assert.ok(!isTimed(path([[0, 0, 0]])));
});

test("the drawn chain names the point that each piece leaves", () => {
  const chain = polyline(path([[0, 0], [0.5, 0.5], [1, 0]]), SIZE, 4);
  assert.deepEqual(chain.map(({ segment }) => segment), [0, 0, 0, 0, 0, 1, 1, 1, 1]);
  assert.equal(chain[4].x, 0.5);
});
