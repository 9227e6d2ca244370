// Elements, made without HTML: whatever is shown is a text node, so no text can be more than text.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Attribute */

/**
 * An element. A function is a listener (`onclick`), `true` is an attribute without a value, and what is
 * false or missing is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Attribute>} attributes
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  fill(element, ...children);
  return element;
}

/**
 * Puts these in the place of what an element holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(there).map(asNode));
}

/** @param {Child} child @returns {child is Node | string | number} */
const there = (child) => child !== null && child !== undefined && child !== false;

/** @param {Node | string | number} child */
const asNode = (child) => (child instanceof Node ? child : String(child));

/**
 * An element of the page.
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * Says something in passing, to eyes and to screen readers.
 * @param {string} text
 */
export function say(text) {
  const said = byId("said");
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => fill(said), 6000);
}
/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;

const UNITS = /** @type {const} */ ([
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
]);
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/**
 * A time, as how long ago it was; exactly when one points at it.
 * @param {string | null | undefined} iso
 */
export function when(iso) {
  if (!iso) return h("span", { class: "none" }, "never");
  const at = new Date(iso);
  const seconds = (at.getTime() - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  const text = Math.abs(seconds) < 10 ? "just now" : ago.format(Math.trunc(seconds / length), unit);
  return h("time", { datetime: iso, title: exact.format(at) }, text);
}

/**
 * A status, as a dot and a word.
 * @param {string | null | undefined} status
 */
export function chip(status) {
  if (!status) return null;
  const word = status.toLowerCase().replaceAll("_", " ");
  return h("span", { class: "chip", "data-status": status }, word);
}

/**
 * An id, with a button that copies it.
 * @param {string} id
 * @param {string} what
 */
export function copyable(id, what) {
  const copy = () =>
    navigator.clipboard.writeText(id).then(
      () => say(`Copied the ${what}.`),
      () => say(`The ${what} could not be copied.`),
    );
  return h(
    "span",
    { class: "copyable" },
    h("code", {}, id),
    h("button", { type: "button", class: "quiet small", "aria-label": `Copy the ${what}`, onclick: copy }, "Copy"),
  );
}

/**
 * Facts, as terms and what they stand for.
 * @param {[string, Child][]} rows
 */
export function facts(rows) {
  return h("dl", { class: "facts" }, ...rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/**
 * A place where nothing is, and why.
 * @param {string} title
 * @param {...Child} more
 */
export function empty(title, ...more) {
  return h("div", { class: "empty" }, h("p", { class: "lead" }, title), ...more);
}

/**
 * What stands where something is on its way.
 * @param {number} [lines]
 */
export function loading(lines = 4) {
  const line = () => h("span", { class: "bone" });
  return h(
    "div",
    { class: "loading", role: "status" },
    h("span", { class: "unseen" }, "Loading"),
    ...Array.from({ length: lines }, line),
  );
}

/**
 * What went wrong, with what a person who asks for help should quote.
 * @param {unknown} error
 * @param {(() => void)} [again]
 */
export function trouble(error, again) {
  const { message, code, requestId } = /** @type {{ message: string, code?: string, requestId?: string }} */ (error);
  const quoted = [code, requestId && `request ${requestId}`].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "trouble", role: "alert" },
    h("p", { class: "lead" }, ...quotedIn(message)),
    code === "NOT_FOUND" && h("p", {}, "Or it is not for you: the two are answered alike."),
    quoted && h("p", { class: "quoted" }, h("code", {}, quoted)),
    again && h("button", { type: "button", onclick: again }, "Try again"),
  );
}

/**
 * What stands between backticks in the server's words is code.
 * @param {string} message
 */
const quotedIn = (message) => message.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));

/**
 * Shows in a place what comes of some work, and the trouble if there is any. What was asked for before and comes
 * late is not shown. Meanwhile there are bones, unless what is there is `the same` thing as is asked for: then it
 * stays until it is known anew, so that nothing moves away from under a pointer.
 * @template Result
 * @param {Element} place
 * @param {(signal: AbortSignal) => Promise<Result>} work
 * @param {(result: Result) => Child[]} draw
 * @param {string} [same] what it is that is shown
 */
export async function show(place, work, draw, same) {
  pending.get(place)?.abort();
  const abort = new AbortController();
  pending.set(place, abort);
  place.setAttribute("aria-busy", "true");
  const stays = same !== undefined && shown.get(place) === same;
  /** @param {() => Child[]} children @param {string} [what] */
  const put = async (children, what) => {
    await letGo(place);
    if (abort.signal.aborted) return;
    fill(place, ...children());
    shown.set(place, what);
  };
  // What takes no time to come needs no bones.
  const bones = stays ? undefined : setTimeout(() => put(() => [loading()]), 120);
  try {
    const result = await work(abort.signal);
    clearTimeout(bones);
    await put(() => draw(result), same);
  } catch (error) {
    clearTimeout(bones);
    await put(() => [trouble(error, () => show(place, work, draw, same))]);
  } finally {
    if (!abort.signal.aborted) place.removeAttribute("aria-busy");
  }
}
/** @type {WeakMap<Element, AbortController>} */
const pending = new WeakMap();
/** @type {WeakMap<Element, string | undefined>} */
const shown = new WeakMap();

// A click is a press and a release of one and the same element, so none is replaced in between.

/** What is pressed, and whom to tell when it is let go. @type {Element | null} */
let pressed = null;
/** @type {(() => void)[]} */
let waiting = [];

/** @param {Element} place @returns {Promise<void>} */
function letGo(place) {
  if (!pressed || !place.contains(pressed)) return Promise.resolve();
  return new Promise((resolve) => waiting.push(resolve));
}

function release() {
  pressed = null;
  const told = waiting;
  waiting = [];
  // The click comes after the release.
  setTimeout(() => {
    for (const resolve of told) resolve();
  });
}

addEventListener(
  "pointerdown",
  ({ target }) => {
    pressed = target instanceof Element ? target : null;
  },
  true,
);
for (const over of ["pointerup", "pointercancel", "dragend"]) addEventListener(over, release, true);
// The window's own: that of an element comes with every press.
addEventListener("blur", release);
