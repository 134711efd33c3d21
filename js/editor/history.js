// Undo and redo over whole texts. A drawing is a few kilobytes, so states are kept, not changes.

const LIMIT = 200;

export class History {
  constructor(text = "") {
    this.past = [];
    this.present = text;
    this.future = [];
    this.group = null;
  }

  /**
   * Records a new state. Changes of one `group` that follow one another (a row of arrow keys, a
   * slider being dragged) are undone in one step.
   */
  record(text, group = null) {
    if (text === this.present) return;
    if (group === null || group !== this.group) {
      this.past.push(this.present);
      if (this.past.length > LIMIT) this.past.shift();
    }
    this.group = group;
    this.present = text;
    this.future = [];
  }

  /** Ends a group: the next change starts a step of its own. */
  settle() {
    this.group = null;
  }

  undo() {
    if (!this.past.length) return null;
    this.future.push(this.present);
    this.present = this.past.pop();
    this.group = null;
    return this.present;
  }

  redo() {
    if (!this.future.length) return null;
    this.past.push(this.present);
    this.present = this.future.pop();
    this.group = null;
    return this.present;
  }

  /** Moves to a state that the history holds, as when the graph's own undo goes back to it. */
  jumpTo(text) {
    const all = [...this.past, this.present, ...this.future.toReversed()];
    const here = this.past.length;
    const matches = all.map((entry, i) => (entry === text ? i : -1)).filter((i) => i >= 0);
    if (!matches.length) return false;
    const target = matches.reduce((a, b) => (Math.abs(b - here) < Math.abs(a - here) ? b : a));
    this.past = all.slice(0, target);
    this.present = all[target];
    this.future = all.slice(target + 1).toReversed();
    this.group = null;
    return true;
  }
}
