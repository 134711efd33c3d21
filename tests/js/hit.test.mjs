import assert from "node:assert/strict";
import { test } from "node:test";

import { hitTest } from "../../js/editor/hit.js";
import { View } from "../../js/editor/view.js";
import { drawing, path } from "./helpers.mjs";

const view = new View();
view.resize([400, 300], [400, 300]);

const lower = path([[0.2, 0.5], [0.5, 0.5], [0.8, 0.5]], { id: "lower" });
const upper = path([[0.5, 0.2], [0.5, 0.8]], { id: "upper" });
const pin = { id: "pin", kind: "pin", color: "#33aaff", points: [{ x: 0.1, y: 0.1 }] };
const all = drawing(lower, upper, pin);
const at = (x, y) => view.toStage({ x, y });

test("ends and pins can be grabbed, inner points only on the selected path", () => {
  assert.deepEqual(pick(hitTest(all, null, view, at(0.2, 0.5), 9)), ["point", "lower", 0]);
  assert.deepEqual(pick(hitTest(all, null, view, at(0.1, 0.1), 9)), ["point", "pin", 0]);
  assert.equal(hitTest(all, null, view, at(0.5, 0.5), 9).path, "upper");
  assert.deepEqual(pick(hitTest(all, "lower", view, at(0.5, 0.5), 9)), ["point", "lower", 1]);
});

test("the selected path comes first, also where another one's end is nearer", () => {
  const near = drawing(lower, path([[0.51, 0.5], [0.51, 0.9]], { id: "near" }));
  assert.deepEqual(pick(hitTest(near, "lower", view, at(0.508, 0.5), 9)), ["point", "lower", 1]);
  assert.deepEqual(pick(hitTest(near, null, view, at(0.508, 0.5), 9)), ["point", "near", 0]);
});

test("a curve is found between its points, with the place to insert at", () => {
  const hit = hitTest(all, null, view, at(0.65, 0.505), 9);
  assert.equal(hit.kind, "curve");
  assert.equal(hit.segment, 1);
  assert.ok(Math.abs(hit.tau - 0.75) < 0.02);
});

test("nothing lies where nothing is", () => {
  assert.equal(hitTest(all, "lower", view, at(0.8, 0.9), 9), null);
});

const pick = ({ kind, path: id, index }) => [kind, id, index];
