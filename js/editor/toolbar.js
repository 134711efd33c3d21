// The row of buttons above the stage.

import { el, icon } from "./dom.js";

const TOOLS = [
  ["select", "Select and move (V)"],
  ["draw", "Draw freehand (D); Shift draws a straight arrow"],
  ["points", "Click points (P); Enter finishes the path"],
  ["pin", "Pin: a place that must not move (N)"],
];

/** A button with an icon; its tooltip is also its name for screen readers. */
export function iconButton(name, title, onclick, extra = {}) {
  const look = { type: "button", class: "mi2v-button", title, "aria-label": title };
  return el("button", { ...look, onclick, ...extra }, icon(name));
}

export class Toolbar {
  constructor(editor) {
    this.editor = editor;
    this.tools = new Map(
      TOOLS.map(([tool, title]) => [tool, iconButton(tool, title, () => editor.setTool(tool), { "data-tool": tool })]),
    );
    this.undo = iconButton("undo", "Undo (Ctrl+Z)", () => editor.undo(), { "data-action": "undo" });
    this.redo = iconButton("redo", "Redo (Ctrl+Shift+Z)", () => editor.redo(), { "data-action": "redo" });
    this.clear = iconButton("clear", "Clear everything (undo brings it back)", () => editor.clear(), {
      "data-action": "clear",
    });
    this.region = iconButton("brush", "Show the brushed region (B)", () => editor.toggleRegion(), {
      "data-action": "region",
    });
    const group = (label, ...children) =>
      el("div", { class: "mi2v-group", role: "group", "aria-label": label }, ...children);
    this.element = el(
      "div",
      { class: "mi2v-toolbar", role: "toolbar", "aria-label": "Drawing tools" },
      group("Tools", ...this.tools.values()),
      group("History", this.undo, this.redo),
      el("span", { class: "mi2v-spring" }),
      group(
        "View",
        this.region,
        iconButton("fit", "Fit the picture into the view (F)", () => editor.fit(), { "data-action": "fit" }),
        this.clear,
        iconButton("help", "Keys and gestures (?)", () => editor.help.toggle(), { "data-action": "help" }),
      ),
    );
  }

  update() {
    const { editor } = this;
    for (const [tool, button] of this.tools) {
      button.setAttribute("aria-pressed", String(tool === editor.tool));
    }
    this.region.hidden = !editor.region;
    this.region.setAttribute("aria-pressed", String(editor.showRegion));
    this.undo.disabled = !editor.history.past.length;
    this.redo.disabled = !editor.history.future.length;
    this.clear.disabled = !editor.document.paths.length && !editor.problem;
  }
}
