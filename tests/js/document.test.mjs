import assert from "node:assert/strict";
import { test } from "node:test";

import { COLORS, emptyDocument, finishedPart, formatDocument, freshColor, freshId, parseDocument, withPins } from "../../js/editor/document.js";
import { drawing, path } from "./helpers.mjs";

test("empty text is an empty drawing", () => {
  assert.deepEqual(parseDocument("  "), emptyDocument());
});

test("what is written is read back the same", () => {
  const document = drawing(path([[0.25, 0.5], [1.5, -0.25]]), { id: "p2", kind: "pin", color: "#33aaff", points: [{ x: 0, y: 1 }] });
  assert.deepEqual(parseDocument(formatDocument(document)), document);
});

test("unknown keys survive at every level", () => {
  const document = { ...drawing({ ...path([[0, 0], [1, 1]]), note: "wing" }), author: "A" };
  document.paths[0].points[1].pressure = 0.5;
  const text = formatDocument(parseDocument(JSON.stringify(document)));
  assert.deepEqual(JSON.parse(text), document);
});

test("missing properties get their defaults, twice used ids are told apart", () => {
  const points = [{ x: 0, y: 0 }, { x: 1, y: 0 }];
  const { paths } = parseDocument(JSON.stringify({ version: 1, paths: [{ id: "a", points }, { id: "a", points }] }));
  assert.notEqual(paths[0].id, paths[1].id);
  const { kind, curve, spacing, ease, start, end } = paths[1];
  assert.deepEqual({ kind, curve, spacing, ease, start, end }, { kind: "path", curve: "smooth", spacing: "arc", ease: "linear", start: 0, end: 1 });
});

test("the message names the offending part", () => {
  const broken = drawing(path([[0, 0], [1, 1]]), path([[0, 0], [1, 1]]));
  broken.paths[1].points[1].x = null;
  assert.throws(() => parseDocument(JSON.stringify(broken)), /path 2, point 2: "x".*null/);
  assert.throws(() => parseDocument('{"version": 1'), /not JSON/);
  assert.throws(() => parseDocument("[]"), /drawing is an object/);
});

test("a colour that is none is replaced, so that it never reaches a style", () => {
  const { paths } = parseDocument(JSON.stringify(drawing(path([[0, 0], [1, 1]], { color: "red;x:url(y)" }))));
  assert.match(paths[0].color, /^#[0-9a-f]{6}$/);
});

test("fresh ids and colours are those not used yet", () => {
  const document = drawing(path([[0, 0]], { id: "p1", color: COLORS[0] }), path([[0, 0]], { id: "p3", color: COLORS[1] }));
  assert.equal(freshId(document), "p2");
  assert.equal(freshColor(document), COLORS[2]);
});

test("a path of one click is left out of what is stored, until it has a second point", () => {
  const [whole, begun] = [path([[0, 0], [1, 1]], { id: "a" }), path([[0.5, 0.5]], { id: "b" })];
  const pin = { id: "c", kind: "pin", color: "#33aaff", points: [{ x: 0, y: 1 }] };
  assert.deepEqual(finishedPart({ ...drawing(whole, begun, pin), author: "A" }), { ...drawing(whole, pin), author: "A" });
  begun.points.push({ x: 0.6, y: 0.5 });
  const finished = drawing(whole, begun, pin);
  assert.equal(finishedPart(finished), finished);
});

test("a path of one point in a drawing from elsewhere is the pin that it means", () => {
  const foreign = drawing(path([[0.5, 0.5]], { id: "b", note: "x" }), path([[0, 0], [1, 1]]));
  const { paths } = withPins(foreign);
  assert.deepEqual(paths.map(({ kind, note }) => [kind, note]), [["pin", "x"], ["path", undefined]]);
  assert.equal(foreign.paths[0].kind, "path");
});
