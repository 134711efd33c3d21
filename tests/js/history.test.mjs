import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../js/editor/history.js";

function written(...texts) {
  const history = new History(texts[0]);
  texts.slice(1).forEach((text) => history.record(text));
  return history;
}

test("undo and redo walk the steps", () => {
  const history = written("a", "b", "c");
  assert.equal(history.undo(), "b");
  assert.equal(history.undo(), "a");
  assert.equal(history.undo(), null);
  assert.equal(history.redo(), "b");
  history.record("d");
  assert.equal(history.redo(), null);
  assert.equal(history.undo(), "b");
});

test("changes of one group are one step", () => {
  const history = new History("a");
  for (const text of ["b", "c", "d"]) history.record(text, "nudge");
  history.settle();
  history.record("e", "nudge");
  assert.equal(history.undo(), "d");
  assert.equal(history.undo(), "a");
});

test("a state put back from outside is found, the nearest one first", () => {
  const history = written("a", "b", "a", "c");
  assert.ok(history.jumpTo("a"));
  assert.equal(history.redo(), "c");
  assert.equal(history.undo(), "a");
  assert.equal(history.undo(), "b");
  assert.ok(!history.jumpTo("never"));
});
