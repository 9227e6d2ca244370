// Who may do what to a task: the viewer, and those it is shared with.

import { share } from "./actions.js";
import { ask } from "./api.js";
import { askFirst } from "./dialog.js";
import { h, say, show } from "./dom.js";
import { ACCESS, UNSHARE } from "./operations.js";
import { PERMISSIONS } from "./permissions.js";

/** @import { AccessQuery } from "./generated/graphql.js" */
/** @import { Task } from "./actions.js" */

/**
 * @param {Element} place
 * @param {Task} task
 */
export function access(place, task) {
  const can = task.viewerCan;
  const asked = { id: task.id, creator: can?.update ?? false, access: can?.share ?? false };
  return show(
    place,
    (signal) => ask(ACCESS, asked, signal),
    ({ task: found }) => [
      h("h2", {}, "What you may do"),
      mine(task),
      h("h2", {}, "Who has a role on it"),
      found?.access
        ? roles(task, found.access, () => access(place, task))
        : h("p", { class: "hint" }, "Only those who may share a task see whom it is shared with."),
      found?.creator && h("p", { class: "hint" }, "Made by ", h("code", {}, found.creator), "."),
    ],
  );
}

/** @param {Task} task */
function mine({ viewerCan }) {
  const rows = Object.entries(PERMISSIONS).map(([permission, { does, who }]) => {
    const may = viewerCan?.[/** @type {keyof typeof PERMISSIONS} */ (permission)] ?? false;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, permission),
      h("td", {}, does),
      h("td", { class: may ? "yes" : "no" }, may ? "Yes" : `No: for ${who}`),
    );
  });
  const head = ["Action", "What it is", "You"].map((word) => h("th", { scope: "col" }, word));
  return h(
    "div",
    { class: "wide" },
    h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
  );
}

/**
 * @param {Task} task
 * @param {NonNullable<NonNullable<AccessQuery["task"]>["access"]>} list
 * @param {() => void} changed
 */
function roles(task, list, changed) {
  const called = task.name ?? task.id;
  const rows = list.map(({ principal, role }) => {
    const take = () =>
      askFirst({
        title: `Take it away from ${principal}?`,
        text: `They are no ${role.toLowerCase()} of “${called}” any more, at once.`,
        verb: "Take away",
        danger: true,
        run: async () => {
          await ask(UNSHARE, { id: task.id, principal, role: role === "EDITOR" ? "EDITOR" : "VIEWER" });
          say(`Taken away from ${principal}.`);
          changed();
        },
      });
    const button = h(
      "button",
      { type: "button", class: "small", onclick: take, "aria-label": `Take away: ${principal}, ${role.toLowerCase()}` },
      "Take away",
    );
    return h(
      "tr",
      {},
      h("td", {}, h("code", {}, principal)),
      h("td", {}, role.toLowerCase()),
      h("td", { class: "end" }, role !== "OWNER" && button),
    );
  });
  const head = ["Principal", "Role", ""].map((word) => h("th", { scope: "col" }, word));
  return h(
    "div",
    { class: "wide" },
    h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
    h(
      "p",
      {},
      h("button", { type: "button", onclick: () => share(task.id, called, { changed }) }, "Share with somebody"),
    ),
  );
}
