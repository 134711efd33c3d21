// The row of buttons above the stage.

import { el, icon } from "./dom.js";
import { words } from "./texts.js";

const TOOLS = ["select", "draw", "points", "pin"];

/** A button with an icon; its tooltip is also its name for screen readers. */
export function iconButton(name, title, onclick, extra = {}) {
  const look = { type: "button", class: "mi2v-button", title, "aria-label": title };
  return el("button", { ...look, onclick, ...extra }, icon(name));
}

export class Toolbar {
  constructor(editor) {
    this.editor = editor;
    this.tools = new Map(
      TOOLS.map((tool) => [
        tool,
        iconButton(tool, words(`tool.${tool}`), () => editor.setTool(tool), { "data-tool": tool }),
      ]),
    );
    const action = (name, shape, onclick) =>
      iconButton(shape, words(`action.${name}`), onclick, { "data-action": name });
    this.undo = action("undo", "undo", () => editor.undo());
    this.redo = action("redo", "redo", () => editor.redo());
    this.clear = action("clear", "clear", () => editor.clear());
    this.region = action("region", "brush", () => editor.toggleRegion());
    const group = (label, ...children) =>
      el("div", { class: "mi2v-group", role: "group", "aria-label": label }, ...children);
    this.element = el(
      "div",
      { class: "mi2v-toolbar", role: "toolbar", "aria-label": words("toolbar.name") },
      group(words("toolbar.tools"), ...this.tools.values()),
      group(words("toolbar.history"), this.undo, this.redo),
      el("span", { class: "mi2v-spring" }),
      group(
        words("toolbar.view"),
        this.region,
        action("fit", "fit", () => editor.fit()),
        this.clear,
        action("help", "help", () => editor.help.toggle()),
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
