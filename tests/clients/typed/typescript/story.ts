/** The README's story, told by the generated documents: what a viewer sees, what an owner does, what is denied. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { buildSchema, validateSchema } from "graphql";
import { Client, Refused, type Trouble } from "./client.ts";
import * as ask from "./generated/graphql.ts";

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

interface Member {
  readonly token: string;
  readonly principal: string;
}
const demo = JSON.parse(env("DEMO")) as { graphql_url: string; agent_id: string; principals: Record<string, Member> };

function member(part: string): Member {
  const found = demo.principals[part];
  if (found === undefined) throw new Error(`the demo has no ${part}`);
  return found;
}
const client = (part: string): Client => new Client(demo.graphql_url, member(part).token);

/** What may be null when somebody may not see it. Whoever is asking here may. */
function there<Value>(value: Value | null | undefined): Value {
  assert.ok(value !== null && value !== undefined, "it is there");
  return value;
}

const [owner, viewer] = [client("owner"), client("viewer")];
const hidden = (path: readonly string[]): object => ({ path, code: "NOT_FOUND" });
const told = (errors: readonly Trouble[]): object[] =>
  errors.map((error) => ({ path: error.path, code: error.extensions?.code }));

// The schema is one that every tool takes; the generators are content with less.
assert.deepEqual(validateSchema(buildSchema(readFileSync("schema.graphql", "utf8"))), []);

// The viewer lists, page by page, and may read and nothing else.
assert.equal((await viewer.get(ask.ViewerDocument, {})).viewer.principal, member("viewer").principal);
const names: string[] = [];
for (let after: string | null = null, more = true; more; ) {
  const page: ask.TasksQuery = await viewer.get(ask.TasksDocument, { first: 2, after, orderBy: { field: "NAME", direction: "ASC" } });
  const { nodes, pageInfo } = there(page.tasks);
  for (const task of nodes) {
    names.push(there(task.name));
    assert.deepEqual(task.viewerCan, { read: true, update: false, execute: false, cancel: false, delete: false, share: false });
  }
  more = pageInfo.hasNextPage;
  after = pageInfo.endCursor ?? null;
}
assert.deepEqual(names, ["demo-report", "demo-research", "demo-triage"]);

// The owner makes a task, and may do everything to it.
const name = `typed-${crypto.randomUUID()}`;
const input = { agentId: demo.agent_id, name, taskMetadata: { made: "by a typed client" } };
const made = there((await owner.get(ask.CreateTaskDocument, { input })).createTask);
const { id } = made;
assert.equal(made.status, "RUNNING");
assert.deepEqual(made.taskMetadata, { made: "by a typed client" });
assert.ok(Object.values(there(made.viewerCan)).every((may) => may));
await assert.rejects(owner.get(ask.CreateTaskDocument, { input }), (error) => error instanceof Refused && told(error.troubles).length === 1);

// The agent's tracker stands nowhere, until a cursor is committed; it never moves back.
const trackers = async () => there(there((await owner.get(ask.TaskTrackersDocument, { id })).task).trackers);
const tracker = there((await trackers())[0]);
assert.equal(tracker.agentId, demo.agent_id);
assert.equal(tracker.lastProcessedEventId, null);
const append = async () => there((await owner.get(ask.AppendEventDocument, { input: { taskId: id, agentId: demo.agent_id, content: { n: 1 } } })).appendEvent);
const [first, second] = [await append(), await append()];
assert.ok(BigInt(there(first.sequenceId)) < BigInt(there(second.sequenceId)));
const commit = (event: string) => owner.ask(ask.CommitCursorDocument, { id: tracker.id, input: { lastProcessedEventId: event, status: "reading" } });
assert.deepEqual((await commit(second.id)).data, { updateTracker: { lastProcessedEventId: second.id, status: "reading" } });
assert.deepEqual(told((await commit(first.id)).errors), [{ path: ["updateTracker"], code: "FAILED_PRECONDITION" }]);
assert.equal(there((await trackers())[0]).lastProcessedEventId, second.id);

// Checkpoints come back as they were put, the latest first.
for (const [step, checkpointId] of ["c1", "c2"].entries()) {
  const parentCheckpointId = step === 0 ? null : "c1";
  const blobs = [{ channel: "messages", version: checkpointId, type: "msgpack", blob: "AAH/" }];
  const checkpoint = { v: 4, channel_versions: { messages: checkpointId }, deep: [null, { z: "é" }] };
  await owner.get(ask.PutCheckpointDocument, { input: { threadId: id, checkpointId, parentCheckpointId, checkpoint, metadata: { step }, blobs } });
}
const writes = [{ taskId: "node", idx: 0, channel: "messages", type: "json", blob: "e30=" }];
await owner.get(ask.PutCheckpointWritesDocument, { input: { threadId: id, checkpointId: "c2", writes } });
const thread = there((await owner.get(ask.ThreadDocument, { id, first: 1 })).task);
const latest = there(thread.latestCheckpoint);
assert.deepEqual([latest.checkpointId, latest.parentCheckpointId, latest.metadata], ["c2", "c1", { step: 1 }]);
assert.deepEqual(latest.checkpoint, { v: 4, channel_versions: { messages: "c2" }, deep: [null, { z: "é" }] });
assert.deepEqual(latest.blobs, [{ channel: "messages", version: "c2", type: "msgpack", blob: "AAH/" }]);
assert.deepEqual(latest.pendingWrites, [{ taskId: "node", idx: 0, channel: "messages", blob: "e30=" }]);
const history = there(thread.checkpoints);
assert.equal(history.pageInfo.hasNextPage, true);
const rest = there((await owner.get(ask.ThreadDocument, { id, first: 1, after: history.pageInfo.endCursor ?? null })).task);
assert.deepEqual(there(rest.checkpoints).nodes.map((node) => node.checkpointId), ["c1"]);

// Nobody else sees it, and a task that is not there is answered alike.
assert.deepEqual(told((await viewer.ask(ask.TaskDocument, { id })).errors), [hidden(["task"])]);
assert.deepEqual(told((await viewer.ask(ask.TaskDocument, { id: crypto.randomUUID() })).errors), [hidden(["task"])]);

// Shared, it is the viewer's to read; who else may is null, with one error, and its siblings stay.
const principal = member("viewer").principal;
const shared = there(there((await owner.get(ask.ShareTaskDocument, { id, principal, role: "VIEWER" })).shareTask).access);
assert.ok(shared.some((access) => access.principal === principal && access.role === "VIEWER"));
const seen = await viewer.ask(ask.TaskWithAccessDocument, { id });
assert.deepEqual(seen.data, { task: { id, access: null, name } });
assert.deepEqual(told(seen.errors), [hidden(["task", "access"])]);
assert.deepEqual(told((await viewer.ask(ask.DeleteTaskDocument, { id })).errors), [hidden(["deleteTask"])]);

// Unshared, it is gone for the viewer; deleted, for everybody.
const left = there(there((await owner.get(ask.UnshareTaskDocument, { id, principal, role: "VIEWER" })).unshareTask).access);
assert.deepEqual(left, [{ principal: member("owner").principal, role: "OWNER" }]);
assert.deepEqual(told((await viewer.ask(ask.TaskDocument, { id })).errors), [hidden(["task"])]);
assert.deepEqual((await owner.get(ask.DeleteTaskDocument, { id })).deleteTask, { id, name });
assert.deepEqual(told((await owner.ask(ask.TaskDocument, { id })).errors), [hidden(["task"])]);

// A field that the schema has not is no TypeScript.
// @ts-expect-error there is no such field
void made.thereIsNoSuchField;
console.log("the story holds");
