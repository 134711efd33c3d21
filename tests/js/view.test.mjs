import assert from "node:assert/strict";
import { test } from "node:test";

import { View } from "../../js/editor/view.js";
import { close } from "./helpers.mjs";

function view(stage = [400, 300], size = [200, 100]) {
  const made = new View();
  made.resize(stage, size);
  return made;
}

test("fitting shows the whole picture, centred, in its aspect", () => {
  const fitted = view();
  const [a, b] = [fitted.toStage({ x: 0, y: 0 }), fitted.toStage({ x: 1, y: 1 })];
  close((b.x - a.x) / (b.y - a.y), 2);
  close(a.x, 400 - b.x);
  close(a.y, 300 - b.y);
  assert.ok(a.x > 0 && a.x < 30);
});

test("stage and picture positions are inverse", () => {
  const zoomed = view();
  zoomed.zoomAt({ x: 100, y: 50 }, 2.3);
  const there = zoomed.toPicture(zoomed.toStage({ x: 0.3, y: -0.2 }));
  close(there.x, 0.3);
  close(there.y, -0.2);
});

test("zooming keeps what is under the pointer there", () => {
  const zoomed = view();
  const under = zoomed.toPicture({ x: 120, y: 140 });
  zoomed.zoomAt({ x: 120, y: 140 }, 1.7);
  const after = zoomed.toStage(under);
  close(after.x, 120);
  close(after.y, 140);
});

test("a fitted view stays fitted through a resize, another keeps its middle and zoom", () => {
  const fitted = view();
  fitted.resize([800, 600]);
  close(fitted.zoom, 1);
  const zoomed = view();
  zoomed.zoomAt({ x: 150, y: 140 }, 3);
  const middle = zoomed.toPicture({ x: 200, y: 150 });
  zoomed.resize([500, 380]);
  close(zoomed.zoom, 3);
  close(zoomed.toPicture({ x: 250, y: 190 }).x, middle.x);
});

test("the picture cannot be lost by panning or zooming", () => {
  const lost = view();
  lost.pan(1e5, -1e5);
  assert.ok(lost.toStage({ x: 0, y: 0 }).x < 400 && lost.toStage({ x: 1, y: 1 }).y > 0);
  lost.zoomAt({ x: 0, y: 0 }, 1e6);
  assert.ok(lost.zoom <= 16.001);
});
