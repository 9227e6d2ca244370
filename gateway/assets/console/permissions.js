// What may be done to a task, and why not. The server decides; this only says beforehand what it would.

/** @import { PermittedFragment } from "./generated/graphql.js" */

/** @typedef {"read" | "update" | "execute" | "cancel" | "delete" | "share"} Permission */

/** @type {Record<Permission, { does: string, who: string }>} */
export const PERMISSIONS = {
  read: { does: "See it, and everything it owns", who: "viewers, editors and its owner" },
  update: { does: "Change it, and add to what it owns", who: "editors and its owner" },
  execute: { does: "Commit how far an agent has read", who: "its owner, and its agent" },
  cancel: { does: "End it on the owner's word", who: "its owner" },
  delete: { does: "Remove it and everything it owns", who: "its owner" },
  share: { does: "Let others see or edit it", who: "its owner" },
};

/**
 * Why somebody may not do something to a task as it stands; null if they may.
 * @param {PermittedFragment} task
 * @param {Permission} needs
 * @param {readonly string[]} [from] the statuses in which it can be done, if it is not all of them
 */
export function whyNot(task, needs, from) {
  if (!task.viewerCan?.[needs]) return `You may not: this is for ${PERMISSIONS[needs].who}.`;
  const status = task.status ?? "";
  if (!from || from.includes(status)) return null;
  return `Not now: the task is ${status.toLowerCase().replaceAll("_", " ")}.`;
}
