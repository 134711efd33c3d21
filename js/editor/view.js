// Zoom and pan: how the picture lies on the stage. All values are CSS pixels of the stage.

import { clamp } from "./timing.js";

const MOST = 16;
const LEAST = 0.25;

export class View {
  constructor() {
    this.size = [512, 320];
    this.stage = [1, 1];
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.fitted = true;
  }

  /** Lays the whole picture on the stage, with a margin for paths that leave it. */
  fit() {
    this.fitted = true;
    this.scale = this.fitScale();
    this.left = (this.stage[0] - this.size[0] * this.scale) / 2;
    this.top = (this.stage[1] - this.size[1] * this.scale) / 2;
  }

  fitScale() {
    const margin = clamp(Math.min(...this.stage) * 0.04, 4, 20);
    const across = (this.stage[0] - 2 * margin) / this.size[0];
    const down = (this.stage[1] - 2 * margin) / this.size[1];
    return Math.max(1e-3, Math.min(across, down));
  }

  /** The stage's or the picture's size changed: what was in the middle stays there. */
  resize(stage, size = this.size) {
    const middle = this.toPicture({ x: this.stage[0] / 2, y: this.stage[1] / 2 });
    const zoom = this.zoom;
    this.stage = stage;
    this.size = size;
    if (this.fitted) return this.fit();
    this.scale = this.fitScale() * zoom;
    this.left = stage[0] / 2 - middle.x * size[0] * this.scale;
    this.top = stage[1] / 2 - middle.y * size[1] * this.scale;
  }

  /** Magnification against the fitted view. */
  get zoom() {
    return this.scale / this.fitScale();
  }

  zoomAt(point, factor) {
    const base = this.fitScale();
    const scale = clamp(this.scale * factor, base * LEAST, base * MOST);
    const ratio = scale / this.scale;
    this.left = point.x - (point.x - this.left) * ratio;
    this.top = point.y - (point.y - this.top) * ratio;
    this.scale = scale;
    this.fitted = false;
    this.keepInSight();
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.fitted = false;
    this.keepInSight();
  }

  /** Some of the picture always stays on the stage, so that nobody gets lost. */
  keepInSight() {
    const keep = 40;
    this.left = clamp(this.left, keep - this.size[0] * this.scale, this.stage[0] - keep);
    this.top = clamp(this.top, keep - this.size[1] * this.scale, this.stage[1] - keep);
  }

  toStage(point) {
    return {
      x: this.left + point.x * this.size[0] * this.scale,
      y: this.top + point.y * this.size[1] * this.scale,
    };
  }

  toPicture(point) {
    return {
      x: (point.x - this.left) / (this.size[0] * this.scale),
      y: (point.y - this.top) / (this.size[1] * this.scale),
    };
  }
}
