// What outlives a node: the graph's own undo throws all nodes away and makes them anew, and the
// editor's history, tool and view should not go with them.

const LIMIT = 64;

export class Memory {
  constructor() {
    /** The oldest first. */
    this.entries = [];
  }

  /** Keeps `past` of a node that goes; `graph` is the id of its graph, null where that has none. */
  keep(graph, node, past) {
    this.entries = this.entries.filter((entry) => entry.graph !== graph || entry.node !== node);
    this.entries.push({ graph, node, past });
    if (this.entries.length > LIMIT) this.entries.shift();
  }

  /**
   * Hands out, once, what is kept for a node that has come: the newest that `fits(past)`, or null.
   *
   * `undoing` says that the page is going back to an earlier state of this very graph. One that was
   * never saved gets a new id then, so that the node's own id has to do.
   */
  take(graph, node, { undoing, fits }) {
    const find = (test) =>
      this.entries.findLast((entry) => entry.node === node && test(entry) && fits(entry.past));
    const entry =
      (graph === null ? null : find((entry) => entry.graph === graph)) ??
      (undoing ? find(() => true) : null);
    if (!entry) return null;
    this.entries.splice(this.entries.indexOf(entry), 1);
    return entry.past;
  }
}
