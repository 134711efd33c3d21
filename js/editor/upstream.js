// Which picture, or which number, flows into a node, found by walking the links of the graph. No
// DOM, no ComfyUI import: the graph's objects are only read.

const BYPASSED = 4;
const SUBGRAPH_INPUT = -10;
const LOADERS = ["LoadImage", "LoadImageOutput"];
/** Nodes that hand out what their first widget holds. */
const PRIMITIVES = ["PrimitiveNode", "PrimitiveInt", "INTConstant"];

const kindOf = (node) => node.comfyClass ?? node.type;

/** "folder/name.png [output]", as the host writes it, in its parts. */
export function parseFileName(text) {
  const annotated = /^(.*?)\s*\[(input|output|temp)\]\s*$/.exec(text);
  const path = (annotated ? annotated[1] : text).replaceAll("\\", "/");
  const cut = path.lastIndexOf("/");
  return {
    filename: path.slice(cut + 1),
    subfolder: cut < 0 ? "" : path.slice(0, cut),
    type: annotated ? annotated[2] : "input",
  };
}

/** Whether a loader's file goes by the hash of its content, which tells nothing of its format. */
export const isHash = ({ filename }) => filename.startsWith("blake3:");

/** Whether a file is of one of some formats, by what the host has told (`format`), else by its name. */
function isOf(formats, { filename, format }) {
  return formats.some((name) => (format ? format === `image/${name}` : filename.toLowerCase().endsWith(`.${name}`)));
}

/** The host's own address of a picture; nothing else is ever loaded. */
export function viewRoute(file) {
  const { filename, subfolder = "", type = "input" } = file;
  const query = new URLSearchParams({ filename, subfolder, type });
  // The host drops a PNG's transparency when it loads it, and a mask is stored there.
  if (isOf(["png"], file)) query.set("channel", "rgb");
  return `/view?${query}`;
}

/** The address of a file's transparency, where a mask may be stored; null where there can be none. */
export function maskRoute(file) {
  const { filename, subfolder = "", type = "input" } = file;
  if (!isOf(["png", "webp"], file)) return null;
  return `/view?${new URLSearchParams({ filename, subfolder, type, channel: "a" })}`;
}

function linkOf(graph, id) {
  if (id === null || id === undefined) return null;
  return graph.getLink?.(id) ?? graph.links?.get?.(id) ?? graph.links?.[id] ?? null;
}

/** Which of a subgraph's nodes the user has opened: several may show one and the same inside. */
const opened = new WeakMap();

/** Remembers by which node the user has come into a subgraph. */
export function rememberHolder(subgraph, node) {
  opened.set(subgraph, node);
}

/** The node in a parent graph whose inside `graph` is. */
function holderOf(graph, rootGraph) {
  const came = opened.get(graph);
  if (came?.graph?.nodes?.includes(came)) return came;
  const graphs = [rootGraph, ...(rootGraph?.subgraphs?.values?.() ?? [])];
  for (const outer of graphs) {
    const node = outer?.nodes?.find((candidate) => candidate.subgraph === graph);
    if (node) return node;
  }
  return null;
}

/** Through which input a node that only hands on gets what leaves at `slot`; -1 for other nodes. */
function passesThrough(node, slot) {
  const inputs = node.inputs ?? [];
  if (node.type === "Reroute") return 0;
  if (node.mode !== BYPASSED) return -1;
  const type = node.outputs?.[slot]?.type;
  return inputs[slot]?.type === type ? slot : inputs.findIndex((input) => input.type === type);
}

/**
 * Follows an input to the node that makes what flows in.
 *
 * Returns `{ node, slot }`, or null where nothing is connected. Reroutes and bypassed nodes are
 * passed, and the walls of subgraphs; `side: "input"` tells that the way ends at an input of a
 * subgraph's node to which nothing is linked.
 */
export function sourceOf(node, slot) {
  for (let steps = 0; steps < 100; steps++) {
    const { graph } = node;
    const link = linkOf(graph, node.inputs?.[slot]?.link);
    if (!link) return node.subgraph ? { node, slot, side: "input" } : null;
    // Newer pages write ids as texts.
    if (Number(link.origin_id) === SUBGRAPH_INPUT) {
      node = holderOf(graph, graph.rootGraph);
      slot = link.origin_slot;
      if (!node) return null;
      continue;
    }
    let origin = graph.getNodeById(link.origin_id);
    let originSlot = link.origin_slot;
    while (origin?.subgraph && origin.mode !== BYPASSED) {
      const inner = linkOf(origin.subgraph, origin.subgraph.outputs?.[originSlot]?.linkIds?.[0]);
      if (!inner) return null;
      originSlot = inner.origin_slot;
      origin = origin.subgraph.getNodeById(inner.origin_id);
    }
    if (!origin) return null;
    const through = passesThrough(origin, originSlot);
    if (through < 0) return { node: origin, slot: originSlot };
    node = origin;
    slot = through;
  }
  return null;
}

/** The file that a loader's picture output hands out, or null. */
function fileOf({ node, slot, side }) {
  if (side || slot !== 0 || !LOADERS.includes(kindOf(node))) return null;
  const name = node.widgets?.find((widget) => widget.name === "image")?.value;
  return typeof name === "string" && name ? { name, file: parseFileName(name) } : null;
}

/** The sources of the pictures that a node makes its own of; itself where it takes none. */
function leavesOf(node, seen = new Set()) {
  if (seen.has(node)) return [];
  seen.add(node);
  const sources = (node.inputs ?? []).flatMap((input, slot) =>
    input.type === "IMAGE" ? [sourceOf(node, slot)].filter(Boolean) : [],
  );
  if (!sources.length) return [{ node, slot: -1 }];
  return sources.flatMap((source) => (fileOf(source) ? [source] : leavesOf(source.node, seen)));
}

/** The one file from which a node's picture is made, as far as its pictures go back; or null. */
function fileBefore(node) {
  const leaves = leavesOf(node);
  const files = leaves.map(fileOf);
  return files.length && files.every((found) => found && found.name === files[0].name) ? files[0] : null;
}

/**
 * What is known of the picture at a node's input, without running anything.
 *
 * Returns `{ kind: "none" }`, `{ kind: "file", key, file }` or `{ kind: "computed", key }`; the key
 * changes whenever the picture may have changed. A computed picture that is made of a single loaded
 * one also has that `file`, and in `before` the title of the node that comes after it.
 */
export function pictureAt(node, inputName) {
  const slot = (node.inputs ?? []).findIndex((input) => input.name === inputName);
  const source = node.graph && slot >= 0 ? sourceOf(node, slot) : null;
  if (!source || source.side) return { kind: "none", key: "none" };
  const own = fileOf(source);
  if (own) return { kind: "file", key: `file:${own.name}`, file: own.file };
  const { node: origin, slot: originSlot } = source;
  const key = `node:${origin.id}:${originSlot}`;
  const earlier = origin.outputs?.[originSlot]?.type === "IMAGE" ? fileBefore(origin) : null;
  if (!earlier) return { kind: "computed", key };
  const before = origin.title || kindOf(origin);
  return { kind: "computed", key: `${key}:${earlier.name}`, file: earlier.file, before };
}

/** The widget of an input that can also be linked; null where it has none. */
function widgetAt(node, slot) {
  const input = node.inputs[slot];
  const name = input.widget?.name ?? input.name;
  return node.getWidgetFromSlot?.(input) ?? node.widgets?.find((widget) => widget.name === name) ?? null;
}

/**
 * Where the value of a node's widget comes from when the graph is queued.
 *
 * Returns `{ widget }` for the node's own, `{ widget, outer: true }` where the value has been handed
 * out to a subgraph's node, which then holds it, and `{ widget: null, source }` where a link brings
 * it from the `{ node, slot }` in `source`.
 */
export function heldAt(node, name) {
  const own = node.widgets?.find((widget) => widget.name === name) ?? null;
  const slot = (node.inputs ?? []).findIndex((input) => input.name === name);
  if (!node.graph || slot < 0 || !linkOf(node.graph, node.inputs[slot].link)) return { widget: own };
  const source = sourceOf(node, slot);
  if (!source) return { widget: own };
  if (!source.side) return { widget: null, source };
  const outer = widgetAt(source.node, source.slot);
  return outer ? { widget: outer, outer: true } : { widget: null, source };
}

/**
 * The number that a node's input will get, as far as it is known without running anything.
 *
 * Returns `{ value }` from the node's own widget or, with `linked: true`, from a primitive or the
 * widget of a subgraph's node. What computes gives `{ value: null, linked: true, key }`; the key
 * tells one source from another.
 */
export function numberAt(node, name) {
  const held = heldAt(node, name);
  if (held.widget && !held.outer) return { value: held.widget.value ?? null };
  const { source } = held;
  const primitive = source && PRIMITIVES.includes(kindOf(source.node));
  const widget = held.widget ?? (primitive ? source.node.widgets?.[0] : null);
  const value = Number(widget?.value ?? NaN);
  if (Number.isFinite(value)) return { value, linked: true };
  const key = source ? `node:${source.node.id}:${source.slot}` : "";
  return { value: null, linked: true, key };
}
