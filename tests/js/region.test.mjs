import assert from "node:assert/strict";
import { test } from "node:test";

import { regionSize, tintOf } from "../../js/editor/region.js";
import { maskRoute } from "../../js/editor/upstream.js";

/** RGBA pixels of the given transparencies, as the host's channel=a sends them. */
const pixels = (...alphas) => Uint8ClampedArray.from(alphas.flatMap((alpha) => [0, 0, 0, alpha]));

test("what was brushed is transparent in the file, and tinted", () => {
  const tint = tintOf(pixels(255, 0, 128));
  const [outside, inside, soft] = [tint[3], tint[7], tint[11]];
  assert.equal(outside, 0);
  assert.ok(inside > 60 && inside < 180, "the picture stays visible");
  assert.ok(soft > 0.4 * inside && soft < 0.6 * inside);
  assert.ok(tint[5] > 200);
});

test("a picture without a brushed region has no tint", () => {
  assert.equal(tintOf(pixels(255, 255, 255)), null);
  assert.equal(tintOf(pixels(255, 254, 252)), null);
});

test("only files that can be transparent are asked for a mask", () => {
  assert.equal(
    maskRoute({ filename: "clipspace-mask-1.png", subfolder: "clipspace", type: "input" }),
    "/view?filename=clipspace-mask-1.png&subfolder=clipspace&type=input&channel=a",
  );
  assert.ok(maskRoute({ filename: "a.WEBP" }));
  assert.equal(maskRoute({ filename: "photo.jpg" }), null);
});

test("the region of a huge picture is kept small, in its proportions", () => {
  assert.deepEqual(regionSize(300, 200), [300, 200]);
  assert.deepEqual(regionSize(4096, 2048), [1024, 512]);
});
