// JSON documents, to read and to compare.

import { h } from "./dom.js";

/** A document with more characters is shown without colours. */
const COLOURED = 200_000;
/** How much work it may be to compare two documents, in pairs of lines. */
const COMPARED = 4_000_000;
/** How many unchanged lines are shown around a change. */
const CONTEXT = 3;

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @param {unknown} value */
export const pretty = (value) => JSON.stringify(value, null, 2) ?? "null";

/**
 * A document, to read.
 * @param {unknown} value
 * @param {string} label
 */
export function documentView(value, label) {
  return h("pre", { class: "json", tabindex: 0, role: "region", "aria-label": label }, ...coloured(pretty(value)));
}

/** @param {string} text */
function coloured(text) {
  if (text.length > COLOURED) return [text];
  /** @type {(Node | string)[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, quoted, colon] = match;
    const kind = colon ? "key" : quoted ? "text" : "word";
    const token = quoted ?? whole;
    parts.push(text.slice(end, match.index), h("span", { class: kind }, token));
    end = match.index + token.length;
  }
  return [...parts, text.slice(end)];
}

/** @typedef {{ sign: " " | "+" | "-", text: string }} Line */

/**
 * What is to be taken from one text and put to it, line by line, to make the other.
 * @param {string} before
 * @param {string} after
 * @returns {Line[]}
 */
export function compare(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const [left, right] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  return [
    ...a.slice(0, head).map((text) => line(" ", text)),
    ...middle(left, right),
    ...a.slice(a.length - tail).map((text) => line(" ", text)),
  ];
}

/** @param {Line["sign"]} sign @param {string} text @returns {Line} */
const line = (sign, text) => ({ sign, text });

/**
 * By the longest sequence of lines that both have, unless they are so long that it would take too long.
 * @param {string[]} a
 * @param {string[]} b
 */
function middle(a, b) {
  if (a.length * b.length > COMPARED) return [...a.map((text) => line("-", text)), ...b.map((text) => line("+", text))];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (/** @type {number} */ i, /** @type {number} */ j) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(line(" ", a[i++] ?? ""));
      j++;
    } else if (j === b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(line("-", a[i++] ?? ""));
    } else {
      lines.push(line("+", b[j++] ?? ""));
    }
  }
  return lines;
}

/**
 * Two documents, compared: what changed, with a little around it.
 * @param {unknown} before
 * @param {unknown} after
 * @param {string} label
 */
export function changes(before, after, label) {
  const lines = compare(pretty(before), pretty(after));
  const near = new Set(
    lines.flatMap(({ sign }, at) =>
      sign === " " ? [] : Array.from({ length: 2 * CONTEXT + 1 }, (_, step) => at - CONTEXT + step),
    ),
  );
  /** @type {Node[]} */
  const rows = [];
  /** @type {Line[]} */
  let far = [];
  const skip = () => {
    // To say that one line is left out takes as much room as the line.
    if (far.length < 2) rows.push(...far.map(drawn));
    else rows.push(h("div", { class: "skipped" }, `${far.length} unchanged lines`));
    far = [];
  };
  for (const [at, line] of lines.entries()) {
    if (!near.has(at)) {
      far.push(line);
      continue;
    }
    skip();
    rows.push(drawn(line));
  }
  skip();
  return h("div", { class: "json changes", tabindex: 0, role: "region", "aria-label": label }, ...rows);
}

/** @param {Line} line */
function drawn({ sign, text }) {
  const tag = sign === "+" ? "ins" : sign === "-" ? "del" : "span";
  const gutter = h("span", { class: "gutter" }, sign === "-" ? "−" : sign);
  return h("div", { class: "line" }, h(tag, {}, gutter, text));
}
