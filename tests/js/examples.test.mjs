// The examples that the Python reader is tested against too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { DocumentError, parseDocument } from "../../js/editor/document.js";
import { samplePath } from "../../js/editor/path.js";
import { close } from "./helpers.mjs";

const file = new URL("../examples/editor_documents.json", import.meta.url);
const examples = JSON.parse(readFileSync(file, "utf8"));

for (const example of examples) {
  const text = JSON.stringify(example.document);
  if (example.error) {
    test(`refused: ${example.name}`, () => {
      assert.throws(
        () => parseDocument(text),
        (error) => error instanceof DocumentError && error.message.includes(example.error),
      );
    });
    continue;
  }
  test(`sampled: ${example.name}`, () => {
    const { paths } = parseDocument(text);
    const [width, height] = example.size;
    const sampled = paths.map((path) => samplePath(path, example.frames, example.size));
    assert.equal(example.points.length, example.frames);
    example.points.forEach((frame, i) => {
      assert.equal(frame.length, sampled.length);
      frame.forEach(([x, y], p) => {
        close(sampled[p][i].x * width, x, 1e-4, `frame ${i}, path ${p}, x:`);
        close(sampled[p][i].y * height, y, 1e-4, `frame ${i}, path ${p}, y:`);
      });
    });
  });
}
