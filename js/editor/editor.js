// The editor: its state, the actions on it, and the parts that show it. It knows nothing of
// ComfyUI; js/trajectory_editor.js connects it to a node.

import {
  checkDocument,
  COLORS,
  DocumentError,
  emptyDocument,
  findPath,
  finishedPart,
  formatDocument,
  isUnfinished,
  parseDocument,
  withPins,
} from "./document.js";
import { el } from "./dom.js";
import * as edits from "./edits.js";
import { Gestures } from "./gestures.js";
import { Help } from "./help.js";
import { History } from "./history.js";
import { Inspector } from "./inspector.js";
import { keepUndoHere, Keyboard } from "./keyboard.js";
import { Overlays } from "./overlays.js";
import { Playback } from "./playback.js";
import { Stage } from "./stage.js";
import { words } from "./texts.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";
import { View } from "./view.js";

const UNKNOWN_SIZE = [512, 320];
const PERCENT_STEPS = 101;

export class TrajectoryEditor {
  /**
   * `host` connects the editor with its node: `save(text)` stores the drawing, `refresh()` hands
   * over a text that someone else has stored, `select()` marks the node as selected, `forward(event)` hands the graph an event that the editor does not want,
   * `resized()` is called when it has found its place and size, and `undoesAnyway()` says that the
   * graph undoes at Ctrl+Z whatever has the focus.
   */
  constructor(host) {
    this.host = host;
    this.document = emptyDocument();
    this.text = this.stored = formatDocument(this.document);
    this.history = new History(this.text);
    this.problem = null;
    this.tool = "draw";
    this.selected = null;
    this.point = null;
    this.pending = null;
    this.base = null;
    this.hover = null;
    this.insertAt = null;
    this.rubber = null;
    this.stroke = null;
    this.strokeColor = COLORS[0];
    this.frames = 16;
    this.framesFrom = "widget";
    this.picture = { status: "none", image: null, size: UNKNOWN_SIZE, hint: "" };
    this.region = null;
    this.showRegion = true;
    this.view = new View();
    this.playback = new Playback(() => this.invalidate(), () => this.visible);
    this.build();
    this.update();
  }

  build() {
    this.stage = new Stage();
    this.toolbar = new Toolbar(this);
    this.timeline = new Timeline(this);
    this.inspector = new Inspector(this);
    this.overlays = new Overlays(this);
    this.help = new Help();
    this.stage.element.append(this.overlays.element, this.help.element);
    this.element = el(
      "div",
      // The Vue renderer lets a row grow with the node where it holds this class.
      { class: "mi2v-editor widget-expands", role: "group", "aria-label": words("editor.name") },
      this.toolbar.element,
      this.stage.element,
      this.timeline.element,
      this.inspector.element,
      this.overlays.live,
    );
    this.gestures = new Gestures(this);
    this.keyboard = new Keyboard(this);
    keepUndoHere(this.element);
    // Before anything is changed, so that what was stored meanwhile is a step of the history, too.
    for (const type of ["pointerdown", "pointerup", "keydown", "click", "input", "change"]) {
      this.element.addEventListener(type, () => this.host.refresh(), true);
    }
    this.observer = new ResizeObserver(() => {
      this.layout();
      this.host.resized();
    });
  }

  /** Starts to listen to the window; may be called again after `detach`. */
  attach() {
    this.observer.observe(this.stage.element);
    this.keyboard.attach();
    this.gestures.attach();
  }

  /** Stops everything that would keep a removed editor alive. */
  detach() {
    this.playback.pause();
    this.observer.disconnect();
    this.keyboard.detach();
    this.gestures.detach();
  }

  // What is shown

  get visible() {
    return this.element.isConnected && this.stage.element.clientWidth > 0;
  }

  get focused() {
    return this.element.contains(document.activeElement);
  }

  get path() {
    return this.selected ? findPath(this.document, this.selected) : null;
  }

  /** Clip time of the animation, 0..1. */
  get time() {
    return Math.min(1, this.playback.time);
  }

  get showTravellers() {
    return this.playback.running || this.playback.time > 0;
  }

  get tint() {
    return this.showRegion ? this.region : null;
  }

  get image() {
    return this.picture.image;
  }

  layout() {
    const [width, height] = this.stage.size;
    if (!width || !height) return;
    this.view.resize([width, height], this.picture.size);
    this.invalidate();
  }

  /** Repaints where the graph's zoom asks for another sharpness. */
  follow() {
    if (this.stage.density !== this.density) this.invalidate();
    this.density = this.stage.density;
  }

  /** Asks for a repaint of the stage and the timeline, at the screen's next frame. */
  invalidate() {
    this.request ??= requestAnimationFrame(() => {
      this.request = null;
      this.stage.paint(this, this.view);
      this.timeline.tick();
    });
  }

  /** Shows a changed state everywhere. */
  update() {
    if (this.selected && !this.path) this.selected = null;
    if (!this.selected || this.point >= this.path.points.length) this.point = null;
    if (this.pending && !findPath(this.document, this.pending)) this.pending = null;
    this.playback.frames = this.frames;
    this.toolbar.update();
    this.timeline.update();
    this.inspector.update();
    this.overlays.update();
    this.invalidate();
  }

  say(message) {
    this.overlays.say(message);
  }

  // What comes from outside

  /**
   * The node's text changed: loaded, pasted, written by a program, or put back by the graph's own
   * undo. What is being dragged just then ends as a step of its own, and a stroke goes on.
   */
  setText(text, { fresh = false } = {}) {
    if (text === this.stored && !fresh) return;
    if (this.base && !fresh) this.history.record(formatDocument(this.document));
    if (this.base) this.gestures.drop();
    this.base = this.rubber = this.pending = null;
    this.show(text);
    if (fresh) this.history = new History(this.text);
    else this.history.record(this.text);
    this.update();
  }

  /** Takes over a text that the node holds. */
  show(text) {
    this.text = this.stored = text;
    this.read(text);
    const document = withPins(this.document);
    if (document === this.document) return;
    this.document = document;
    this.text = formatDocument(document);
  }

  /** Gives the node the drawing, without a path that is not finished. */
  store() {
    const finished = finishedPart(this.document);
    const text = finished === this.document ? this.text : formatDocument(finished);
    if (text === this.stored) return;
    this.stored = text;
    this.host.save(text);
  }

  read(text) {
    try {
      this.document = parseDocument(text);
      this.problem = null;
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      this.document = emptyDocument();
      this.problem = error.message;
    }
  }

  /**
   * The frames of the clip and where the number is `from`: the "widget" or what stands for it, the
   * last "run", or "nowhere", where a link brings it and `frames` only stands in for the pace.
   */
  setFrames(frames, { from = "widget" } = {}) {
    if (!(frames >= 1) || (frames === this.frames && from === this.framesFrom)) return;
    this.frames = Math.round(frames);
    this.framesFrom = from;
    this.update();
  }

  get framesKnown() {
    return this.framesFrom !== "nowhere";
  }

  /** Into how many moments the clip is cut: frames, or percent of a clip of unknown length. */
  get steps() {
    return this.framesKnown ? this.frames : PERCENT_STEPS;
  }

  /** The number that is shown for the first moment: frames count from 1, percent from 0. */
  get firstStep() {
    return this.framesKnown ? 1 : 0;
  }

  setPicture(picture) {
    this.picture = { image: null, size: UNKNOWN_SIZE, hint: "", ...picture };
    this.layout();
    this.update();
  }

  /** A tint of the picture's brushed region, or null where there is none. */
  setRegion(region) {
    if (region === this.region) return;
    this.region = region;
    this.update();
  }

  // Changes, each a step of the history

  change(edit, group = null) {
    if (this.problem) return;
    const draft = structuredClone(this.document);
    const result = edit(draft);
    this.commit(draft, group);
    return result;
  }

  commit(draft, group = null) {
    this.base = null;
    this.document = draft;
    const text = formatDocument(draft);
    if (text !== this.text) {
      this.text = text;
      this.history.record(text, group);
      this.store();
    }
    this.update();
  }

  /** While something is dragged: every move starts from the state before the drag. */
  preview(edit) {
    this.base ??= this.document;
    this.document = structuredClone(this.base);
    edit(this.document);
    this.inspector.update();
    this.timeline.update();
    this.invalidate();
  }

  endPreview(keep = true) {
    if (!this.base) return;
    if (keep) return this.commit(this.document);
    this.document = this.base;
    this.base = null;
    this.update();
  }

  undo() {
    this.goTo(this.history.undo(), "said.undone");
  }

  redo() {
    this.goTo(this.history.redo(), "said.redone");
  }

  goTo(state, word) {
    if (state === null) return;
    this.text = state;
    this.base = this.stroke = this.rubber = null;
    this.read(state);
    this.store();
    const unfinished = this.document.paths.find(isUnfinished);
    if (unfinished) Object.assign(this, { pending: unfinished.id, tool: "points" });
    this.update();
    this.say(words(word));
  }

  // Actions

  setTool(tool) {
    this.finishPath();
    this.tool = tool;
    this.hover = this.insertAt = null;
    this.overlays.remind();
    this.update();
  }

  select(id, point = null) {
    this.selected = id;
    this.point = point;
    this.history.settle();
    this.update();
    const path = this.path;
    if (!path) return;
    if (point !== null) this.say(words("said.point", { number: point + 1 }));
    else if (path.kind === "pin") this.say(words("said.pin"));
    else this.say(words("said.path", { count: path.points.length }));
  }

  /** Ends the path that is being clicked together; a lone point is no path. */
  finishPath() {
    if (!this.pending) return;
    const path = findPath(this.document, this.pending);
    this.pending = this.rubber = null;
    if (path && path.points.length < 2) this.change((draft) => edits.removePath(draft, path.id));
    else if (path) this.showOnce();
    this.update();
  }

  /** Shows a new path's motion once, unless the user asked for less motion. */
  showOnce() {
    if (this.playback.running || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.playback.play({ once: true });
  }

  togglePlay() {
    if (this.playback.running && !this.playback.once) this.playback.pause();
    else this.playback.play();
    this.update();
  }

  seek(time) {
    if (this.playback.running) this.playback.pause();
    this.playback.seek(time);
  }

  addPin(at) {
    const pin = this.change((draft) => edits.addPin(draft, at));
    if (pin) this.select(pin.id);
    return pin;
  }

  addPath(points, options) {
    const path = this.change((draft) => edits.addPath(draft, points, options));
    if (path) this.select(path.id);
    return path;
  }

  removeSelection() {
    const { path, point } = this;
    if (!path) return;
    if (point !== null && path.points.length > 2) {
      this.change((draft) => edits.removePoint(draft, path.id, point));
      this.select(path.id, Math.min(point, path.points.length - 2));
    } else {
      this.change((draft) => edits.removePath(draft, path.id));
    }
    this.say(words("said.removed"));
  }

  removePath() {
    if (this.path) this.change((draft) => edits.removePath(draft, this.selected));
  }

  duplicate() {
    if (!this.path) return;
    const copy = this.change((draft) => edits.duplicatePath(draft, this.selected));
    this.select(copy.id);
  }

  nudge(dx, dy) {
    if (!this.path) return;
    const { selected, point } = this;
    const [width, height] = this.view.size;
    this.change((draft) => {
      if (point === null) return edits.movePath(draft, selected, dx / width, dy / height);
      const { x, y } = findPath(draft, selected).points[point];
      edits.movePoint(draft, selected, point, { x: x + dx / width, y: y + dy / height });
    }, `nudge ${selected} ${point}`);
  }

  /** Sets properties of the selected path. */
  setPath(properties, group = null) {
    const { selected } = this;
    this.change((draft) => Object.assign(findPath(draft, selected), properties), group);
  }

  clear() {
    this.pending = this.rubber = null;
    if (this.problem) {
      this.problem = null;
      this.document = emptyDocument();
      return this.commit(emptyDocument());
    }
    if (!this.document.paths.length) return;
    this.change((draft) => (draft.paths = []));
    this.say(words("said.cleared"));
  }

  fit() {
    this.view.fit();
    this.update();
  }

  toggleRegion() {
    this.showRegion = !this.showRegion;
    this.update();
  }

  zoom(factor) {
    const [width, height] = this.stage.size;
    this.zoomAt({ x: width / 2, y: height / 2 }, factor);
  }

  zoomAt(place, factor) {
    this.view.zoomAt(place, factor);
    this.overlays.update();
    this.invalidate();
  }

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.overlays.update();
    this.invalidate();
  }

  // The clipboard

  /** The selected path as a text that can be pasted into this or another editor, or null. */
  copied() {
    return this.path ? formatDocument({ ...emptyDocument(), paths: [this.path] }) : null;
  }

  /** Adds the paths of a copied text; false where the text is something else. */
  paste(text) {
    let pasted;
    try {
      pasted = checkDocument(JSON.parse(text));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof DocumentError) return false;
      throw error;
    }
    const ids = this.change((draft) => pasted.paths.map((path) => edits.pastePath(draft, path).id));
    if (ids?.length) this.select(ids.at(-1));
    return true;
  }
}
