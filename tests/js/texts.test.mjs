import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { speak, TABLES, words } from "../../js/editor/texts.js";

const FOLDER = fileURLToPath(new URL("../../js", import.meta.url));
const FILES = ["trajectory_editor.js", ...readdirSync(`${FOLDER}/editor`).map((name) => `editor/${name}`)];
const SOURCES = FILES.filter((name) => name !== "editor/texts.js").map((name) => [name, readFileSync(`${FOLDER}/${name}`, "utf8")]);

const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).sort();

test("each English text has a Chinese twin with the same placeholders", () => {
  assert.deepEqual(Object.keys(TABLES.zh), Object.keys(TABLES.en));
  for (const [name, text] of Object.entries(TABLES.en)) {
    assert.deepEqual(placeholders(TABLES.zh[name]), placeholders(text), name);
  }
});

test("the page's language is spoken, and English where there is none", () => {
  speak("zh");
  assert.equal(words("path.name", { number: 3 }), "路径 3");
  for (const language of ["xx", undefined]) {
    speak(language);
    assert.equal(words("path.name", { number: 3 }), "Path 3");
  }
  assert.throws(() => words("no.such.text"), /no\.such\.text/);
});

/** The string literals of a source, comments left out. */
function literals(source) {
  const tokens = /\/\*[^]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g;
  return (source.match(tokens) ?? []).filter((token) => !token.startsWith("/")).map((token) => token.slice(1, -1));
}

const KEYS = /^(Arrow(Left|Right|Up|Down)|Escape|Enter|Delete|Backspace|Home|End)$/;
const PLAIN = /^[A-Za-z][\w$.]*$/;
const CLASSES = /^[a-z\d]+(-[\w${}.]+)+( [a-z\d]+(-[\w${}.]+)+)*$/;

/** Two words in a row, or a word as a sentence begins. */
function isProse(literal) {
  if (KEYS.test(literal) || CLASSES.test(literal)) return false;
  if (/^[A-Z][a-z]+$/.test(literal)) return true;
  if (PLAIN.test(literal)) return false;
  return /(^|[\s"“])[A-Za-z]{2,},? [A-Za-z]{2,}/.test(literal.replace(/\$\{[^}]*\}/g, "x")) || /[^\x00-\x7f]/.test(literal);
}

const INTERNAL = [
  // Selectors of the page's own elements, and what a history groups by.
  /^(button|input|select)[\w, \[\]=.-]*$/,
  /^(color|nudge|span) \$\{/,
  // Shapes of icons.
  /^M\$\{/,
  /^(LoadImage|Reroute|LoadImageOutput)$/,
];

test("no other file says anything of its own", () => {
  for (const [name, source] of SOURCES) {
    const said = literals(source).filter((text) => isProse(text) && !INTERNAL.some((known) => known.test(text)));
    assert.deepEqual(said, [], name);
  }
  assert.ok(isProse("Queue once") && isProse("Undone") && isProse("播放") && isProse("1 path selected"));
});

test("what is read out or hovered over comes from the table", () => {
  for (const [name, source] of SOURCES) {
    const set = source.matchAll(/("aria-label"|"aria-roledescription"|title|textContent|placeholder)\s*[:=]\s*(["'`])(.*?)\2/g);
    const said = [...set].map(([, , , text]) => text.replace(/\$\{[^}]*\}/g, "")).filter((text) => /\p{L}/u.test(text));
    assert.deepEqual(said, [], name);
  }
});

test("every name that is asked for is in the table", () => {
  for (const [name, source] of SOURCES) {
    for (const [, key] of source.matchAll(/\bwords\("([\w.]+)"/g)) assert.ok(key in TABLES.en, `${name}: ${key}`);
  }
});
