// What is drawn, and the properties of what is selected.

import { CURVES, EASES, findPath } from "./document.js";
import { el, icon } from "./dom.js";
import * as edits from "./edits.js";
import { undoesItself } from "./keyboard.js";
import { frameAt } from "./paint.js";
import { words } from "./texts.js";
import { frameTime, holdFrames, holdFromFrames, isTimed } from "./timing.js";
import { iconButton } from "./toolbar.js";

const SPEEDS = ["arc", "timed", "index"];

function segmented(what, values, choose) {
  const buttons = new Map(
    values.map((value) => [value, iconButton(value, words(`path.${what}.${value}`), () => choose(value), { "data-value": value })]),
  );
  const element = el("div", { class: "mi2v-segmented", role: "group", "aria-label": words(`path.${what}`) }, ...buttons.values());
  const show = (current) =>
    buttons.forEach((button, value) => button.setAttribute("aria-pressed", String(value === current)));
  return { element, show };
}

function numberField(onchange) {
  const input = el("input", { type: "number", class: "mi2v-number" });
  const label = el("span");
  const element = el("label", { class: "mi2v-field" }, label, input);
  input.addEventListener("change", () => input.value !== "" && onchange(Number(input.value)));
  const name = (word, title) => {
    label.textContent = word;
    input.title = element.title = title;
    input.setAttribute("aria-label", title);
  };
  return { input, element, name };
}

export class Inspector {
  constructor(editor) {
    this.editor = editor;
    this.chips = el("div", { class: "mi2v-chips", role: "listbox", "aria-label": words("inspector.paths") });
    this.buildPathRow();
    this.buildTimeRow();
    this.empty = el("div", { class: "mi2v-nothing" });
    this.properties = el("div", { class: "mi2v-properties" }, this.pathRow, this.timeRow, this.empty);
    this.element = el("div", { class: "mi2v-inspector" }, this.chips, this.properties);
  }

  buildPathRow() {
    const { editor } = this;
    const name = { title: words("path.color"), "aria-label": words("path.color.name") };
    this.color = el("input", { type: "color", class: "mi2v-color", ...name });
    this.color.addEventListener("input", () => editor.setPath({ color: this.color.value }, `color ${editor.selected}`));
    this.curve = segmented("curve", CURVES, (curve) => editor.setPath({ curve }));
    const speed = { title: words("path.speed.title"), "aria-label": words("path.speed") };
    this.speed = el("select", { class: "mi2v-select", ...speed });
    this.speed.append(...SPEEDS.map((value) => el("option", { value }, words(`path.speed.${value}`))));
    this.speed.addEventListener("change", () => editor.setPath({ spacing: this.speed.value }));
    this.ease = segmented("ease", EASES, (ease) => editor.setPath({ ease }));
    this.pathOnly = el("div", { class: "mi2v-group" }, this.curve.element, this.speed, this.ease.element);
    this.reverse = iconButton("reverse", words("path.reverse"), () =>
      editor.change((draft) => edits.reversePath(draft, editor.selected)),
    );
    this.pathRow = el(
      "div",
      { class: "mi2v-row" },
      this.color,
      this.pathOnly,
      el("span", { class: "mi2v-spring" }),
      this.reverse,
      iconButton("duplicate", words("path.duplicate"), () => editor.duplicate()),
      iconButton("clear", words("path.delete"), () => editor.removePath(), { "data-action": "delete-path" }),
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
    this.removePoint = iconButton("remove", words("point.delete"), () => editor.removeSelection(), {
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
    if (path) return words(path.kind === "pin" ? "advice.pin" : "advice.point");
    const paths = document.paths.filter(({ kind }) => kind === "path").length;
    if (!document.paths.length) return words("advice.empty");
    const pins = document.paths.length - paths;
    const count = (one, many, n) => words(n === 1 ? one : many, { count: n });
    return words("advice.drawn", {
      paths: count("count.path", "count.paths", paths),
      pins: count("count.pin", "count.pins", pins),
    });
  }

  /** Names the fields by what they count. */
  nameFields() {
    const { framesKnown } = this.editor;
    if (this.named === framesKnown) return;
    this.named = framesKnown;
    const unit = framesKnown ? "" : ".percent";
    this.start.name(words(`span.start${unit}`), words(`span.start${unit}.title`));
    this.end.name(words("span.end"), words(`span.end${unit}.title`));
    this.hold.name(words("hold"), words(`hold${unit}.title`));
  }

  showMotion(path) {
    this.nameFields();
    const { steps, firstStep, point } = this.editor;
    this.curve.show(path.curve);
    this.ease.show(path.ease);
    const drawn = [...this.speed.options].find(({ value }) => value === "timed");
    drawn.disabled = !isTimed(path);
    drawn.title = drawn.disabled ? words("path.speed.timed.disabled") : "";
    this.speed.value = path.spacing;
    for (const [field, time] of [[this.start, path.start], [this.end, path.end]]) {
      field.input.min = String(firstStep);
      field.input.max = String(firstStep + steps - 1);
      field.input.value = String(firstStep + frameAt(time, steps));
    }
    this.pointOnly.hidden = point === null;
    if (point === null) return;
    this.pointLabel.textContent = words("point.name", { number: point + 1, count: path.points.length });
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
      const name = words(`${path.kind}.name`, { number: ++counts[path.kind] });
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
    undoesItself(chip);
    chip.addEventListener("click", () => {
      this.editor.finishPath();
      this.editor.select(chip.dataset.path);
    });
    return chip;
  }
}
