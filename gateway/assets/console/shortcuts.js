// Keys. Single ones can be switched off, since some people speak to their computer.

import { showDialog } from "./dialog.js";
import { h } from "./dom.js";

const KEPT = "taskgate:keys";
const on = () => localStorage.getItem(KEPT) !== "off";

/** @typedef {{ key: string, does: string, run: () => void }} Shortcut */

/**
 * Listens for these.
 * @param {Shortcut[]} shortcuts
 * @returns {() => void} what shows them
 */
export function listen(shortcuts) {
  document.addEventListener("keydown", (event) => {
    const busy = event.target instanceof Element && event.target.closest("input, select, textarea, dialog");
    if (!on() || busy || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
      return;
    const shortcut = shortcuts.find(({ key }) => key === event.key);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run();
  });
  return () => help(shortcuts);
}

/** @param {Shortcut[]} shortcuts */
function help(shortcuts) {
  const row = (/** @type {string} */ key, /** @type {string} */ does) =>
    h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, does));
  const single = h("input", {
    type: "checkbox",
    id: "single-keys",
    checked: on(),
    onchange: () => localStorage.setItem(KEPT, single.checked ? "on" : "off"),
  });
  showDialog(
    "Keys",
    h(
      "table",
      { class: "keys" },
      h(
        "tbody",
        {},
        ...shortcuts.map(({ key, does }) => row(key, does)),
        row("Tab", "Go on to the next thing"),
        row("Esc", "Close a dialog"),
      ),
    ),
    h("p", { class: "check" }, single, h("label", { for: "single-keys" }, "Listen for single keys")),
  );
}
