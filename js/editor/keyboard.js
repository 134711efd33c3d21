// Keys and the clipboard, for as long as the focus is inside the editor.

import { words } from "./texts.js";

const TOOLS = { v: "select", d: "draw", p: "points", n: "pin" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Keeps Ctrl+Z inside the editor.
 *
 * ComfyUI undoes the graph from a listener on the window that no one can precede. It leaves those
 * elements alone that say they are text areas or editable (newer pages ask for the latter), since
 * these have an undo of their own. So has this.
 */
export function keepUndoHere(root) {
  for (const element of root.querySelectorAll("button, select, input, [tabindex]")) undoesItself(element);
}

/** The same for a single element. */
export function undoesItself(element) {
  Object.defineProperty(element, "type", { value: "textarea", configurable: true });
  Object.defineProperty(element, "isContentEditable", { value: true, configurable: true });
}

const isField = (target) => target.matches?.("input, select");
const isButton = (target) => target.matches?.("button, [role=slider]");

export class Keyboard {
  constructor(editor) {
    this.editor = editor;
    this.space = false;
    this.spaceUsed = false;
    editor.element.addEventListener("keydown", (event) => this.down(event));
    editor.element.addEventListener("keyup", (event) => this.up(event));
    editor.element.addEventListener("focusout", () => this.release());
    this.clipboard = (event) => this.onClipboard(event);
  }

  attach() {
    for (const kind of ["copy", "cut", "paste"]) window.addEventListener(kind, this.clipboard, true);
  }

  detach() {
    for (const kind of ["copy", "cut", "paste"]) window.removeEventListener(kind, this.clipboard, true);
  }

  release() {
    this.space = false;
    this.editor.stage.element.classList.remove("mi2v-panning");
  }

  down(event) {
    const handled = event.ctrlKey || event.metaKey ? this.withControl(event) : this.plain(event);
    if (handled) event.preventDefault();
    // Single keys are shortcuts of the graph (r, w, q, Delete ...): they stay in here. Those with
    // Ctrl that mean nothing here go on (save, queue).
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (handled || !modified) event.stopPropagation();
  }

  withControl(event) {
    const { editor } = this;
    const key = event.key.toLowerCase();
    if ((key === "z" || key === "y") && editor.host.undoesAnyway()) return true;
    if (key === "z") return this.run(() => (event.shiftKey ? editor.redo() : editor.undo()));
    if (key === "y") return this.run(() => editor.redo());
    if (isField(event.target)) return false;
    if (key === "d") return this.run(() => editor.duplicate());
    return false;
  }

  run(action) {
    action();
    return true;
  }

  plain(event) {
    const { editor } = this;
    if (isField(event.target)) {
      if (event.key !== "Escape") return false;
      return this.run(() => editor.stage.element.focus({ preventScroll: true }));
    }
    if (event.altKey) return false;
    if (isButton(event.target) && /^( |Enter|Arrow|Home|End)/.test(event.key)) return false;
    if (event.key in ARROWS) {
      const [dx, dy] = ARROWS[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
      return this.run(() => editor.nudge(dx, dy));
    }
    const tool = TOOLS[event.key.toLowerCase()];
    if (tool) return this.run(() => editor.setTool(tool));
    return this.command(event);
  }

  command(event) {
    const { editor } = this;
    const commands = {
      Escape: () => this.escape(),
      Enter: () => editor.finishPath(),
      Delete: () => editor.removeSelection(),
      Backspace: () => (editor.pending ? editor.undo() : editor.removeSelection()),
      f: () => editor.fit(),
      b: () => editor.toggleRegion(),
      "+": () => editor.zoom(1.25),
      "=": () => editor.zoom(1.25),
      "-": () => editor.zoom(0.8),
      "[": () => this.cycle(-1),
      "]": () => this.cycle(1),
      ",": () => this.stepFrame(-1),
      ".": () => this.stepFrame(1),
      "?": () => editor.help.toggle(),
      " ": () => this.holdSpace(event),
    };
    const command = commands[event.key] ?? commands[event.key.toLowerCase()];
    return command ? this.run(command) : false;
  }

  escape() {
    const { editor } = this;
    if (editor.help.open) return editor.help.toggle();
    if (editor.gestures.cancel()) return;
    if (editor.pending) return editor.finishPath();
    if (editor.point !== null) return editor.select(editor.selected);
    editor.select(null);
  }

  cycle(step) {
    const { paths } = this.editor.document;
    if (!paths.length) return;
    const here = paths.findIndex((path) => path.id === this.editor.selected);
    const next = here < 0 ? (step > 0 ? 0 : paths.length - 1) : (here + step + paths.length) % paths.length;
    this.editor.select(paths[next].id);
  }

  stepFrame(step) {
    const last = Math.max(1, this.editor.steps - 1);
    this.editor.seek((Math.round(this.editor.time * last) + step) / last);
  }

  /** Space pans while it is held; a tap plays or pauses. */
  holdSpace(event) {
    if (event.repeat) return;
    this.space = true;
    this.spaceUsed = false;
    this.editor.stage.element.classList.add("mi2v-panning");
  }

  up(event) {
    if (event.key !== " " || !this.space) return;
    event.preventDefault();
    event.stopPropagation();
    const tapped = !this.spaceUsed;
    this.release();
    if (tapped) this.editor.togglePlay();
  }

  onClipboard(event) {
    const { editor } = this;
    if (!editor.focused || isField(document.activeElement)) return;
    editor.host.refresh();
    if (event.type === "paste") {
      if (!editor.paste(event.clipboardData?.getData("text/plain") ?? "")) {
        editor.say(words("said.nothing_to_paste"));
      }
    } else {
      const text = editor.copied();
      if (text) event.clipboardData?.setData("text/plain", text);
      if (text && event.type === "cut") editor.removePath();
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}
