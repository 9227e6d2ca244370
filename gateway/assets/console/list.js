// The list of tasks: what the viewer may read, page by page.

import { ask } from "./api.js";
import { createTask } from "./create.js";
import { chip, empty, fill, h, say, show, trouble, when } from "./dom.js";
import { AGENTS, FIND, TASKS } from "./operations.js";
import { route, taskPath } from "./route.js";

/** @import { AgentsQuery, SummaryFragment, TaskOrder, TasksQuery, TaskStatus } from "./generated/graphql.js" */
/** @typedef {NonNullable<AgentsQuery["agents"]>["nodes"]} Agents */

/** @type {TaskStatus[]} */
const STATUSES = ["RUNNING", "INTERRUPTED", "COMPLETED", "FAILED", "CANCELED", "TERMINATED", "TIMED_OUT"];

/** @type {Record<string, [string, TaskOrder]>} */
const ORDERS = {
  changed: ["Recent", { field: "UPDATED_AT", direction: "DESC" }],
  made: ["Newest", { field: "CREATED_AT", direction: "DESC" }],
  name: ["Name", { field: "NAME", direction: "ASC" }],
};

/**
 * Puts the list in its place.
 * @param {Element} place
 */
export function taskList(place) {
  /** @type {Agents} */
  let agents = [];
  const search = h("input", {
    id: "find",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "Name or id",
  });
  const status = picker("status", "Status", [["", "Any status"], ...STATUSES.map((word) => choice(word))]);
  const agent = picker("agent", "Agent", [["", "Any agent"]]);
  const order = picker(
    "order",
    "Order",
    Object.entries(ORDERS).map(([key, [word]]) => [key, word]),
  );
  const results = h("div", { class: "results" });
  const found = h("div", {});

  /** @param {string} id @param {string} label @param {[string, string][]} options */
  function picker(id, label, options) {
    return h("select", { id, "aria-label": label, onchange: () => load() }, ...options.map(option));
  }

  /** @param {string | undefined} [after] @param {AbortSignal} [signal] */
  async function page(after, signal) {
    const filter = {
      ...(status.value && { status: /** @type {TaskStatus} */ (status.value) }),
      ...(agent.value && { agentId: agent.value }),
    };
    const asked = { filter, orderBy: ORDERS[order.value]?.[1] ?? null, after: after ?? null };
    return (await ask(TASKS, asked, signal)).tasks;
  }

  function load() {
    return show(
      results,
      (signal) => page(undefined, signal),
      (tasks) => [tasks?.nodes.length ? rows(tasks) : nothing()],
      "tasks",
    );
  }

  function nothing() {
    if (!status.value && !agent.value) {
      return empty(
        "No tasks yet",
        h("p", {}, "Tasks that you make, and those that others share with you, are listed here."),
      );
    }
    const clear = () => {
      status.value = agent.value = "";
      load();
    };
    return empty("No task fits", h("button", { type: "button", onclick: clear }, "Show all"));
  }

  /** @param {NonNullable<TasksQuery["tasks"]>} tasks */
  function rows(tasks) {
    const list = h("ul", { class: "tasks", "aria-label": "Tasks" }, ...tasks.nodes.map(row));
    const count = h("p", { class: "count" });
    const foot = h("div", {});
    /** @param {typeof tasks.pageInfo} info */
    const close = ({ hasNextPage, endCursor }) => {
      const shown = list.childElementCount;
      count.textContent = `${shown} ${shown === 1 ? "task" : "tasks"}${hasNextPage ? ", and there are more" : ""}`;
      fill(
        foot,
        hasNextPage && h("button", { type: "button", class: "more", onclick: () => more(endCursor) }, "Show more"),
      );
    };
    /** @param {string | null | undefined} cursor */
    const more = async (cursor) => {
      // Clicked twice, it would show the same page twice.
      const button = foot.querySelector("button");
      if (button) button.disabled = true;
      try {
        const next = await page(cursor ?? undefined);
        if (!next) return;
        const first = list.childElementCount;
        list.append(...next.nodes.map(row));
        close(next.pageInfo);
        /** @type {HTMLElement | null | undefined} */ (list.children[first]?.querySelector("a"))?.focus();
        mark();
      } catch (error) {
        fill(
          foot,
          trouble(error, () => more(cursor)),
        );
      }
    };
    close(tasks.pageInfo);
    queueMicrotask(mark);
    return h("div", {}, list, h("div", { class: "foot" }, count, foot));
  }

  /** Shows which of them is open. */
  function mark() {
    const { task } = route();
    for (const link of results.querySelectorAll("a.task")) {
      if (link.getAttribute("data-id") === task) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** @param {SubmitEvent} event */
  async function find(event) {
    event.preventDefault();
    const typed = search.value.trim();
    if (!typed) return;
    fill(found);
    const asked = [{ name: typed }, { id: typed }];
    for (const [at, variables] of asked.entries()) {
      try {
        const { task } = await ask(FIND, variables);
        if (task) location.hash = taskPath(task.id);
        return;
      } catch (error) {
        const missing = /** @type {{ code?: string }} */ (error).code === "NOT_FOUND";
        if (missing && at === 0) continue;
        fill(
          found,
          missing
            ? h("p", { class: "hint", role: "alert" }, "No task of this name or id, or it is not for you.")
            : trouble(error),
        );
      }
    }
  }

  function make() {
    createTask(
      agents.filter((agent) => agent.viewerCan?.execute),
      async (id) => {
        say("The task was made.");
        await load();
        location.hash = taskPath(id);
      },
    );
  }

  async function fillAgents() {
    agents = (await ask(AGENTS, {})).agents?.nodes ?? [];
    fill(agent, option(["", "Any agent"]), ...agents.map(({ id, name }) => option([id, name ?? id])));
  }

  fill(
    place,
    h(
      "div",
      { class: "head" },
      h("h1", {}, "Tasks"),
      h("button", { type: "button", class: "quiet", onclick: () => load() }, "Refresh"),
      h("button", { type: "button", onclick: make, "aria-haspopup": "dialog" }, "New task"),
    ),
    h(
      "form",
      { class: "find", role: "search", onsubmit: find },
      h("label", { for: "find", class: "unseen" }, "Open a task by its name or id"),
      search,
      h("button", {}, "Open"),
    ),
    found,
    h("div", { class: "filters" }, status, agent, order),
    results,
  );
  load();
  fillAgents().catch((error) =>
    fill(
      found,
      trouble(error, () => fillAgents().then(() => fill(found))),
    ),
  );
  return { load, mark, make, search, step };

  /** Goes to the next task, or to the one before. @param {1 | -1} towards */
  function step(towards) {
    const links = [...results.querySelectorAll("a.task")];
    const here = links.indexOf(/** @type {Element} */ (document.activeElement));
    const open = links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = links[here < 0 && open < 0 ? 0 : (here < 0 ? open : here) + towards];
    if (next instanceof HTMLElement) next.focus();
  }
}

/** @param {[string, string]} pair */
const option = ([value, word]) => h("option", { value }, word);

/** @param {TaskStatus} word @returns {[string, string]} */
const choice = (word) => [word, word.charAt(0) + word.slice(1).toLowerCase().replaceAll("_", " ")];

/** @param {SummaryFragment} task */
function row({ id, name, status, updatedAt }) {
  return h(
    "li",
    {},
    h(
      "a",
      { class: "task", href: taskPath(id), "data-id": id },
      h("span", { class: name ? "name" : "name unnamed", title: name }, name ?? id),
      h("span", { class: "about" }, chip(status), when(updatedAt)),
    ),
  );
}
