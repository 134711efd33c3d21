// What the mouse, a finger or a pen does on the stage.

import { findPath, freshColor } from "./document.js";
import * as edits from "./edits.js";
import { hitTest } from "./hit.js";
import { curveOf } from "./path.js";
import { strokePoints } from "./stroke.js";

const REACH = { mouse: 9, pen: 13, touch: 22 };
const SLACK = { mouse: 3, pen: 5, touch: 8 };
const CURSORS = { point: "grab", curve: "move" };

const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

export class Gestures {
  constructor(editor) {
    this.editor = editor;
    this.fingers = new Map();
    this.gesture = null;
    const { element } = editor.stage;
    const listen = (type, handler, options) => element.addEventListener(type, handler, options);
    listen("pointerdown", (event) => this.down(event));
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", (event) => this.up(event));
    listen("pointercancel", (event) => this.up(event, true));
    listen("pointerleave", () => this.leave());
    listen("dblclick", (event) => this.doubleClick(event));
    listen("contextmenu", (event) => this.contextMenu(event));
    listen("wheel", (event) => this.wheel(event), { passive: false });
    // ComfyUI pinches the graph from an ancestor's capturing listener: only the window comes first.
    // Its count of fingers needs touchstart and touchend, so these go on.
    this.keepTouch = (event) => editor.element.contains(event.target) && event.stopPropagation();
    // The Vue renderer asks for this mark before it takes the wheel for the graph.
    editor.element.addEventListener("focusin", () => (editor.element.dataset.captureWheel = "true"));
    editor.element.addEventListener("focusout", () => delete editor.element.dataset.captureWheel);
    editor.element.addEventListener("pointerdown", (event) => this.keep(event));
    editor.element.addEventListener("mousedown", (event) => this.keepFocus(event));
  }

  attach() {
    window.addEventListener("touchmove", this.keepTouch, true);
  }

  detach() {
    window.removeEventListener("touchmove", this.keepTouch, true);
  }

  keep(event) {
    if (event.button === 1 && !this.editor.focused) return;
    event.stopPropagation();
    this.editor.host.select();
  }

  /** A click on a button leaves the focus on the stage, where the keys work. */
  keepFocus(event) {
    if (event.target.closest("input, select, .mi2v-stage")) return;
    event.preventDefault();
    this.editor.stage.element.focus({ preventScroll: true });
  }

  reach(event) {
    return (REACH[event.pointerType] ?? REACH.mouse) * this.editor.stage.unit;
  }

  hit(event, at = this.editor.stage.locate(event)) {
    const { editor } = this;
    return hitTest(editor.document, editor.selected, editor.view, at, this.reach(event));
  }

  // Pressing

  down(event) {
    const { editor } = this;
    if (event.button === 1 && !editor.focused) return editor.host.forward(event);
    if (event.target.closest("button, a")) return;
    editor.stage.element.focus({ preventScroll: true });
    const at = editor.stage.locate(event);
    this.fingers.set(event.pointerId, at);
    editor.stage.element.setPointerCapture(event.pointerId);
    if (this.fingers.size === 2 && event.pointerType === "touch") return this.startPinch();
    if (this.fingers.size > 1 || this.gesture) return;
    if (event.button === 1 || (event.button === 0 && editor.keyboard.space)) {
      editor.keyboard.spaceUsed = true;
      return this.start(event, at, this.panning());
    }
    if (event.button === 0 && !editor.problem) this.start(event, at, this.forTool(event, at));
  }

  start(event, at, handlers) {
    if (!handlers) return;
    this.gesture = { ...handlers, id: event.pointerId, from: at, last: at, moved: false };
    this.showCursor(null);
  }

  forTool(event, at) {
    const { editor } = this;
    const tool = event.ctrlKey || event.metaKey ? "select" : editor.tool;
    if (tool === "draw") return this.drawing(event, at);
    if (tool === "points") return this.placing(event, at);
    if (tool === "pin") return this.pinning(event, at);
    return this.selecting(event, at);
  }

  selecting(event, at) {
    const { editor } = this;
    const hit = this.hit(event, at);
    if (!hit) {
      return { ...this.panning(), done: (moved) => moved || editor.select(null) };
    }
    if (hit.kind === "point") {
      const pin = findPath(editor.document, hit.path).points.length === 1;
      editor.select(hit.path, pin ? null : hit.index);
      return this.movingPoint(hit.path, hit.index, at);
    }
    if (event.altKey) return this.inserting(hit, at);
    editor.select(hit.path);
    return this.movingPath(hit.path, at);
  }

  inserting(hit, at) {
    const { editor } = this;
    const index = editor.change((draft) => edits.insertPoint(draft, hit.path, hit.segment, hit.tau, editor.view.size));
    editor.select(hit.path, index);
    return this.movingPoint(hit.path, index, at);
  }

  movingPoint(id, index, from) {
    const { editor } = this;
    const origin = editor.view.toStage(findPath(editor.document, id).points[index]);
    const grip = { x: origin.x - from.x, y: origin.y - from.y };
    return {
      move: (at, event) => {
        const target = { x: at.x + grip.x, y: at.y + grip.y };
        if (event.shiftKey) {
          if (Math.abs(target.x - origin.x) > Math.abs(target.y - origin.y)) target.y = origin.y;
          else target.x = origin.x;
        }
        editor.preview((draft) => edits.movePoint(draft, id, index, editor.view.toPicture(target)));
      },
      done: () => editor.endPreview(),
      undo: () => editor.endPreview(false),
    };
  }

  movingPath(id, from) {
    const { editor } = this;
    return {
      move: (at) => {
        const [a, b] = [editor.view.toPicture(from), editor.view.toPicture(at)];
        editor.preview((draft) => edits.movePath(draft, id, b.x - a.x, b.y - a.y));
      },
      done: () => editor.endPreview(),
      undo: () => editor.endPreview(false),
    };
  }

  panning() {
    const { editor } = this;
    return { still: true, move: (at, event, last) => editor.pan(at.x - last.x, at.y - last.y) };
  }

  drawing(event, at) {
    const { editor } = this;
    const samples = [{ ...at, time: event.timeStamp }];
    editor.strokeColor = freshColor(editor.document);
    const show = (points) => {
      editor.stroke = points;
      editor.overlays.update();
      editor.invalidate();
    };
    return {
      move: (_, moved) => {
        for (const part of moved.getCoalescedEvents?.() ?? [moved]) {
          samples.push({ ...editor.stage.locate(part), time: part.timeStamp });
        }
        show(moved.shiftKey ? [samples[0], samples.at(-1)] : samples);
      },
      done: (moved, up) => {
        show(null);
        if (!moved) return this.pick(event, at);
        const straight = up.shiftKey ? [samples[0], samples.at(-1)] : samples;
        const points = strokePoints(straight, (point) => editor.view.toPicture(point));
        if (up.shiftKey) points.forEach((point) => delete point.t);
        editor.addPath(points);
        editor.showOnce();
      },
      undo: () => show(null),
    };
  }

  /** A click without a stroke: selects what is there. */
  pick(event, at) {
    const hit = this.hit(event, at);
    this.editor.select(hit?.path ?? null);
  }

  placing(event, at) {
    const { editor } = this;
    const place = editor.view.toPicture(at);
    const pending = editor.pending && findPath(editor.document, editor.pending);
    if (pending && distance(editor.view.toStage(pending.points.at(-1)), at) < this.reach(event)) {
      editor.finishPath();
      return { still: true };
    }
    if (pending) {
      editor.change((draft) => edits.appendPoint(draft, pending.id, place, editor.view.size));
    } else {
      const end = this.openEnd(event, at);
      if (end) {
        editor.pending = end;
        editor.select(end);
        return { still: true };
      }
      editor.pending = editor.change((draft) => edits.addPath(draft, [place])).id;
    }
    const path = findPath(editor.document, editor.pending);
    editor.rubber = null;
    editor.select(path.id, path.points.length - 1);
    return this.movingPoint(path.id, path.points.length - 1, at);
  }

  /** The path whose last point is under the pointer: clicking there goes on with it. */
  openEnd(event, at) {
    const hit = this.hit(event, at);
    if (hit?.kind !== "point") return null;
    const path = findPath(this.editor.document, hit.path);
    return path.kind === "path" && hit.index === path.points.length - 1 ? path.id : null;
  }

  pinning(event, at) {
    const { editor } = this;
    const hit = this.hit(event, at);
    const pinned = hit && findPath(editor.document, hit.path).kind === "pin";
    if (pinned) editor.select(hit.path);
    const id = pinned ? hit.path : editor.addPin(editor.view.toPicture(at)).id;
    return this.movingPoint(id, 0, at);
  }

  // Moving and letting go

  move(event) {
    const at = this.editor.stage.locate(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, at);
    if (this.pinch) return this.movePinch();
    const { gesture } = this;
    if (!gesture) return event.buttons & 4 ? this.editor.host.forward(event) : this.showHover(event, at);
    if (event.pointerId !== gesture.id) return;
    event.stopPropagation();
    const slack = (SLACK[event.pointerType] ?? SLACK.mouse) * this.editor.stage.unit;
    if (!gesture.moved && distance(at, gesture.from) < slack) return;
    gesture.moved = true;
    gesture.move?.(at, event, gesture.last);
    gesture.last = at;
  }

  up(event, cancelled = false) {
    this.fingers.delete(event.pointerId);
    if (event.button === 1 && !this.gesture) this.editor.host.forward(event);
    if (this.pinch) {
      if (this.fingers.size < 2) this.pinch = null;
      return;
    }
    const { gesture } = this;
    if (!gesture || event.pointerId !== gesture.id) return;
    event.stopPropagation();
    this.gesture = null;
    if (cancelled) gesture.undo?.();
    else gesture.done?.(gesture.moved, event);
    this.showHover(event, this.editor.stage.locate(event));
  }

  /** Takes back what is being dragged; false where nothing is. */
  cancel() {
    const { gesture } = this;
    if (!gesture) return false;
    this.gesture = null;
    gesture.undo?.();
    return true;
  }

  /** Forgets what is being dragged; what it has changed stays. */
  drop() {
    this.gesture = null;
  }

  startPinch() {
    this.cancel();
    this.pinch = this.measure();
  }

  measure() {
    const [a, b] = [...this.fingers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.max(1, distance(a, b)) };
  }

  movePinch() {
    const now = this.measure();
    this.editor.zoomAt(this.pinch, now.spread / this.pinch.spread);
    this.editor.pan(now.x - this.pinch.x, now.y - this.pinch.y);
    this.pinch = now;
  }

  // Hovering

  showHover(event, at) {
    const { editor } = this;
    if (event.pointerType === "touch") return;
    const control = event.ctrlKey || event.metaKey;
    const hit = this.hit(event, at);
    const grabs = editor.tool === "select" || control || (editor.tool === "pin" && this.isPin(hit));
    editor.hover = grabs ? hit : null;
    editor.insertAt = null;
    if (grabs && hit?.kind === "curve" && event.altKey) {
      editor.insertAt = curveOf(findPath(editor.document, hit.path), editor.view.size)(hit.tau);
    }
    const pending = editor.pending && findPath(editor.document, editor.pending);
    editor.rubber = pending
      ? { from: editor.view.toStage(pending.points.at(-1)), to: at, color: pending.color }
      : null;
    this.showCursor(grabs ? (hit?.kind ?? "none") : "tool", event.altKey);
    editor.overlays.update();
    editor.invalidate();
  }

  isPin(hit) {
    return hit && findPath(this.editor.document, hit.path).kind === "pin";
  }

  showCursor(kind, inserting = false) {
    const { style } = this.editor.stage.element;
    if (kind === null) style.cursor = this.editor.tool === "select" ? "grabbing" : "crosshair";
    else if (kind === "tool") style.cursor = "crosshair";
    else style.cursor = inserting && kind === "curve" ? "copy" : (CURSORS[kind] ?? "default");
  }

  leave() {
    if (this.gesture) return;
    Object.assign(this.editor, { hover: null, insertAt: null, rubber: null });
    this.editor.overlays.update();
    this.editor.invalidate();
  }

  // Further buttons and the wheel

  doubleClick(event) {
    const { editor } = this;
    event.stopPropagation();
    if (editor.tool !== "select" || event.target.closest("button")) return;
    const at = editor.stage.locate(event);
    const hit = this.hit(event, at);
    if (hit?.kind !== "curve") return;
    const index = editor.change((draft) =>
      edits.insertPoint(draft, hit.path, hit.segment, hit.tau, editor.view.size),
    );
    editor.select(hit.path, index);
  }

  /** The right button removes the point under it; elsewhere it opens the node's menu. */
  contextMenu(event) {
    const hit = this.hit(event);
    if (hit?.kind !== "point") return;
    event.preventDefault();
    event.stopPropagation();
    this.editor.select(hit.path, hit.index);
    this.editor.removeSelection();
  }

  /** The wheel belongs to the graph until the editor has been clicked. */
  wheel(event) {
    const { editor } = this;
    if (!editor.focused) return editor.host.forward(event);
    event.preventDefault();
    event.stopPropagation();
    const trackpad = !event.ctrlKey && (event.deltaX !== 0 || Math.abs(event.deltaY) < 30);
    if (trackpad) return editor.pan(-event.deltaX, -event.deltaY);
    const lines = event.deltaMode === 1 ? 30 : 1;
    const amount = Math.min(300, Math.max(-300, event.deltaY * lines));
    editor.zoomAt(editor.stage.locate(event), Math.exp(-amount * (event.ctrlKey ? 0.01 : 0.002)));
  }
}
