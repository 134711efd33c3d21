import assert from "node:assert/strict";
import { test } from "node:test";

import { checkDocument } from "../../js/editor/document.js";
import * as edits from "../../js/editor/edits.js";
import { curveOf } from "../../js/editor/path.js";
import { passingTimes } from "../../js/editor/timing.js";
import { close, drawing, path, SIZE } from "./helpers.mjs";

const timed = () => path([[0, 0, 0], [0.5, 0.5, 0.2], [1, 0, 1]], { spacing: "timed" });

test("an inserted point lies on the curve, and its time between its neighbours'", () => {
  const document = drawing(timed());
  const before = curveOf(document.paths[0], SIZE)(0.6);
  const index = edits.insertPoint(document, "p1", 1, 0.6, SIZE);
  assert.equal(index, 2);
  const point = document.paths[0].points[2];
  close(point.x, before.x);
  close(point.y, before.y);
  close(point.t, 0.6);
  checkDocument(document);
});

test("removing the first or last timed point leaves valid times", () => {
  for (const index of [0, 2]) {
    const document = drawing(timed());
    document.paths[0].points.push({ x: 1, y: 1, t: 2 });
    document.paths[0].points.forEach((point) => (point.t /= 2));
    edits.removePoint(document, "p1", index);
    checkDocument(document);
  }
});

test("a path of two points goes when one of them is removed", () => {
  const document = drawing(path([[0, 0], [1, 1]]));
  edits.removePoint(document, "p1", 0);
  assert.deepEqual(document.paths, []);
});

test("an appended point keeps the average speed of what was drawn", () => {
  const document = drawing(path([[0, 0, 0], [0.5, 0, 1]], { spacing: "timed" }));
  edits.appendPoint(document, "p1", { x: 1, y: 0 }, SIZE);
  close(document.paths[0].points[1].t, 0.5);
  checkDocument(document);
});

test("reversing turns points and times", () => {
  const document = drawing(timed());
  edits.reversePath(document, "p1");
  assert.equal(document.paths[0].points[0].x, 1);
  close(document.paths[0].points[1].t, 0.8);
  checkDocument(document);
});

test("moving a mark in time turns a path of constant speed into a timed one", () => {
  const document = drawing(path([[0, 0], [0.5, 0], [1, 0]]));
  edits.setPassingTime(document, "p1", 1, 0.9, SIZE);
  assert.equal(document.paths[0].spacing, "timed");
  assert.deepEqual(passingTimes(document.paths[0], SIZE), [0, 0.9, 1]);
  edits.setPassingTime(document, "p1", 1, 7, SIZE);
  checkDocument(document);
});

test("start and end stay in order and at least a frame apart", () => {
  const document = drawing(path([[0, 0], [1, 0]], { start: 0.2, end: 0.6 }));
  edits.setSpan(document, "p1", 0.9, 0.6, 11);
  close(document.paths[0].start, 0.5);
  edits.setSpan(document, "p1", document.paths[0].start, -3, 11);
  close(document.paths[0].end, 0.6);
  checkDocument(document);
});

test("a pasted copy has its own id and lies aside of its original", () => {
  const document = drawing(path([[0.2, 0.2], [0.4, 0.4]]));
  const copy = edits.pastePath(document, document.paths[0]);
  assert.notEqual(copy.id, "p1");
  assert.notEqual(copy.color, document.paths[0].color);
  close(copy.points[0].x, 0.23);
  close(edits.pastePath(drawing(), copy).points[0].x, 0.23);
});

test("points can leave the picture, but not without end", () => {
  const document = drawing(path([[0, 0], [1, 0]]));
  edits.movePoint(document, "p1", 0, { x: -0.5, y: 1e9 });
  assert.equal(document.paths[0].points[0].x, -0.5);
  assert.ok(document.paths[0].points[0].y < 10);
});
