// Words over the stage: guidance, the zoom, and what is wrong.

import { el, icon } from "./dom.js";
import { words } from "./texts.js";

const TIP_SECONDS = 4;

export class Overlays {
  constructor(editor) {
    this.editor = editor;
    this.tip = el("div", { class: "mi2v-tip", "aria-hidden": "true" });
    this.zoom = el("button", {
      type: "button",
      class: "mi2v-zoom",
      title: words("action.fit"),
      onclick: () => editor.fit(),
    });
    this.cardTitle = el("strong");
    this.cardText = el("span");
    this.card = el("div", { class: "mi2v-card" }, icon("image"), this.cardTitle, this.cardText);
    this.problemText = el("span");
    this.problem = el(
      "div",
      { class: "mi2v-card mi2v-problem", role: "alert" },
      icon("warning"),
      el("strong", {}, words("problem.title")),
      this.problemText,
      el(
        "button",
        { type: "button", class: "mi2v-text-button", onclick: () => editor.clear() },
        words("problem.clear"),
      ),
    );
    this.notes = el("div", { class: "mi2v-notes" });
    this.element = el("div", { class: "mi2v-overlays" }, this.notes, this.card, this.problem, this.tip, this.zoom);
    this.live = el("div", { class: "mi2v-live", role: "status", "aria-live": "polite" });
  }

  /** Shows the tool's tip for a while. */
  remind() {
    clearTimeout(this.reminder);
    this.tip.classList.add("mi2v-fresh");
    this.reminder = setTimeout(() => this.tip.classList.remove("mi2v-fresh"), TIP_SECONDS * 1000);
  }

  say(message) {
    this.live.textContent = message;
  }

  /** Small lines in the corner that stay as long as they are true. */
  showNotes() {
    const { editor } = this;
    const { picture } = editor;
    const lines = [];
    // The card says the same at length, until something is drawn.
    if (picture.note && editor.document.paths.length) lines.push(picture.note);
    if (picture.before) lines.push(words("picture.before", { node: picture.before }));
    if (!editor.framesKnown) lines.push(words("frames.unknown.note"));
    if (editor.framesFrom === "run") lines.push(words("frames.run.note", { frames: editor.frames }));
    const shown = lines.join("\n");
    if (shown === this.shownNotes) return;
    this.shownNotes = shown;
    this.notes.replaceChildren(...lines.map((line) => el("span", {}, line)));
  }

  update() {
    const { editor } = this;
    const { picture, document } = editor;
    const busy = Boolean(editor.stroke || editor.base);
    this.problem.hidden = !editor.problem;
    if (editor.problem) this.problemText.textContent = editor.problem;
    this.card.hidden = Boolean(editor.problem || picture.image || document.paths.length || busy || !picture.hint);
    this.cardTitle.textContent = picture.title ?? "";
    this.cardText.textContent = picture.hint;
    this.showNotes();
    this.tip.hidden = Boolean(editor.problem) || busy;
    this.tip.classList.toggle("mi2v-loud", Boolean(editor.pending || (picture.image && !document.paths.length)));
    this.tip.textContent = words(`tip.${editor.pending ? "points" : editor.tool}`);
    const zoom = Math.round(editor.view.zoom * 100);
    this.zoom.hidden = editor.view.fitted;
    this.zoom.textContent = `${zoom}%`;
  }
}
