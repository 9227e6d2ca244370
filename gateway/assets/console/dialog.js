// Dialogs that ask before something is done. Esc closes them, and what opened them has the focus again.

import { fill, h, trouble } from "./dom.js";

/** @typedef {{ name: string, label: string, hint?: string, value?: string, kind?: "text" | "json", required?: boolean, options?: [string, string][] }} Field */
/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} verb what the button says
 * @property {boolean} [danger] whether it cannot be undone
 * @property {Field[]} [fields]
 * @property {(values: Record<string, string>) => Promise<void>} run
 */

let opened = 0;

/** @param {Field} field @param {string} id */
function control({ name, kind, value, required, options }, id) {
  const attributes = { id, name, required, autocomplete: "off", "aria-describedby": `${id}-hint` };
  if (options) return h("select", attributes, ...options.map(([key, word]) => h("option", { value: key }, word)));
  if (kind === "json") return h("textarea", { ...attributes, rows: 8, spellcheck: "false" }, value);
  return h("input", { ...attributes, value });
}

/**
 * Asks, and does it when the answer is yes. It stays open while there is trouble.
 * @param {Question} question
 */
export function askFirst({ title, text, verb, danger, fields = [], run }) {
  const key = `dialog-${++opened}`;
  const alert = h("div", {});
  const yes = h("button", { class: danger ? "danger" : "primary" }, verb);
  const no = h("button", { type: "button", onclick: () => dialog.close() }, "Go back");
  const rows = fields.map((field) => {
    const id = `${key}-${field.name}`;
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, field.label),
      control(field, id),
      h("p", { class: "hint", id: `${id}-hint` }, field.hint),
    );
  });
  const form = h(
    "form",
    { onsubmit: submit },
    h("h2", { id: `${key}-title` }, title),
    h("p", { id: `${key}-text` }, text),
    ...rows,
    alert,
    h("div", { class: "choices" }, no, yes),
  );
  const named = { "aria-labelledby": `${key}-title`, "aria-describedby": `${key}-text` };
  const dialog = h("dialog", { ...named, onclose: () => dialog.remove() }, form);

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    const entries = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    yes.disabled = true;
    fill(alert);
    try {
      await run(Object.fromEntries(entries));
      dialog.close();
    } catch (error) {
      fill(alert, trouble(error));
      yes.disabled = false;
      yes.focus();
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  // Where nothing is to be typed, the harmless choice is the near one.
  if (fields.length === 0) no.focus();
}

/**
 * Shows something until it is closed.
 * @param {string} title
 * @param {...Node} children
 */
export function showDialog(title, ...children) {
  const id = `dialog-${++opened}-title`;
  const close = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, onclose: () => dialog.remove() },
    h("h2", { id }, title),
    ...children,
    h("div", { class: "choices" }, close),
  );
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

/**
 * The JSON object that was typed; nothing for nothing.
 * @param {string | undefined} text
 * @param {string} what
 * @returns {Record<string, unknown> | undefined}
 */
export function typedObject(text, what) {
  if (!text?.trim()) return undefined;
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is no JSON: ${/** @type {Error} */ (error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${what} must be a JSON object.`);
  return value;
}
