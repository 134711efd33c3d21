// The stage: two stacked canvases, the picture below and the drawing above, sharp on every screen.

import { el } from "./dom.js";
import { paintDrawing, paintPicture } from "./paint.js";
import { words } from "./texts.js";
import { clamp } from "./timing.js";

const SHARPEST = 3;

export class Stage {
  constructor() {
    this.picture = el("canvas", { class: "mi2v-layer", "aria-hidden": "true" });
    this.drawing = el("canvas", { class: "mi2v-layer", "aria-hidden": "true" });
    this.element = el(
      "div",
      {
        class: "mi2v-stage",
        tabindex: "0",
        role: "application",
        "aria-label": words("stage.name"),
        "aria-roledescription": words("stage.role"),
      },
      this.picture,
      this.drawing,
    );
    this.shown = "";
  }

  /** Width and height in CSS pixels, before the graph's own zoom. */
  get size() {
    return [this.element.clientWidth, this.element.clientHeight];
  }

  /** How much the graph's zoom magnifies the editor. */
  get magnification() {
    return this.element.clientWidth
      ? this.element.getBoundingClientRect().width / this.element.offsetWidth || 1
      : 1;
  }

  /** The size of handles: steady on the screen within reason, whatever the graph's zoom. */
  get unit() {
    return clamp(1 / this.magnification, 0.7, 1.7);
  }

  /** The position of a pointer event on the stage, in the stage's own CSS pixels. */
  locate(event) {
    const box = this.element.getBoundingClientRect();
    const scale = this.magnification;
    return { x: (event.clientX - box.left) / scale, y: (event.clientY - box.top) / scale };
  }

  /** Device pixels per CSS pixel, in steps, so that a slow graph zoom does not repaint all the time. */
  get density() {
    const wanted = (window.devicePixelRatio || 1) * this.magnification;
    return clamp(Math.ceil(wanted * 4) / 4, 1, SHARPEST);
  }

  paint(state, view) {
    const [width, height] = this.size;
    if (!width || !height) return;
    const density = this.density;
    const { left, top, scale, size } = view;
    const below = [width, height, density, left, top, scale, ...size, state.image?.src].join();
    if (below !== this.shown || state.tint !== this.tint) {
      this.shown = below;
      this.tint = state.tint;
      paintPicture(this.prepare(this.picture, width, height, density), view, state.image, state.tint);
    }
    paintDrawing(this.prepare(this.drawing, width, height, density), state, view, this.unit);
  }

  prepare(canvas, width, height, density) {
    const [across, down] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.width !== across || canvas.height !== down) {
      canvas.width = across;
      canvas.height = down;
    }
    const context = canvas.getContext("2d");
    context.setTransform(across / width, 0, 0, down / height, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }
}
