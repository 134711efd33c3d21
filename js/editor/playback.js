// The clock of the animated overlay. It runs only while something is to be seen.

const FRAMES_PER_SECOND = 8;

export class Playback {
  /** `onTick` is called at every step; `isVisible` says whether anyone can see it. */
  constructor(onTick, isVisible) {
    this.onTick = onTick;
    this.isVisible = isVisible;
    this.time = 0;
    this.frames = 16;
    this.running = false;
    this.once = false;
    this.request = null;
  }

  /** Seconds that the clip lasts: Motion-I2V's eight frames a second, within what one can watch. */
  get duration() {
    return Math.min(12, Math.max(1, this.frames / FRAMES_PER_SECOND));
  }

  play({ once = false } = {}) {
    this.once = once;
    if (once || this.time >= 1) this.time = 0;
    this.running = true;
    this.before = null;
    this.request ??= requestAnimationFrame((now) => this.step(now));
    this.onTick();
  }

  pause() {
    this.running = false;
    this.once = false;
    if (this.request !== null) cancelAnimationFrame(this.request);
    this.request = null;
    this.onTick();
  }

  seek(time) {
    this.time = Math.min(1, Math.max(0, time));
    this.onTick();
  }

  step(now) {
    this.request = null;
    if (!this.running) return;
    const passed = this.before === null ? 0 : Math.min(0.1, (now - this.before) / 1000);
    this.before = now;
    this.time += passed / this.duration;
    if (this.time > 1) {
      if (this.once) {
        this.time = 0;
        return this.pause();
      }
      // A short rest at the end, so that one sees where the paths arrive.
      this.time = this.time > 1.15 ? 0 : this.time;
    }
    if (this.isVisible()) this.onTick();
    this.request = requestAnimationFrame((next) => this.step(next));
  }
}
