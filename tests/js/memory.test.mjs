import assert from "node:assert/strict";
import { test } from "node:test";

import { Memory } from "../../js/editor/memory.js";

const any = { undoing: false, fits: () => true };

test("a node of the same graph gets back what it left, once", () => {
  const memory = new Memory();
  memory.keep("graph", 2, "past");
  assert.equal(memory.take("graph", 3, any), null);
  assert.equal(memory.take("other", 2, any), null);
  assert.equal(memory.take("graph", 2, any), "past");
  assert.equal(memory.take("graph", 2, any), null);
});

test("a graph without an id gets nothing, unless it is an earlier state of the last one", () => {
  const memory = new Memory();
  memory.keep(null, 2, "past");
  assert.equal(memory.take(null, 2, any), null);
  assert.equal(memory.take("a new id", 2, { ...any, undoing: true }), "past");
});

test("what does not fit is left alone, and the newest that does is taken", () => {
  const memory = new Memory();
  memory.keep("a", 2, "old");
  memory.keep("b", 2, "new");
  memory.keep("c", 2, "another drawing");
  const fits = (past) => past !== "another drawing";
  assert.equal(memory.take("d", 2, { undoing: true, fits }), "new");
  assert.equal(memory.take("c", 2, { undoing: false, fits }), null);
  assert.equal(memory.take("c", 2, any), "another drawing");
});
