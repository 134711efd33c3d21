// The panel that lists keys and gestures.

import { el } from "./dom.js";

const ENTRIES = [
  ["Drag", "draw a path (Shift: straight arrow)"],
  ["V  D  P  N", "select, draw, click points, pin"],
  ["Double-click, Alt+click", "add a point on a curve"],
  ["Delete, right-click", "remove a point; Delete: a path"],
  ["Arrows", "nudge by a pixel (Shift: ten)"],
  ["Ctrl held", "select while drawing"],
  ["Wheel, pinch, + −", "zoom the picture"],
  ["Space+drag, middle button", "pan; F fits the view"],
  ["B", "show or hide the brushed region"],
  ["Space", "play and pause; , and . step"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+C, Ctrl+V, Ctrl+D", "copy, paste, duplicate a path"],
  ["[ and ]", "previous and next path"],
];

export class Help {
  constructor() {
    const rows = ENTRIES.flatMap(([keys, meaning]) => [el("dt", {}, keys), el("dd", {}, meaning)]);
    this.element = el(
      "div",
      {
        class: "mi2v-help",
        role: "dialog",
        "aria-label": "Keys and gestures",
        hidden: true,
        onpointerdown: (event) => this.close(event),
      },
      el("dl", {}, ...rows),
    );
  }

  get open() {
    return !this.element.hidden;
  }

  toggle() {
    this.element.hidden = this.open;
  }

  close(event) {
    event.stopPropagation();
    this.element.hidden = true;
  }
}
