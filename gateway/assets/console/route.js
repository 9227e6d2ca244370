// Where one is, as the address says it: what follows `#` is never sent to the server, and can be bookmarked.

/** @typedef {{ task: string | null, tab: string, checkpoint: string | null, namespace: string }} Route */

/** The parts of a task's page. */
export const TABS = /** @type {const} */ (["overview", "trackers", "checkpoints", "events", "messages", "access"]);

/** @returns {Route} */
export function route() {
  const [path, query] = location.hash.slice(1).split("?");
  const [, noun, task, tab, checkpoint] = (path ?? "").split("/").map(decode);
  const known = TABS.find((known) => known === tab) ?? "overview";
  if (noun !== "tasks" || !task) return { task: null, tab: known, checkpoint: null, namespace: "" };
  return { task, tab: known, checkpoint: checkpoint ?? null, namespace: new URLSearchParams(query).get("ns") ?? "" };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The address of a task's page, or of a part of it.
 * @param {string} id
 * @param {string} [tab]
 */
export function taskPath(id, tab = "overview") {
  return `#/tasks/${encodeURIComponent(id)}${tab === "overview" ? "" : `/${tab}`}`;
}

/**
 * The address of a checkpoint.
 * @param {string} id
 * @param {{ namespace: string, checkpointId: string }} checkpoint
 */
export function checkpointPath(id, { namespace, checkpointId }) {
  const query = namespace ? `?${new URLSearchParams({ ns: namespace })}` : "";
  return `${taskPath(id, "checkpoints")}/${encodeURIComponent(checkpointId)}${query}`;
}
