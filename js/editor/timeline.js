// The clip under the stage: play, the playhead, and the span of the selected path, whose ends and
// points can be dragged.

import { findPath } from "./document.js";
import { el, icon } from "./dom.js";
import * as edits from "./edits.js";
import { frameAt } from "./paint.js";
import { words } from "./texts.js";
import { clamp, clipTime, frameTime, knots, pathTime } from "./timing.js";

const percent = (time) => `${(100 * time).toFixed(3)}%`;

export class Timeline {
  constructor(editor) {
    this.editor = editor;
    this.button = el("button", {
      type: "button",
      class: "mi2v-button mi2v-play",
      "data-action": "play",
      onclick: () => editor.togglePlay(),
    });
    this.ticks = el("div", { class: "mi2v-ticks" });
    this.marks = el("div", { class: "mi2v-marks" });
    this.startGrip = this.grip("start");
    this.endGrip = this.grip("end");
    this.band = el("div", { class: "mi2v-band" }, this.marks, this.startGrip, this.endGrip);
    this.head = el("div", {
      class: "mi2v-head",
      role: "slider",
      tabindex: "0",
      "aria-label": words("timeline.head"),
      onkeydown: (event) => this.headKey(event),
    });
    this.track = el("div", { class: "mi2v-track" }, this.ticks, this.band, this.head);
    this.counter = el("output", { class: "mi2v-counter" });
    this.element = el("div", { class: "mi2v-timeline" }, this.button, this.track, this.counter);
    this.listenToDrags();
  }

  grip(which) {
    const label = words(`span.${which}.title`);
    return el("div", {
      class: `mi2v-grip mi2v-grip-${which}`,
      role: "slider",
      tabindex: "0",
      title: label,
      "aria-label": label,
      "data-grip": which,
      onkeydown: (event) => this.gripKey(event, which),
    });
  }

  // Dragging

  listenToDrags() {
    const { track } = this;
    let drag = null;
    track.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const grip = event.target.dataset.grip;
      const mark = event.target.dataset.mark;
      drag = grip ? (time) => this.dragSpan(grip, time) : mark ? (time) => this.dragMark(Number(mark), time) : null;
      track.setPointerCapture(event.pointerId);
      this.dragging = drag ?? ((time) => this.editor.seek(time));
      if (!drag) this.dragging(this.timeAt(event));
    });
    track.addEventListener("pointermove", (event) => {
      if (!this.dragging) return;
      event.stopPropagation();
      this.dragging(this.timeAt(event));
    });
    for (const type of ["pointerup", "pointercancel"]) {
      track.addEventListener(type, (event) => {
        if (!this.dragging) return;
        event.stopPropagation();
        this.dragging = null;
        this.editor.endPreview(type === "pointerup");
      });
    }
  }

  timeAt(event) {
    const box = this.track.getBoundingClientRect();
    const time = clamp((event.clientX - box.left) / box.width, 0, 1);
    const last = Math.max(1, this.editor.steps - 1);
    return Math.round(time * last) / last;
  }

  dragSpan(which, time) {
    const { editor } = this;
    const { selected, steps } = editor;
    editor.preview((draft) => {
      const path = findPath(draft, selected);
      const [start, end] = which === "start" ? [time, path.end] : [path.start, time];
      edits.setSpan(draft, selected, start, end, steps);
    });
  }

  dragMark(index, time) {
    const { editor } = this;
    editor.preview((draft) => {
      const path = findPath(draft, editor.selected);
      // The mark stands at the arrival with all earlier holds in it; what is stored is without them.
      const holds = path.points.map((point) => point.hold ?? 0);
      const whole = 1 + holds.reduce((a, b) => a + b, 0);
      const earlier = holds.slice(0, index).reduce((a, b) => a + b, 0);
      const tau = pathTime(path, time) * whole - earlier;
      edits.setPassingTime(draft, editor.selected, index, tau, editor.view.size);
    });
  }

  step(event) {
    const last = Math.max(1, this.editor.steps - 1);
    return { ArrowLeft: -1 / last, ArrowDown: -1 / last, ArrowRight: 1 / last, ArrowUp: 1 / last }[event.key] ?? null;
  }

  headKey(event) {
    const step = this.step(event);
    if (step === null) return;
    event.preventDefault();
    this.editor.seek(this.editor.time + step);
  }

  gripKey(event, which) {
    const step = this.step(event);
    const { editor } = this;
    if (step === null || !editor.path) return;
    event.preventDefault();
    editor.change((draft) => {
      const path = findPath(draft, editor.selected);
      const [start, end] = which === "start" ? [path.start + step, path.end] : [path.start, path.end + step];
      edits.setSpan(draft, editor.selected, start, end, editor.steps);
    }, `span ${editor.selected} ${which}`);
  }

  // Showing

  update() {
    const { editor } = this;
    const { path, steps } = editor;
    const last = Math.max(1, steps - 1);
    this.ticks.style.backgroundSize = `${100 / last}% 100%`;
    this.ticks.hidden = steps > 65;
    const shown = path?.kind === "path" && path.points.length > 1;
    this.band.hidden = !shown;
    if (shown) {
      this.band.style.left = percent(path.start);
      this.band.style.width = percent(path.end - path.start);
      this.band.style.setProperty("--path-color", path.color);
      this.describe(this.startGrip, path.start);
      this.describe(this.endGrip, path.end);
      this.showMarks(path);
    }
    this.tick();
  }

  describe(slider, time) {
    const { steps, firstStep } = this.editor;
    slider.setAttribute("aria-valuemin", String(firstStep));
    slider.setAttribute("aria-valuemax", String(firstStep + steps - 1));
    slider.setAttribute("aria-valuenow", String(firstStep + frameAt(time, steps)));
  }

  showMarks(path) {
    const inner = path.points.length <= 40 ? path.points.slice(1, -1) : [];
    while (this.marks.children.length > inner.length) this.marks.lastChild.remove();
    while (this.marks.children.length < inner.length) this.marks.append(el("div", { class: "mi2v-mark" }));
    if (!inner.length) return;
    const { times, points } = knots(path, this.editor.view.size);
    [...this.marks.children].forEach((mark, i) => {
      const index = i + 1;
      const knot = points.indexOf(index);
      mark.hidden = knot < 0;
      if (knot < 0) return;
      const time = clipTime(path, times[knot]);
      mark.style.left = percent((time - path.start) / (path.end - path.start));
      mark.dataset.mark = String(index);
      mark.classList.toggle("mi2v-chosen", this.editor.point === index);
      mark.title = words("timeline.mark", { number: index + 1 });
    });
  }

  tick() {
    const { editor } = this;
    const playing = editor.playback.running && !editor.playback.once;
    if (this.playing !== playing) {
      this.playing = playing;
      const title = words(playing ? "action.pause" : "action.play");
      this.button.replaceChildren(icon(playing ? "pause" : "play"));
      this.button.title = title;
      this.button.setAttribute("aria-label", title);
    }
    this.head.style.left = percent(editor.time);
    this.describe(this.head, editor.time);
    this.showCount();
  }

  showCount() {
    const { time, frames, framesKnown } = this.editor;
    const frame = Math.min(frames - 1, Math.floor(time / frameTime(1, Math.max(2, frames)) + 1e-6));
    const name = framesKnown ? "frames.count" : "frames.unknown";
    this.counter.textContent = words(name, { frame: frame + 1, frames });
    this.counter.title = words(`${name}.title`);
  }
}
