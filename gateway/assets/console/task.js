// The page of a task.

import { access } from "./access.js";
import { actionBar } from "./actions.js";
import { ask } from "./api.js";
import { checkpoint, checkpoints } from "./checkpoint.js";
import { events, messages } from "./conversation.js";
import { chip, copyable, empty, facts, fill, h, show, when } from "./dom.js";
import { documentView } from "./json.js";
import { TASK, TRACKERS } from "./operations.js";
import { TABS, taskPath } from "./route.js";

/** @import { Task } from "./actions.js" */
/** @import { Route } from "./route.js" */

/**
 * @param {Element} place
 * @param {Route & { task: string }} route
 * @param {{ changed: () => void, gone: () => void }} then
 */
export function taskPage(place, route, then) {
  const reload = () => taskPage(place, route, then);
  return show(
    place,
    (signal) => ask(TASK, { id: route.task }, signal),
    ({ task }) => {
      if (!task) return [empty("There is no such task")];
      const panel = h("section", { class: "panel", "aria-label": route.tab });
      part(panel, task, route);
      const changed = () => {
        then.changed();
        reload();
      };
      return [
        h("a", { class: "back", href: "#/" }, "← All tasks"),
        h(
          "header",
          { class: "title" },
          h("h1", { id: "task-name", tabindex: -1 }, task.name ?? task.id),
          chip(task.status),
        ),
        task.statusReason && h("p", { class: "reason" }, task.statusReason),
        actionBar(task, { changed, gone: then.gone }),
        h(
          "nav",
          { class: "tabs", "aria-label": "Parts of the task" },
          ...TABS.map((tab) => link(task.id, tab, tab === route.tab)),
        ),
        panel,
      ];
    },
    route.task,
  );
}

/** @param {string} id @param {string} tab @param {boolean} current */
function link(id, tab, current) {
  return h(
    "a",
    { href: taskPath(id, tab), "aria-current": current && "page" },
    tab.charAt(0).toUpperCase() + tab.slice(1),
  );
}

/** @param {Element} panel @param {Task} task @param {Route} route */
function part(panel, task, route) {
  switch (route.tab) {
    case "trackers":
      return trackers(panel, task);
    case "checkpoints":
      return route.checkpoint ? checkpoint(panel, route) : checkpoints(panel, task.id);
    case "events":
      return events(panel, task);
    case "messages":
      return messages(panel, task);
    case "access":
      return access(panel, task);
    default:
      return overview(panel, task);
  }
}

/** @param {Element} panel @param {Task} task */
function overview(panel, task) {
  const agents = (task.agents ?? []).map(({ id, name }) => h("li", {}, name ?? h("code", {}, id)));
  fill(
    panel,
    facts([
      ["Id", copyable(task.id, "task id")],
      ["Made", when(task.createdAt)],
      ["Changed", when(task.updatedAt)],
      ["Agents", agents.length ? h("ul", { class: "plain" }, ...agents) : "None that you may see"],
      ...(task.cleanedAt ? [/** @type {[string, Node]} */ (["Cleaned", when(task.cleanedAt)])] : []),
    ]),
    h("h2", {}, "Params"),
    task.params ? documentView(task.params, "Params") : h("p", { class: "hint" }, "None."),
    h("h2", {}, "Metadata"),
    task.taskMetadata ? documentView(task.taskMetadata, "Metadata") : h("p", { class: "hint" }, "None."),
  );
}

/** @param {Element} panel @param {Task} task */
function trackers(panel, task) {
  const names = new Map((task.agents ?? []).map(({ id, name }) => [id, name]));
  return show(
    panel,
    (signal) => ask(TRACKERS, { id: task.id }, signal),
    ({ task: found }) => {
      const list = found?.trackers ?? [];
      if (list.length === 0) return [empty("No agent tracks it")];
      return list.map((tracker) =>
        h(
          "article",
          { class: "card" },
          h("h2", {}, names.get(tracker.agentId ?? "") ?? h("code", {}, tracker.agentId ?? tracker.id)),
          facts([
            [
              "Stands on",
              tracker.lastProcessedEventId ? copyable(tracker.lastProcessedEventId, "event id") : "no event yet",
            ],
            ["Status", tracker.status ?? "–"],
            ["Reason", tracker.statusReason ?? "–"],
            ["Changed", when(tracker.updatedAt ?? null)],
            ["Tracker", copyable(tracker.id, "tracker id")],
          ]),
        ),
      );
    },
  );
}
