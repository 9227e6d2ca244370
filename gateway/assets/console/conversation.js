// A task's events, which its agents read, and its messages, which people do.

import { read } from "./api.js";
import { chip, empty, fill, h, show, trouble, when } from "./dom.js";
import { documentView } from "./json.js";

/** @import { Task } from "./actions.js" */
/** @typedef {{ id: string, sequence_id: number, content: unknown, created_at: string }} Event */
/** @typedef {{ id: string, content: Record<string, unknown>, streaming_status: string | null, created_at: string }} Message */

const PAGE = 50;

/**
 * What says something, and has an author if it is agentex's.
 * @param {string} at
 * @param {unknown} content
 * @param {string} label
 * @param {...(Node | null)} more
 */
function entry(at, content, label, ...more) {
  const { type, author, content: said } = /** @type {Record<string, unknown>} */ (content ?? {});
  const text = type === "text" && typeof said === "string";
  return h(
    "li",
    { class: "entry" },
    h("p", { class: "about" }, h("strong", {}, typeof author === "string" ? author : label), when(at), ...more),
    text ? h("p", { class: "saying" }, said) : documentView(content, label),
  );
}

/**
 * Entries, and a button for those that come next.
 * @template Entry
 * @param {Entry[]} first
 * @param {(entry: Entry) => Node} draw
 * @param {string} word
 * @param {(last: Entry) => Promise<{ entries: Entry[], more: boolean }>} next
 * @param {boolean} more
 */
function pages(first, draw, word, next, more) {
  const list = h("ol", { class: "entries" });
  const foot = h("div", { class: "foot" });
  /** @param {Entry[]} entries @param {boolean} more */
  const add = (entries, more) => {
    list.append(...entries.map(draw));
    const last = entries.at(-1);
    fill(
      foot,
      more && last !== undefined && h("button", { type: "button", class: "more", onclick: () => goOn(last) }, word),
    );
  };
  /** @param {Entry} last @returns {Promise<void>} */
  const goOn = (last) =>
    next(last).then(
      (page) => add(page.entries, page.more),
      (error) =>
        fill(
          foot,
          trouble(error, () => goOn(last)),
        ),
    );
  add(first, more);
  return h("div", {}, list, foot);
}

/**
 * @param {Element} place
 * @param {Task} task
 */
export function events(place, task) {
  const agents = task.agents ?? [];
  /** @param {string} agent @param {string | null} after @param {AbortSignal} [signal] @returns {Promise<Event[]>} */
  const page = (agent, after, signal) =>
    read(
      "events",
      { task_id: task.id, agent_id: agent, limit: PAGE, ...(after && { last_processed_event_id: after }) },
      signal,
    );
  const load = (/** @type {AbortSignal} */ signal) => Promise.all(agents.map((agent) => page(agent.id, null, signal)));
  return show(place, load, (lists) => {
    if (agents.length === 0)
      return [
        empty(
          "No agent that you may see works on it",
          h("p", {}, "Events are for an agent, and whoever reads them may read both."),
        ),
      ];
    return agents.flatMap((agent, at) => {
      const first = lists[at] ?? [];
      const draw = (/** @type {Event} */ event) =>
        entry(event.created_at, event.content, "event", h("span", { class: "hint" }, `no. ${event.sequence_id}`));
      const next = async (/** @type {Event} */ last) => {
        const entries = await page(agent.id, last.id);
        return { entries, more: entries.length === PAGE };
      };
      return [
        h("h2", {}, "For ", h("span", {}, agent.name ?? agent.id), ", oldest first"),
        first.length ? pages(first, draw, "Show later ones", next, first.length === PAGE) : empty("No events"),
      ];
    });
  });
}

/**
 * @param {Element} place
 * @param {Task} task
 */
export function messages(place, task) {
  let cursor = "";
  /** @param {AbortSignal} [signal] @returns {Promise<{ entries: Message[], more: boolean }>} */
  const page = async (signal) => {
    const found = await read(
      "messages/paginated",
      { task_id: task.id, limit: PAGE, ...(cursor && { cursor }) },
      signal,
    );
    cursor = found.next_cursor ?? "";
    return { entries: found.data, more: found.has_more };
  };
  const draw = (/** @type {Message} */ message) =>
    entry(
      message.created_at,
      message.content,
      "message",
      message.streaming_status === "IN_PROGRESS" ? chip("RUNNING") : null,
    );
  return show(place, page, ({ entries, more }) =>
    entries.length
      ? [h("h2", {}, "Newest first"), pages(entries, draw, "Show older ones", () => page(), more)]
      : [empty("Nobody has said anything yet")],
  );
}
