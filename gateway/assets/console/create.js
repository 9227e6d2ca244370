// Making a task.

import { ask } from "./api.js";
import { askFirst, showDialog, typedObject } from "./dialog.js";
import { h } from "./dom.js";
import { CREATE } from "./operations.js";

/**
 * @param {readonly { id: string, name?: string | null }[]} agents those that the viewer may have work
 * @param {(id: string) => Promise<void>} made
 */
export function createTask(agents, made) {
  if (agents.length === 0) {
    showDialog(
      "No agent to work on it",
      h(
        "p",
        {},
        "A task runs on an agent, and you may not have any agent work. Its owner can make you an editor of it.",
      ),
    );
    return;
  }
  askFirst({
    title: "New task",
    text: "It runs on the agent at once, and is yours.",
    verb: "Make it",
    fields: [
      { name: "name", label: "Name", hint: "Unique in your tenant; may be left out." },
      { name: "agentId", label: "Agent", options: agents.map(({ id, name }) => [id, name ?? id]) },
      {
        name: "params",
        label: "Params",
        kind: "json",
        hint: "What the agent is asked to work with: a JSON object, or nothing.",
      },
    ],
    run: async ({ name, agentId, params }) => {
      const input = { agentId: agentId ?? "", name: name || null, params: typedObject(params, "Params") ?? null };
      const { createTask } = await ask(CREATE, { input });
      if (createTask) await made(createTask.id);
    },
  });
}
