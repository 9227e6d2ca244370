// What can be done to a task: a button each, which says why when it cannot be used.

import { ask } from "./api.js";
import { askFirst, typedObject } from "./dialog.js";
import { h, say } from "./dom.js";
import { pretty } from "./json.js";
import { CANCEL, COMPLETE, DELETE, FAIL, INTERRUPT, SHARE, UPDATE } from "./operations.js";
import { whyNot } from "./permissions.js";

/** @import { TaskQuery } from "./generated/graphql.js" */
/** @import { Operation } from "./operations.js" */
/** @import { Permission } from "./permissions.js" */
/** @typedef {NonNullable<TaskQuery["task"]>} Task */
/** @typedef {{ changed: () => void, gone: () => void }} Then */
/** @typedef {{ word: string, needs: Permission, from?: string[], danger?: boolean, start: () => void }} Action */

const OPEN = ["RUNNING", "INTERRUPTED"];

/**
 * @param {Task} task
 * @param {Then} then
 * @returns {Action[]}
 */
function actions(task, then) {
  const { id } = task;
  const called = task.name ?? id;

  /**
   * A step along the status machine.
   * @param {string} word
   * @param {string} done
   * @param {Permission} needs
   * @param {Operation<unknown, { id: string, reason?: string | null }>} operation
   * @param {string} text
   * @param {string[]} [from]
   * @returns {Action}
   */
  const step = (word, done, needs, operation, text, from = OPEN) => ({
    word,
    needs,
    from,
    start: () =>
      askFirst({
        title: `${word} “${called}”?`,
        text,
        verb: word,
        fields: [{ name: "reason", label: "Reason", hint: "Kept with the task; may be left out." }],
        run: async ({ reason }) => {
          await ask(operation, { id, reason: reason || null });
          say(`${done} “${called}”.`);
          then.changed();
        },
      }),
  });

  return [
    { word: "Edit", needs: "update", start: () => edit(task, then) },
    { word: "Share", needs: "share", start: () => share(id, called, then) },
    step("Interrupt", "Interrupted", "update", INTERRUPT, "It stops for now. Its next turn resumes it.", ["RUNNING"]),
    step("Complete", "Completed", "update", COMPLETE, "Its work is done. A completed task stays completed."),
    step("Fail", "Failed", "update", FAIL, "Its work broke. A failed task stays failed."),
    step("Cancel", "Canceled", "cancel", CANCEL, "It ends on its owner’s word. A canceled task stays canceled."),
    {
      word: "Delete",
      needs: "delete",
      danger: true,
      start: () =>
        askFirst({
          title: `Delete “${called}”?`,
          text: "The task goes, and with it its trackers, checkpoints, events and messages. This cannot be undone.",
          verb: "Delete",
          danger: true,
          run: async () => {
            await ask(DELETE, { id });
            say(`Deleted “${called}”.`);
            then.gone();
          },
        }),
    },
  ];
}

/** @param {Task} task @param {Then} then */
function edit({ id, name, taskMetadata }, then) {
  askFirst({
    title: `Edit “${name ?? id}”`,
    text: "Metadata is what clients keep with a task, and is replaced by what stands here. Params are set one by one; the others stay.",
    verb: "Save",
    fields: [
      {
        name: "taskMetadata",
        label: "Metadata",
        kind: "json",
        value: taskMetadata ? pretty(taskMetadata) : "{}",
        hint: "A JSON object.",
      },
      { name: "mergeParams", label: "Params to set", kind: "json", hint: "A JSON object, or nothing." },
    ],
    run: async ({ taskMetadata, mergeParams }) => {
      const [metadata, params] = [typedObject(taskMetadata, "Metadata"), typedObject(mergeParams, "Params")];
      await ask(UPDATE, {
        id,
        input: { ...(metadata && { taskMetadata: metadata }), ...(params && { mergeParams: params }) },
      });
      say("Saved.");
      then.changed();
    },
  });
}

/**
 * @param {string} id
 * @param {string} called
 * @param {{ changed: () => void }} then
 */
export function share(id, called, then) {
  askFirst({
    title: `Share “${called}”`,
    text: "They have the role at once, and it can be taken away again.",
    verb: "Share",
    fields: [
      { name: "principal", label: "With whom", required: true, hint: "user:ID, service_account:ID or agent:ID" },
      {
        name: "role",
        label: "As",
        options: [
          ["VIEWER", "Viewer: may see it"],
          ["EDITOR", "Editor: may change it"],
        ],
      },
    ],
    run: async ({ principal, role }) => {
      await ask(SHARE, { id, principal: (principal ?? "").trim(), role: role === "EDITOR" ? "EDITOR" : "VIEWER" });
      say(`Shared with ${principal}.`);
      then.changed();
    },
  });
}

/**
 * The buttons. One that cannot be used can still be reached, so that it can say why.
 * @param {Task} task
 * @param {Then} then
 */
export function actionBar(task, then) {
  const buttons = actions(task, then).map(({ word, needs, from, danger, start }) => {
    const why = whyNot(task, needs, from);
    const look = danger ? "danger outline" : null;
    if (!why) return h("button", { type: "button", class: look, "aria-haspopup": "dialog", onclick: start }, word);
    const id = `why-${word}`;
    return h(
      "span",
      { class: "denied" },
      h(
        "button",
        {
          type: "button",
          class: look,
          "aria-disabled": "true",
          "aria-describedby": id,
          onclick: () => say(`${word}: ${why}`),
        },
        word,
      ),
      h("span", { class: "tip", role: "tooltip", id }, why),
    );
  });
  return h(
    "div",
    {},
    h("div", { class: "actions", role: "group", "aria-label": "What can be done" }, ...buttons),
    h("p", { class: "hint" }, summary(task)),
  );
}

/** In a few words, what somebody is to a task who may not do everything. @param {Task} task */
function summary({ viewerCan }) {
  if (viewerCan?.share) return null;
  return viewerCan?.update
    ? "You may change this task, but not end or share it for its owner."
    : "You may see this task, but not change it.";
}
