// What is drawn, and the properties of what is selected.

import { CURVES, EASES, findPath } from "./document.js";
import { el, icon } from "./dom.js";
import * as edits from "./edits.js";
import { frameAt } from "./paint.js";
import { frameTime, holdFrames, holdFromFrames, isTimed } from "./timing.js";
import { iconButton } from "./toolbar.js";

const CURVE_TITLES = { smooth: "Smooth curve through the points", straight: "Straight from point to point" };
const EASE_TITLES = {
  linear: "Steady: no easing",
  ease_in: "Ease in: sets off slowly",
  ease_out: "Ease out: arrives slowly",
  ease_in_out: "Ease in and out: sets off and arrives slowly",
};
const SPEEDS = [
  ["arc", "Constant speed"],
  ["timed", "As drawn"],
  ["index", "Equal time per point"],
];

function segmented(label, values, titles, choose) {
  const buttons = new Map(
    values.map((value) => [value, iconButton(value, titles[value], () => choose(value), { "data-value": value })]),
  );
  const element = el("div", { class: "mi2v-segmented", role: "group", "aria-label": label }, ...buttons.values());
  const show = (current) =>
    buttons.forEach((button, value) => button.setAttribute("aria-pressed", String(value === current)));
  return { element, show };
}

function numberField(onchange) {
  const input = el("input", { type: "number", class: "mi2v-number" });
  const label = el("span");
  const element = el("label", { class: "mi2v-field" }, label, input);
  input.addEventListener("change", () => input.value !== "" && onchange(Number(input.value)));
  const name = (text, title) => {
    label.textContent = text;
    input.title = element.title = title;
    input.setAttribute("aria-label", title);
  };
  return { input, element, name };
}

export class Inspector {
  constructor(editor) {
    this.editor = editor;
    this.chips = el("div", { class: "mi2v-chips", role: "listbox", "aria-label": "Paths and pins" });
    this.buildPathRow();
    this.buildTimeRow();
    this.empty = el("div", { class: "mi2v-nothing" });
    this.properties = el("div", { class: "mi2v-properties" }, this.pathRow, this.timeRow, this.empty);
    this.element = el("div", { class: "mi2v-inspector" }, this.chips, this.properties);
  }

  buildPathRow() {
    const { editor } = this;
    const name = { title: "Colour", "aria-label": "Colour of the path" };
    this.color = el("input", { type: "color", class: "mi2v-color", ...name });
    this.color.addEventListener("input", () => editor.setPath({ color: this.color.value }, `color ${editor.selected}`));
    this.curve = segmented("Curve", CURVES, CURVE_TITLES, (curve) => editor.setPath({ curve }));
    const speedTitle = "How the speed runs along the path";
    this.speed = el("select", { class: "mi2v-select", title: speedTitle, "aria-label": "Speed" });
    this.speed.append(...SPEEDS.map(([value, text]) => el("option", { value }, text)));
    this.speed.addEventListener("change", () => editor.setPath({ spacing: this.speed.value }));
    this.ease = segmented("Easing", EASES, EASE_TITLES, (ease) => editor.setPath({ ease }));
    this.pathOnly = el("div", { class: "mi2v-group" }, this.curve.element, this.speed, this.ease.element);
    this.reverse = iconButton("reverse", "Reverse the direction", () =>
      editor.change((draft) => edits.reversePath(draft, editor.selected)),
    );
    this.pathRow = el(
      "div",
      { class: "mi2v-row" },
      this.color,
      this.pathOnly,
      el("span", { class: "mi2v-spring" }),
      this.reverse,
      iconButton("duplicate", "Duplicate (Ctrl+D)", () => editor.duplicate()),
      iconButton("clear", "Delete this path", () => editor.removePath(), { "data-action": "delete-path" }),
    );
  }

  buildTimeRow() {
    const { editor } = this;
    const span = (which) => (frame) => this.setSpan(which, frame);
    this.start = numberField(span("start"));
    this.end = numberField(span("end"));
    this.pointLabel = el("span", { class: "mi2v-quiet" });
    this.hold = numberField((count) => this.setHold(count));
    this.hold.input.step = "0.5";
    this.removePoint = iconButton("remove", "Delete this point (Delete)", () => editor.removeSelection(), {
      "data-action": "delete-point",
    });
    const parts = [this.pointLabel, this.hold.element, this.removePoint];
    this.pointOnly = el("div", { class: "mi2v-group mi2v-point" }, ...parts);
    this.timeRow = el(
      "div",
      { class: "mi2v-row" },
      this.start.element,
      this.end.element,
      el("span", { class: "mi2v-spring" }),
      this.pointOnly,
    );
  }

  setSpan(which, frame) {
    const { editor } = this;
    const time = frameTime(frame - editor.firstStep, editor.steps);
    editor.change((draft) => {
      const path = findPath(draft, editor.selected);
      const [start, end] = which === "start" ? [time, path.end] : [path.start, time];
      edits.setSpan(draft, editor.selected, start, end, editor.steps);
    });
  }

  setHold(count) {
    const { editor } = this;
    editor.change((draft) => {
      const path = findPath(draft, editor.selected);
      const hold = holdFromFrames(path, editor.point, Math.max(0, count), editor.steps);
      edits.setHold(draft, editor.selected, editor.point, hold);
    });
  }

  update() {
    const { editor } = this;
    const { path } = editor;
    this.showChips();
    this.chips.hidden = !editor.document.paths.length;
    const moves = path?.kind === "path" && path.points.length > 1;
    this.pathRow.hidden = !path;
    this.timeRow.hidden = !moves;
    this.empty.hidden = moves;
    this.empty.textContent = this.advice();
    if (!path) return;
    this.color.value = path.color;
    this.pathOnly.hidden = this.reverse.hidden = !moves;
    if (moves) this.showMotion(path);
  }

  advice() {
    const { document, path } = this.editor;
    if (path?.kind === "pin") return "A pin holds its surroundings still. Drag it to where nothing may move.";
    if (path) return "One more point makes this a path.";
    const paths = document.paths.filter(({ kind }) => kind === "path").length;
    if (!document.paths.length) return "Nothing drawn yet: paths say where things go, pins what stays.";
    const pins = document.paths.length - paths;
    const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
    return `${count(paths, "path")}, ${count(pins, "pin")}. Select one to set its speed.`;
  }

  /** Names the fields by what they count. */
  nameFields() {
    const { framesKnown } = this.editor;
    if (this.named === framesKnown) return;
    this.named = framesKnown;
    if (framesKnown) {
      this.start.name("Frames", "Frame at which the path sets off");
      this.end.name("to", "Frame at which the path arrives");
      this.hold.name("hold", "Frames to wait at this point");
    } else {
      this.start.name("Percent", "Percent of the clip at which the path sets off");
      this.end.name("to", "Percent of the clip at which the path arrives");
      this.hold.name("hold", "Percent of the clip to wait at this point");
    }
  }

  showMotion(path) {
    this.nameFields();
    const { steps, firstStep, point } = this.editor;
    this.curve.show(path.curve);
    this.ease.show(path.ease);
    const drawn = [...this.speed.options].find(({ value }) => value === "timed");
    drawn.disabled = !isTimed(path);
    drawn.title = drawn.disabled ? "For paths drawn freehand, or timed on the timeline" : "";
    this.speed.value = path.spacing;
    for (const [field, time] of [[this.start, path.start], [this.end, path.end]]) {
      field.input.min = String(firstStep);
      field.input.max = String(firstStep + steps - 1);
      field.input.value = String(firstStep + frameAt(time, steps));
    }
    this.pointOnly.hidden = point === null;
    if (point === null) return;
    this.pointLabel.textContent = `Point ${point + 1} of ${path.points.length}`;
    this.hold.input.min = "0";
    this.hold.input.max = String(steps);
    this.hold.input.value = String(Math.round(holdFrames(path, point, steps) * 10) / 10);
  }

  showChips() {
    const { editor } = this;
    const { paths } = editor.document;
    while (this.chips.children.length > paths.length) this.chips.lastChild.remove();
    while (this.chips.children.length < paths.length) this.chips.append(this.chip());
    const counts = { path: 0, pin: 0 };
    paths.forEach((path, i) => {
      const chip = this.chips.children[i];
      const name = `${path.kind === "pin" ? "Pin" : "Path"} ${++counts[path.kind]}`;
      chip.dataset.path = path.id;
      chip.style.setProperty("--path-color", path.color);
      chip.setAttribute("aria-selected", String(path.id === editor.selected));
      chip.classList.toggle("mi2v-chip-pin", path.kind === "pin");
      chip.lastChild.textContent = name;
    });
  }

  chip() {
    const look = { type: "button", class: "mi2v-chip", role: "option" };
    const chip = el("button", look, el("i", {}, icon("pin")), el("span"));
    // The pack keeps graph undo out of the editor by this property; see keyboard.js.
    Object.defineProperty(chip, "type", { value: "textarea" });
    chip.addEventListener("click", () => {
      this.editor.finishPath();
      this.editor.select(chip.dataset.path);
    });
    return chip;
  }
}
