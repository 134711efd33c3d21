import assert from "node:assert/strict";
import { test } from "node:test";

import { heldAt, isHash, maskRoute, numberAt, parseFileName, pictureAt, rememberHolder, viewRoute } from "../../js/editor/upstream.js";

/** A graph of plain objects: `nodes` by id, links as [id, from, slot, to, slot]. */
function graph(nodes, links, rootGraph = null) {
  const made = {
    nodes: Object.values(nodes),
    getNodeById: (id) => nodes[id] ?? null,
    getLink(id) {
      const link = links.find((entry) => entry[0] === id);
      return link ? { origin_id: link[1], origin_slot: link[2] } : null;
    },
  };
  made.rootGraph = rootGraph ?? made;
  for (const [id, node] of Object.entries(nodes)) Object.assign(node, { id, graph: made });
  return made;
}

const load = (value, extra = {}) => ({ type: "LoadImage", widgets: [{ name: "image", value }], outputs: [{ type: "IMAGE" }, { type: "MASK" }], ...extra });
const editor = (link) => ({ type: "MotionI2VTrajectoryEditor", inputs: [{ name: "image", type: "IMAGE", link }] });
const through = (type, link, extra = {}) => ({ type, inputs: [{ name: "", type: "IMAGE", link }], outputs: [{ type: "IMAGE" }], ...extra });

test("file names of the host", () => {
  assert.deepEqual(parseFileName("cat.png"), { filename: "cat.png", subfolder: "", type: "input" });
  assert.deepEqual(parseFileName("clipspace/a b.png [input]"), { filename: "a b.png", subfolder: "clipspace", type: "input" });
  assert.deepEqual(parseFileName("x\\y\\c.jpg [output]"), { filename: "c.jpg", subfolder: "x/y", type: "output" });
});

test("a picture only ever comes from the host's own route, its name escaped", () => {
  const route = viewRoute({ filename: "a&type=temp#.jpg", subfolder: "../b", type: "input" });
  assert.equal(route, "/view?filename=a%26type%3Dtemp%23.jpg&subfolder=..%2Fb&type=input");
  assert.ok(viewRoute(parseFileName("https://example.org/x.jpg")).startsWith("/view?"));
});

test("a file that goes by its hash is a PNG with a mask where the host says so", () => {
  const file = parseFileName("blake3:0a1b");
  assert.ok(isHash(file) && !isHash(parseFileName("cat.png")));
  assert.equal(maskRoute(file), null, "nothing is known yet");
  const png = { ...file, format: "image/png" };
  assert.equal(viewRoute(png), "/view?filename=blake3%3A0a1b&subfolder=&type=input&channel=rgb");
  assert.equal(maskRoute(png), "/view?filename=blake3%3A0a1b&subfolder=&type=input&channel=a");
  const photo = { ...file, format: "image/jpeg" };
  assert.equal(viewRoute(photo), "/view?filename=blake3%3A0a1b&subfolder=&type=input");
  assert.equal(maskRoute(photo), null);
});

test("nothing connected", () => {
  const node = editor(null);
  graph({ 2: node }, []);
  assert.equal(pictureAt(node, "image").kind, "none");
});

test("a loader is read without running anything, and its key follows its choice", () => {
  const [node, loader] = [editor(7), load("cat.jpg")];
  graph({ 1: loader, 2: node }, [[7, "1", 0]]);
  const first = pictureAt(node, "image");
  assert.equal(first.file.filename, "cat.jpg");
  loader.widgets[0].value = "dog.jpg";
  const second = pictureAt(node, "image");
  assert.equal(second.file.filename, "dog.jpg");
  assert.notEqual(first.key, second.key);
});

test("reroutes and bypassed nodes are passed", () => {
  const node = editor(9);
  graph({ 1: load("cat.jpg"), 2: through("Reroute", 7), 3: through("ImageScale", 8, { mode: 4 }), 4: node }, [[7, "1", 0], [8, "2", 0], [9, "3", 0]]);
  assert.equal(pictureAt(node, "image").file.filename, "cat.jpg");
});

test("a node that computes has to run first", () => {
  const node = editor(8);
  graph({ 2: { type: "VAEDecode", inputs: [{ type: "LATENT", link: null }], outputs: [{ type: "IMAGE" }] }, 3: node }, [[8, "2", 0]]);
  assert.deepEqual(pictureAt(node, "image"), { kind: "computed", key: "node:2:0" });
});

test("until then, the one loaded picture that it is made of stands in", () => {
  const node = editor(9);
  const loader = load("cat.jpg");
  const scale = through("ImageScale", 7, { title: "Upscale Image" });
  graph({ 1: loader, 2: scale, 3: through("ImageInvert", 8), 4: node }, [[7, "1", 0], [8, "2", 0], [9, "3", 0]]);
  const found = pictureAt(node, "image");
  assert.deepEqual([found.kind, found.file.filename, found.before], ["computed", "cat.jpg", "ImageInvert"]);
  loader.widgets[0].value = "dog.jpg";
  assert.notEqual(pictureAt(node, "image").key, found.key);
});

test("a picture made of two, or of something unknown, too, has no stand-in", () => {
  const blend = (a, b) => ({ type: "ImageBlend", inputs: [{ type: "IMAGE", link: a }, { type: "IMAGE", link: b }], outputs: [{ type: "IMAGE" }] });
  const unknown = { type: "EmptyImage", inputs: [], outputs: [{ type: "IMAGE" }] };
  for (const [second, expected] of [[load("dog.jpg"), undefined], [unknown, undefined], [load("cat.jpg"), "cat.jpg"]]) {
    const node = editor(9);
    graph({ 1: load("cat.jpg"), 2: second, 3: blend(7, 8), 4: node }, [[7, "1", 0], [8, "2", 0], [9, "3", 0]]);
    assert.equal(pictureAt(node, "image").file?.filename, expected);
  }
});

test("a loader's mask is not its picture", () => {
  const node = editor(7);
  graph({ 1: load("cat.jpg"), 2: node }, [[7, "1", 1]]);
  assert.equal(pictureAt(node, "image").kind, "computed");
});

test("the walls of subgraphs are passed, both ways", () => {
  const node = editor(3);
  const holder = { type: "subgraph", inputs: [{ name: "image", type: "IMAGE", link: 7 }] };
  const root = graph({ 1: load("cat.jpg"), 2: holder }, [[7, "1", 0]]);
  holder.subgraph = graph({ 5: node }, [[3, -10, 0]], root);
  assert.equal(pictureAt(node, "image").file.filename, "cat.jpg");

  const outer = editor(8);
  const box = { type: "subgraph", inputs: [], outputs: [{ type: "IMAGE" }] };
  const around = graph({ 1: box, 2: outer }, [[8, "1", 0]]);
  box.subgraph = graph({ 4: load("dog.jpg") }, [[6, "4", 0]], around);
  box.subgraph.outputs = [{ linkIds: [6] }];
  assert.equal(pictureAt(outer, "image").file.filename, "dog.jpg");
});

test("a circle of reroutes ends", () => {
  const node = editor(9);
  graph({ 1: through("Reroute", 8), 2: through("Reroute", 7), 3: node }, [[7, "1", 0], [8, "2", 0], [9, "1", 0]]);
  assert.equal(pictureAt(node, "image").kind, "none");
});

const framed = (link, value = 16) => ({
  type: "MotionI2VTrajectoryEditor",
  widgets: [{ name: "drawing", value: "" }, { name: "frames", value }],
  inputs: [{ name: "image", type: "IMAGE", link: null }, { name: "frames", type: "INT", link }],
});
const primitive = (type, value) => ({ type, widgets: [{ name: "value", value }, { name: "control_after_generate", value: "fixed" }], outputs: [{ type: "INT" }] });

test("the number of frames is the widget's own while nothing is linked", () => {
  const node = framed(null, 25);
  graph({ 1: node }, []);
  assert.deepEqual(numberAt(node, "frames"), { value: 25 });
  assert.deepEqual(numberAt({ ...node, inputs: [] }, "frames"), { value: 25 });
});

test("a linked primitive tells the number of frames, through reroutes, too", () => {
  for (const type of ["PrimitiveInt", "PrimitiveNode"]) {
    const node = framed(8);
    graph({ 1: primitive(type, 33), 2: { ...through("Reroute", 7), outputs: [{ type: "INT" }] }, 3: node }, [[7, "1", 0], [8, "2", 0]]);
    assert.deepEqual(numberAt(node, "frames"), { value: 33, linked: true });
  }
});

test("a number that is computed is not known", () => {
  const node = framed(8);
  graph({ 1: primitive("GetImageSize", 512), 2: node }, [[8, "1", 0]]);
  const { key, ...known } = numberAt(node, "frames");
  assert.deepEqual(known, { value: null, linked: true });
  graph({ 1: primitive("GetImageSize", 512), 2: node }, [[8, "1", 1]]);
  assert.notEqual(numberAt(node, "frames").key, key, "another output may bring another number");
});

test("a subgraph's own widget tells the number of frames inside", () => {
  const node = framed(3);
  const holder = { type: "subgraph", inputs: [{ name: "frames", type: "INT", link: null }], widgets: [{ name: "frames", value: 40 }] };
  const root = graph({ 2: holder }, []);
  // Older pages write ids as numbers, newer ones as texts.
  for (const inside of [-10, "-10"]) {
    holder.subgraph = graph({ 5: node }, [[3, inside, 0]], root);
    assert.deepEqual(numberAt(node, "frames"), { value: 40, linked: true });
    assert.equal(heldAt(node, "frames").widget, holder.widgets[0]);
  }
});

test("of several nodes that show one subgraph, the one that was opened holds the value", () => {
  const node = framed(3);
  const holders = [40, 50].map((value) => ({ type: "subgraph", inputs: [{ name: "frames", type: "INT", link: null }], widgets: [{ name: "frames", value }] }));
  const root = graph({ 2: holders[0], 3: holders[1] }, []);
  const inside = graph({ 5: node }, [[3, "-10", 0]], root);
  holders.forEach((holder) => (holder.subgraph = inside));
  assert.equal(numberAt(node, "frames").value, 40);
  rememberHolder(inside, holders[1]);
  assert.equal(numberAt(node, "frames").value, 50);
});
