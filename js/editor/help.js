// The panel that lists keys and gestures.

import { el } from "./dom.js";
import { words } from "./texts.js";

const ENTRIES = [
  ...["draw", "tools", "insert", "remove", "nudge", "control", "zoom", "pan", "region", "play"],
  ...["undo", "copy", "cycle"],
];

export class Help {
  constructor() {
    const rows = ENTRIES.flatMap((name) => [
      el("dt", {}, words(`help.${name}.keys`)),
      el("dd", {}, words(`help.${name}`)),
    ]);
    this.element = el(
      "div",
      {
        class: "mi2v-help",
        role: "dialog",
        "aria-label": words("help.name"),
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
