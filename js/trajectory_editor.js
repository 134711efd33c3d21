// Connects the Trajectory Editor with its node. All of its state is the node's `drawing` widget.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { TrajectoryEditor } from "./editor/editor.js";
import { regionOf } from "./editor/region.js";
import { maskRoute, numberAt, pictureAt, viewRoute } from "./editor/upstream.js";

const NODE = "MotionI2VTrajectoryEditor";
/** Under this key the node sends its picture; nodes/trajectory_editor.py knows it too. */
const UI_KEY = "motion_i2v_picture";
/** A graph that is being cleared has this id. */
const NO_ID = "00000000-0000-0000-0000-000000000000";
const LOOK_EVERY = 600;
const FIRST_SIZE = [560, 740];
const LEAST_HEIGHT = 420;
/** The editor's buttons wrap down to this width of the node. */
const LEAST_WIDTH = 340;

const HINTS = {
  none: {
    title: "No picture yet",
    hint: "Connect a Load Image node to “image”. You can draw already: paths adapt to any size.",
    note: "Connect a picture to “image”",
  },
  computed: {
    title: "Not computed yet",
    hint: "Queue the workflow once and the picture appears here. You can draw already.",
    note: "Queue the workflow once to see the picture",
  },
  loading: { title: "Loading the picture …", hint: "" },
  failed: {
    title: "The picture cannot be shown",
    hint: "Its file is not in ComfyUI's input folder.",
    note: "The picture cannot be shown: its file is not in ComfyUI's input folder",
  },
};

/**
 * What outlives a node: the graph's own undo throws all nodes away and makes them anew, and the
 * editor's history, tool and view should not go with them. By graph and node id.
 */
const remembered = new Map();
const REMEMBERED = 64;
const editors = new Set();

const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);

class NodeConnection {
  constructor(node) {
    this.node = node;
    this.drawing = widgetOf(node, "drawing");
    this.frames = widgetOf(node, "frames");
    this.sent = null;
    this.key = null;
    this.editor = new TrajectoryEditor({
      save: (text) => this.save(text),
      select: () => this.select(),
      forward: (event) => this.forward(event),
      // The classic renderer cuts out of an editor what the selected node covers, but measures the
      // editor before it has moved it: only the next drawing of the graph gets it right.
      resized: () => app.canvas?.setDirty(true, false),
      // With "queue on change" the graph's undo ignores the focus: it puts the drawing back then.
      undoesAnyway: () => Boolean(app.ui?.autoQueueEnabled && app.ui.autoQueueMode !== "instant"),
    });
    this.hideDrawing();
    this.listen();
    this.editor.setText(this.drawing.value, { fresh: true });
    this.look();
  }

  /** The graph's id is gone when it throws its nodes away, so the last one seen counts. */
  get memory() {
    this.graphId = this.node.graph?.id?.replace(NO_ID, "") || this.graphId;
    return `${this.graphId}:${this.node.id}`;
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

  save(text) {
    this.saving = true;
    this.drawing.value = text;
    this.saving = false;
    // Lets the graph's own undo know of the change, as a click elsewhere would.
    app.canvas?.emitBeforeChange?.();
    app.canvas?.emitAfterChange?.();
    this.node.graph?.setDirtyCanvas?.(true, false);
  }

  read() {
    this.editor.setText(String(this.drawing.value ?? ""));
  }

  /** The widgets have their saved values now: a fresh start, or the return of a known drawing. */
  configured() {
    const text = String(this.drawing.value ?? "");
    const past = remembered.get(this.memory);
    if (past?.history.jumpTo(text)) {
      remembered.delete(this.memory);
      const { history, tool, view, selected, showRegion, sent, focused } = past;
      Object.assign(this.editor, { history, tool, view, selected, showRegion });
      this.sent = sent;
      this.editor.show(text);
      this.editor.layout();
      this.editor.update();
      if (focused) setTimeout(() => this.editor.stage.element.focus({ preventScroll: true }), 80);
    } else {
      this.editor.setText(text, { fresh: true });
    }
    this.takeFrames();
    this.node.onResize?.(this.node.size);
    setTimeout(() => this.look());
  }

  added() {
    editors.add(this);
    this.editor.attach();
    setTimeout(() => this.look());
  }

  removed() {
    const { history, tool, view, selected, showRegion, focused } = this.editor;
    remembered.delete(this.memory);
    remembered.set(this.memory, { history, tool, view, selected, showRegion, focused, sent: this.sent });
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value);
    this.editor.detach();
    editors.delete(this);
  }

  /** A link takes the place of the widget; what it brings may be known only when the graph runs. */
  takeFrames() {
    const { value, linked } = numberAt(this.node, "frames");
    this.editor.setFrames(value ?? this.frames.value, { unknown: Boolean(linked) && value === null });
  }

  // The picture

  /** Looks at the graph around again: place, frames and picture; cheap where nothing changed. */
  look() {
    if (!this.node.graph || !this.memory) return;
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
    if (shown && shown !== sent) this.loadRegion(key, shown);
    if (shown) this.load(key, shown, before);
    else this.editor.setPicture({ status: found.kind, ...HINTS[found.kind] });
  }

  /** The picture of a run before this node object existed, as the page remembers it. */
  earlierRun(found) {
    const file = app.nodeOutputs?.[this.node.id]?.[UI_KEY]?.[0];
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

  /** Shows a file; `before` names the node that will still change it. */
  load(key, file, before) {
    const image = new Image();
    const { size } = this.editor.picture;
    if (!this.editor.picture.image) this.editor.setPicture({ status: "loading", size, ...HINTS.loading });
    image.onload = () => {
      if (this.key !== key) return;
      const own = [file.width ?? image.naturalWidth, file.height ?? image.naturalHeight];
      this.editor.setPicture({ status: "ready", image, size: own, before });
    };
    image.onerror = () => {
      if (this.key === key) this.editor.setPicture({ status: "failed", ...HINTS.failed });
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
    const file = output?.[UI_KEY]?.[0];
    if (!file) return;
    this.sent = { key: pictureAt(this.node, "image").key, file };
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

function addStyles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("./trajectory_editor.css", import.meta.url).href;
  document.head.append(link);
}

const EXTENSION = {
  name: "MotionI2V.TrajectoryEditor",

  setup() {
    addStyles();
    const lookAll = () => editors.forEach((connection) => connection.look());
    api.addEventListener("graphChanged", lookAll);
    // A combo that a script or another extension changes tells nobody.
    setInterval(() => document.hidden || lookAll(), LOOK_EVERY);
  },

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
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
    keepLarge(node);
    node.setSize(FIRST_SIZE.map((least, i) => Math.max(least, node.size[i])));
  },
};

// A second copy of the pack, in a folder of another name, brings this file too.
if (!app.extensions.some(({ name }) => name === EXTENSION.name)) app.registerExtension(EXTENSION);
