// Connects the Trajectory Editor with its node. All of its state is the node's `drawing` widget.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { el } from "./editor/dom.js";
import { TrajectoryEditor } from "./editor/editor.js";
import { Memory } from "./editor/memory.js";
import { regionOf } from "./editor/region.js";
import { speak, words } from "./editor/texts.js";
import { heldAt, isHash, maskRoute, numberAt, pictureAt, rememberHolder, viewRoute } from "./editor/upstream.js";
import { register } from "./register.js";

const NODE = "MotionI2VTrajectoryEditor";
/** Under these keys the node sends its picture and frames; nodes/trajectory_editor.py has them too. */
const PICTURE_KEY = "motion_i2v_picture";
const FRAMES_KEY = "motion_i2v_frames";
/** A graph that is being cleared has this id. */
const NO_ID = "00000000-0000-0000-0000-000000000000";
const LOOK_EVERY = 600;
const FIRST_SIZE = [560, 740];
const LEAST_HEIGHT = 420;
/** The editor's buttons wrap down to this width of the node. */
const LEAST_WIDTH = 340;

/** What stands in the place of a picture that is not there; `note` is the same in the corner. */
function placeholder(status) {
  const title = words(`picture.${status}`);
  if (status === "loading") return { status, title };
  return { status, title, hint: words(`picture.${status}.hint`), note: words(`picture.${status}.note`) };
}

const memory = new Memory();
const editors = new Set();

const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);

/** The format of a file that goes by its hash, as the host tells it; unknown where it does not. */
async function formatOf(file) {
  const answer = await api.fetchApi(viewRoute(file), { method: "HEAD" }).catch(() => null);
  return (answer?.ok && answer.headers.get("Content-Type")) || "unknown";
}

class NodeConnection {
  constructor(node) {
    this.node = node;
    this.drawing = widgetOf(node, "drawing");
    this.frames = widgetOf(node, "frames");
    this.sent = null;
    this.ran = null;
    this.key = null;
    this.graphId = null;
    this.editor = new TrajectoryEditor({
      save: (text) => this.save(text),
      refresh: () => this.read(),
      select: () => this.select(),
      forward: (event) => this.forward(event),
      // The classic renderer cuts out of an editor what the selected node covers, but measures the
      // editor before it has moved it: only the next drawing of the graph gets it right.
      resized: () => app.canvas?.setDirty(true, false),
      // With "queue on change" the graph's undo ignores the focus: it puts the drawing back then.
      undoesAnyway: () => Boolean(app.ui?.autoQueueEnabled && app.ui.autoQueueMode !== "instant"),
    });
    this.editor.element.prepend(styleElement());
    this.hideDrawing();
    this.listen();
    this.read({ fresh: true });
    this.look();
  }

  /** Keeps the graph's id, which is gone when the graph throws its nodes away. */
  noteGraph() {
    this.graphId = this.node.graph?.id?.replace(NO_ID, "") || this.graphId;
  }

  /** The text is serialised and queued like any other; only its box is not shown. */
  hideDrawing() {
    this.drawing.hidden = true;
    this.drawing.options.hidden = true;
    this.drawing.options.getMinHeight = this.drawing.options.getMaxHeight = () => 0;
  }

  listen() {
    const { drawing, frames } = this;
    const chain = (object, name, after) => {
      const before = object[name];
      object[name] = function (...args) {
        const result = before?.apply(this, args);
        after(...args);
        return result;
      };
    };
    chain(drawing, "callback", () => this.saving || this.read());
    chain(frames, "callback", () => this.takeFrames());
    chain(this.node, "onConfigure", () => this.configured());
    chain(this.node, "onConnectionsChange", () => setTimeout(() => this.look()));
    chain(this.node, "onExecuted", (output) => this.executed(output));
    chain(this.node, "onAdded", () => this.added());
    chain(this.node, "onRemoved", () => this.removed());
  }

  // The drawing

  /** What is queued. A subgraph's node holds it where the widget has been handed out to that. */
  get text() {
    const { widget, outer } = heldAt(this.node, "drawing");
    return String((outer ? widget : this.drawing).value ?? "");
  }

  save(text) {
    const { widget, outer } = heldAt(this.node, "drawing");
    this.keep(text);
    if (outer) {
      widget.value = text;
      widget.callback?.(text);
    }
    // Lets the graph's own undo know of the change, as a click elsewhere would.
    app.canvas?.emitBeforeChange?.();
    app.canvas?.emitAfterChange?.();
    this.node.graph?.setDirtyCanvas?.(true, false);
  }

  /** Writes the node's own widget. */
  keep(text) {
    this.saving = true;
    this.drawing.value = text;
    this.saving = false;
  }

  /** Takes over what someone else has written; nobody has to tell of it. Cheap where nothing has. */
  read(options) {
    const { text } = this;
    // What was handed out comes back to the node's own widget when it is taken back.
    if (text !== this.drawing.value) this.keep(text);
    this.editor.setText(text, options);
  }

  /** The widgets have their saved values now: a fresh start, or the return of a known drawing. */
  configured() {
    const { text } = this;
    this.noteGraph();
    const past = memory.take(this.graphId, this.node.id, {
      undoing: Boolean(app.extensionManager?.workflow?.activeWorkflow?.changeTracker?._restoringState),
      fits: ({ history }) => history.jumpTo(text),
    });
    if (past) {
      const { history, tool, view, selected, showRegion, sent, ran, focused } = past;
      Object.assign(this.editor, { history, tool, view, selected, showRegion });
      Object.assign(this, { sent, ran });
      this.editor.show(text);
      this.editor.layout();
      this.editor.update();
      if (focused) setTimeout(() => this.editor.stage.element.focus({ preventScroll: true }), 80);
    } else {
      this.editor.setText(text, { fresh: true });
    }
    this.takeFrames();
    this.node.onResize?.(this.node.size);
    setTimeout(() => {
      // The inside of a subgraph comes before the node that may hold its values.
      if (!past && this.text !== text) this.read({ fresh: true });
      this.look();
    });
  }

  added() {
    editors.add(this);
    // Frontend 1.49 gives a node the values of one with the same id in a graph that was cleared.
    this.keep(this.editor.stored);
    this.editor.attach();
    setTimeout(() => this.look());
  }

  removed() {
    const { history, tool, view, selected, showRegion, focused } = this.editor;
    const { sent, ran } = this;
    this.noteGraph();
    memory.keep(this.graphId, this.node.id, { history, tool, view, selected, showRegion, focused, sent, ran });
    this.editor.detach();
    editors.delete(this);
  }

  /** A link takes the place of the widget; what it brings may be known only when the graph runs. */
  takeFrames() {
    const { value, linked, key } = numberAt(this.node, "frames");
    if (value !== null || !linked) return this.editor.setFrames(value ?? this.frames.value);
    if (this.ran && this.ran.key !== key) {
      this.ran = null;
      this.framesOutdated = true;
    }
    this.ran ??= this.earlierFrames(key);
    if (this.ran) this.editor.setFrames(this.ran.frames, { from: "run" });
    else this.editor.setFrames(this.frames.value, { from: "nowhere" });
  }

  /** The number of a run before this node object existed, as the page remembers it. */
  earlierFrames(key) {
    const frames = this.outputs?.[FRAMES_KEY]?.[0];
    return frames && !this.framesOutdated ? { key, frames } : null;
  }

  /** What the node has shown last, as the page remembers it. */
  get outputs() {
    const { graph, id } = this.node;
    const inside = graph && graph !== graph.rootGraph;
    return app.nodeOutputs?.[inside ? `${graph.id}:${id}` : id];
  }

  // The picture

  /** Looks at the graph around again: place, frames and picture; cheap where nothing changed. */
  look() {
    if (!this.node.graph) return;
    this.noteGraph();
    this.read();
    this.takePlace();
    this.takeFrames();
    const found = pictureAt(this.node, "image");
    if (this.sent && this.sent.key !== found.key) {
      this.outdated = this.sent.file.filename;
      this.sent = null;
    }
    this.sent ??= this.earlierRun(found);
    const sent = found.kind === "computed" ? this.sent?.file : null;
    const shown = sent ?? found.file;
    const before = sent ? null : (found.before ?? null);
    const key = shown ? [viewRoute(shown), before].join(" ") : found.kind;
    if (key === this.key) return;
    this.key = key;
    this.editor.setRegion(null);
    if (shown) this.loadBoth(key, shown, before, shown !== sent);
    else this.editor.setPicture(placeholder(found.kind));
  }

  /** The picture of a run before this node object existed, as the page remembers it. */
  earlierRun(found) {
    const file = this.outputs?.[PICTURE_KEY]?.[0];
    const fits = file && found.kind === "computed" && file.filename !== this.outdated;
    return fits ? { key: found.key, file } : null;
  }

  /**
   * The Vue renderer keeps the page elements of a node that the graph throws away and makes anew
   * under the same id (undo, reload), the dead editor among them. The living one replaces it.
   */
  takePlace() {
    const { element } = this.editor;
    if (element.isConnected || app.canvas?.graph !== this.node.graph) return;
    const shown = document.querySelector(`[data-node-id="${this.node.id}"] .mi2v-editor`);
    if (shown && shown !== element) shown.replaceWith(element);
  }

  /** Shows a file and, where it is `loaded` by a node, the region brushed on it. */
  async loadBoth(key, file, before, loaded) {
    if (!this.editor.picture.image) {
      this.editor.setPicture({ size: this.editor.picture.size, ...placeholder("loading") });
    }
    const known = isHash(file) ? { ...file, format: await formatOf(file) } : file;
    if (this.key !== key) return;
    if (loaded) this.loadRegion(key, known);
    this.load(key, known, before);
  }

  /** Shows a file; `before` names the node that will still change it. */
  load(key, file, before) {
    const image = new Image();
    image.onload = () => {
      if (this.key !== key) return;
      const own = [file.width ?? image.naturalWidth, file.height ?? image.naturalHeight];
      this.editor.setPicture({ status: "ready", image, size: own, before });
    };
    image.onerror = () => {
      if (this.key === key) this.editor.setPicture(placeholder("failed"));
    };
    image.src = api.apiURL(viewRoute(file));
  }

  /** Shows what was brushed on a loaded file in the mask editor. */
  loadRegion(key, file) {
    const route = maskRoute(file);
    if (!route) return;
    const image = new Image();
    image.onload = () => this.key === key && this.editor.setRegion(regionOf(image));
    image.src = api.apiURL(route);
  }

  executed(output) {
    const file = output?.[PICTURE_KEY]?.[0];
    const frames = output?.[FRAMES_KEY]?.[0];
    if (file) this.sent = { key: pictureAt(this.node, "image").key, file };
    if (frames) this.ran = { key: numberAt(this.node, "frames").key, frames };
    this.look();
  }

  // The graph around

  select() {
    const { canvas } = app;
    if (!canvas || this.node.selected || canvas.selected_nodes?.[this.node.id]) return;
    canvas.selectNode?.(this.node);
    canvas.bringToFront?.(this.node);
  }

  /** Gives the graph an event that the editor leaves to it: zooming and panning the canvas. */
  forward(event) {
    // The Vue renderer gets it by bubbling; in the classic one the editor is not inside the canvas.
    if (this.editor.element.closest("[data-node-id]")) return;
    const { canvas } = app;
    if (event.type === "wheel") {
      event.preventDefault();
      canvas.processMouseWheel(event);
    } else if (event.type === "pointerdown") canvas.processMouseDown(event);
    else if (event.type === "pointermove") canvas.processMouseMove(event);
    else if (event.type === "pointerup") canvas.processMouseUp(event);
  }
}

/** The page's properties panel gives the widgets of a node its own width; ours keeps the node's. */
function keepNodesWidth(widget) {
  Object.defineProperty(widget, "width", { get: () => undefined, set: () => {}, configurable: true });
}

/** Keeps a node at least as large as its editor needs, whoever sets its size. */
function keepLarge(node) {
  const { computeSize, onResize } = node;
  node.computeSize = function (...args) {
    const size = computeSize.apply(this, args);
    size[0] = Math.max(size[0], LEAST_WIDTH);
    return size;
  };
  node.onResize = function (size) {
    const least = this.computeSize();
    if (size[0] < least[0] || size[1] < least[1]) {
      return this.setSize([Math.max(size[0], least[0]), Math.max(size[1], least[1])]);
    }
    onResize?.call(this, size);
    this.graph?.setDirtyCanvas(true, true);
  };
}

/** Without its style sheet the editor is bare, but the page goes on. */
const sheet = fetch(new URL("./trajectory_editor.css", import.meta.url))
  .then((answer) => (answer.ok ? answer.text() : ""))
  .catch(() => "");

/** The style sheet lies inside each editor: the rest of the page is not this pack's to change. */
function styleElement() {
  const style = el("style");
  sheet.then((text) => (style.textContent = text));
  return style;
}

register({
  name: "motioni2v.TrajectoryEditor",

  async setup() {
    const lookAll = () => editors.forEach((connection) => connection.look());
    api.addEventListener("graphChanged", lookAll);
    // What a script or another extension changes tells nobody.
    setInterval(() => document.hidden || lookAll(), LOOK_EVERY);
    app.canvas?.canvas?.addEventListener("subgraph-opened", ({ detail }) => {
      rememberHolder(detail.subgraph, detail.fromNode);
      lookAll();
    });
    await sheet;
  },

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    speak(app.extensionManager?.setting?.get("Comfy.Locale"));
    const connection = new NodeConnection(node);
    const widget = node.addDOMWidget("editor", "motion_i2v_trajectories", connection.editor.element, {
      serialize: false,
      hideOnZoom: false,
      getValue: () => "",
      setValue: () => {},
      getMinHeight: () => LEAST_HEIGHT,
      // Sharpness and the size of handles follow the graph's zoom.
      onDraw: () => connection.editor.follow(),
    });
    widget.serialize = false;
    keepNodesWidth(widget);
    keepLarge(node);
    node.setSize(FIRST_SIZE.map((least, i) => Math.max(least, node.size[i])));
  },
});
