// The checkpoints of a thread: its history, one of them, and what each changed.

import { ask, Trouble } from "./api.js";
import { copyable, empty, facts, fill, h, show, trouble } from "./dom.js";
import { changes, documentView } from "./json.js";
import { CHECKPOINT, CHECKPOINTS } from "./operations.js";
import { checkpointPath, taskPath } from "./route.js";

/** @import { CheckpointQuery, CheckpointsQuery } from "./generated/graphql.js" */
/** @import { Route } from "./route.js" */
/** @typedef {NonNullable<NonNullable<NonNullable<CheckpointsQuery["task"]>["checkpoints"]>>} Connection */
/** @typedef {NonNullable<CheckpointQuery["checkpoint"]>} Checkpoint */

/**
 * The history of a thread, the latest first.
 * @param {Element} place
 * @param {string} id
 */
export function checkpoints(place, id) {
  /** @param {string | null} after @param {AbortSignal} [signal] */
  const page = async (after, signal) => (await ask(CHECKPOINTS, { id, after }, signal)).task?.checkpoints;
  return show(
    place,
    (signal) => page(null, signal),
    (first) => {
      if (!first?.nodes.length)
        return [
          empty(
            "No checkpoints yet",
            h("p", {}, "A graph that runs with this task’s id as its thread id keeps its states here."),
          ),
        ];
      const body = h("tbody", {});
      const foot = h("div", { class: "foot" });
      /** @param {Connection} connection */
      const add = ({ nodes, pageInfo }) => {
        body.append(...nodes.map((node) => row(id, node)));
        fill(
          foot,
          pageInfo.hasNextPage &&
            h(
              "button",
              { type: "button", class: "more", onclick: () => more(pageInfo.endCursor ?? null) },
              "Show older ones",
            ),
        );
      };
      /** @param {string | null} cursor @returns {Promise<void>} */
      const more = (cursor) =>
        page(cursor).then(
          (next) => {
            if (next) add(next);
          },
          (error) =>
            fill(
              foot,
              trouble(error, () => more(cursor)),
            ),
        );
      add(first);
      const head = ["Step", "Source", "Namespace", "Checkpoint"].map((word) => h("th", { scope: "col" }, word));
      return [
        h("div", { class: "wide" }, h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ...head)), body)),
        foot,
      ];
    },
  );
}

/**
 * @param {string} id
 * @param {Connection["nodes"][number]} node
 */
function row(id, node) {
  const { step, source } = /** @type {Record<string, unknown>} */ (node.metadata ?? {});
  const word = (/** @type {unknown} */ value) => (value === undefined || value === null ? "–" : String(value));
  return h(
    "tr",
    {},
    h("td", { class: "number" }, word(step)),
    h("td", {}, word(source)),
    h("td", {}, node.namespace || "root"),
    h("td", {}, h("a", { href: checkpointPath(id, node) }, h("code", {}, node.checkpointId))),
  );
}

/**
 * One checkpoint.
 * @param {Element} place
 * @param {Route} route
 */
export function checkpoint(place, { task, checkpoint: checkpointId, namespace }) {
  const threadId = task ?? "";
  /** @param {string} checkpointId @param {AbortSignal} [signal] */
  const get = async (checkpointId, signal) =>
    (await ask(CHECKPOINT, { threadId, namespace, checkpointId }, signal)).checkpoint;
  const load = async (/** @type {AbortSignal} */ signal) => {
    const found = await get(checkpointId ?? "", signal);
    if (!found) throw new Trouble("The thread has no such checkpoint.", "NOT_FOUND", null);
    return found;
  };
  return show(place, load, (found) => {
    const parent = found.parentCheckpointId;
    const view = h("div", { class: "view" });
    const whole = () =>
      fill(
        view,
        h("h2", {}, "Checkpoint"),
        documentView(found.checkpoint, "Checkpoint"),
        h("h2", {}, "Metadata"),
        documentView(found.metadata, "Metadata"),
      );
    const changed = () =>
      show(
        view,
        (signal) => get(parent ?? "", signal),
        (before) => {
          if (!before) return [empty("Its parent is not there any more")];
          return [
            h("h2", {}, "Checkpoint"),
            changes(before.checkpoint, found.checkpoint, "Changes of the checkpoint"),
            h("h2", {}, "Metadata"),
            changes(before.metadata, found.metadata, "Changes of the metadata"),
          ];
        },
      );
    const views = [
      switchTo("Document", whole, true),
      ...(parent ? [switchTo("Changes since its parent", changed, false)] : []),
    ];
    whole();
    return [
      h("p", { class: "up" }, h("a", { href: taskPath(threadId, "checkpoints") }, "← All checkpoints")),
      facts([
        ["Checkpoint", copyable(found.checkpointId, "checkpoint id")],
        ["Namespace", found.namespace || "root"],
        [
          "Parent",
          parent
            ? h("a", { href: checkpointPath(threadId, { namespace, checkpointId: parent }) }, h("code", {}, parent))
            : "none",
        ],
      ]),
      h("fieldset", { class: "switch" }, h("legend", { class: "unseen" }, "View"), ...views),
      view,
      ...attachments(found),
    ];
  });
}

/** @param {string} word @param {() => void} show @param {boolean} checked */
function switchTo(word, show, checked) {
  return h("label", {}, h("input", { type: "radio", name: "view", checked, onchange: show }), h("span", {}, word));
}

/** @param {Checkpoint} checkpoint */
function attachments({ blobs, pendingWrites }) {
  return [
    h("h2", {}, "Channel values"),
    table(
      ["Channel", "Version", "Type"],
      (blobs ?? []).map(({ channel, version, type }) => [channel, version, type]),
    ),
    h("h2", {}, "Pending writes"),
    table(
      ["Task", "Index", "Channel", "Type"],
      (pendingWrites ?? []).map(({ taskId, idx, channel, type }) => [taskId, String(idx), channel, type ?? "–"]),
    ),
  ];
}

/** @param {string[]} heads @param {string[][]} rows */
function table(heads, rows) {
  if (rows.length === 0) return h("p", { class: "hint" }, "None.");
  const head = h("thead", {}, h("tr", {}, ...heads.map((word) => h("th", { scope: "col" }, word))));
  const body = h(
    "tbody",
    {},
    ...rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, h("code", {}, cell))))),
  );
  return h("div", { class: "wide" }, h("table", { class: "grid" }, head, body));
}
