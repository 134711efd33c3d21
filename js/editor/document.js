// The drawing as it is stored in the node: a JSON text, checked before anything else touches it.
// Keys that are not known here are kept, so that a newer editor's drawing survives an older one.

import schema from "./schema.js";
import { words } from "./texts.js";

const ofPath = schema.$defs.path.properties;
export const VERSION = schema.properties.version.const;
export const KINDS = ofPath.kind.enum;
export const CURVES = ofPath.curve.enum;
export const SPACINGS = ofPath.spacing.enum;
export const EASES = ofPath.ease.enum;

/** Bright, told apart on photographs and by people who do not see red and green apart. */
export const COLORS = [
  "#ff5c39",
  "#29b6ff",
  "#ffd23f",
  "#b78bff",
  "#3ddc84",
  "#ff7ac6",
  "#ff9f1c",
  "#5eead4",
];

/** What is wrong with a drawing, in the language of the page. */
export class DocumentError extends Error {
  constructor(name, values) {
    super(words(`problem.${name}`, values));
  }
}

const quoted = (value) => JSON.stringify(value) ?? String(value);

function oneOf(value, allowed, what, where) {
  if (!allowed.includes(value)) {
    throw new DocumentError("choice", { where, name: what, value: quoted(value), known: allowed.join(", ") });
  }
  return value;
}

function number(value, what, where) {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new DocumentError("number", { where, name: what, value: quoted(value) });
  }
  return value;
}

function checkPoint(point, where) {
  if (point === null || typeof point !== "object" || Array.isArray(point)) {
    throw new DocumentError("point", { where, value: quoted(point) });
  }
  number(point.x, "x", where);
  number(point.y, "y", where);
  if (point.hold !== undefined && number(point.hold, "hold", where) < 0) {
    throw new DocumentError("hold", { where, value: point.hold });
  }
  return { ...point };
}

function checkTimes(points, path) {
  const where = words("problem.path", { path });
  const whereIs = (i) => words("problem.path_point", { path, point: i + 1 });
  const times = points.map((point, i) => number(point.t, "t", whereIs(i)));
  if (times[0] !== 0 || times.at(-1) !== 1) {
    throw new DocumentError("times.span", { where, first: times[0], last: times.at(-1) });
  }
  times.forEach((time, i) => {
    if (i && time <= times[i - 1]) {
      throw new DocumentError("times.order", { where: whereIs(i), before: times[i - 1], after: time });
    }
  });
}

function checkPath(path, index) {
  const ordinal = index + 1;
  const where = words("problem.path", { path: ordinal });
  if (path === null || typeof path !== "object" || Array.isArray(path)) {
    throw new DocumentError("path.object", { where, value: quoted(path) });
  }
  const kind = oneOf(path.kind ?? ofPath.kind.default, KINDS, "kind", where);
  if (!Array.isArray(path.points) || path.points.length === 0) {
    throw new DocumentError("points", { where });
  }
  if (kind === "pin" && path.points.length !== 1) {
    throw new DocumentError("pin", { where, count: path.points.length });
  }
  const checked = {
    ...path,
    id: typeof path.id === "string" && path.id ? path.id : `p${index + 1}`,
    kind,
    color: /^#[0-9a-f]{6}$/i.test(path.color) ? path.color : COLORS[index % COLORS.length],
    points: path.points.map((point, i) =>
      checkPoint(point, words("problem.path_point", { path: ordinal, point: i + 1 })),
    ),
  };
  if (kind === "pin") return checked;
  checked.curve = oneOf(path.curve ?? ofPath.curve.default, CURVES, "curve", where);
  checked.spacing = oneOf(path.spacing ?? ofPath.spacing.default, SPACINGS, "spacing", where);
  checked.ease = oneOf(path.ease ?? ofPath.ease.default, EASES, "ease", where);
  checked.start = number(path.start ?? ofPath.start.default, "start", where);
  checked.end = number(path.end ?? ofPath.end.default, "end", where);
  if (!(checked.start >= 0 && checked.start < checked.end && checked.end <= 1)) {
    throw new DocumentError("span", { where, start: checked.start, end: checked.end });
  }
  if (checked.spacing === "timed" && checked.points.length > 1) checkTimes(checked.points, ordinal);
  return checked;
}

export function emptyDocument() {
  return { version: VERSION, paths: [] };
}

/** The document in a text, defaults filled in; empty text is an empty drawing. Throws DocumentError. */
export function parseDocument(text) {
  if (!text.trim()) return emptyDocument();
  let raw;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new DocumentError("json", { problem: error.message });
  }
  return checkDocument(raw);
}

/** The same for an object that has been parsed already. */
export function checkDocument(raw) {
  if (raw === null || typeof raw !== "object" || Array.isArray(raw)) {
    throw new DocumentError("object", { value: quoted(raw) });
  }
  if (raw.version !== VERSION) {
    throw new DocumentError("version", { value: quoted(raw.version), known: VERSION });
  }
  if (!Array.isArray(raw.paths)) throw new DocumentError("paths");
  const paths = raw.paths.map(checkPath);
  const seen = new Set();
  for (const path of paths) {
    if (seen.has(path.id)) path.id = freshId({ paths });
    seen.add(path.id);
  }
  return { ...raw, paths };
}

const rounded = (value, digits) => Number(value.toFixed(digits));

/** The text of a document, short: a hundredth of a pixel and a ten-thousandth of a clip are enough. */
export function formatDocument(document) {
  const paths = document.paths.map((path) => {
    const points = path.points.map((point) => {
      const short = { ...point, x: rounded(point.x, 5), y: rounded(point.y, 5) };
      if (short.hold !== undefined) short.hold = rounded(short.hold, 4);
      if (!short.hold) delete short.hold;
      if (Number.isFinite(short.t)) short.t = rounded(short.t, 5);
      return short;
    });
    const short = { ...path, points };
    if (short.start !== undefined) short.start = rounded(short.start, 6);
    if (short.end !== undefined) short.end = rounded(short.end, 6);
    return short;
  });
  return JSON.stringify({ ...document, paths });
}

/** A path that is still being clicked together. It is no path yet, and no pin either. */
export const isUnfinished = (path) => path.kind === "path" && path.points.length < 2;

/** The document without what is not finished: what a prompt may carry. */
export function finishedPart(document) {
  const paths = document.paths.filter((path) => !isUnfinished(path));
  return paths.length === document.paths.length ? document : { ...document, paths };
}

/**
 * A document from elsewhere, in which a path of one point means a pin (Python reads it so, too),
 * with pins in their place.
 */
export function withPins(document) {
  if (!document.paths.some(isUnfinished)) return document;
  const paths = document.paths.map((path) => (isUnfinished(path) ? { ...path, kind: "pin" } : path));
  return { ...document, paths };
}

/** An id that no path of the document has. */
export function freshId(document) {
  const taken = new Set(document.paths.map((path) => path.id));
  let n = 1;
  while (taken.has(`p${n}`)) n++;
  return `p${n}`;
}

/** The colour that the fewest paths have. */
export function freshColor(document) {
  const uses = (color) => document.paths.filter((path) => path.color === color).length;
  return COLORS.reduce((best, color) => (uses(color) < uses(best) ? color : best));
}

export const findPath = (document, id) => document.paths.find((path) => path.id === id) ?? null;
