//! Every query and mutation of the SDL, and the fields below them that need more than reading what they
//! are on. A field that the gateway has and this table has not fails the sweep.

use crate::operations::{Ask, Needs, Operation, about_task, gql};
use blackbox::{Things, documents, world};
use serde_json::json;

const fn field(name: &'static str, needs: Needs, ask: fn(&Things) -> Ask) -> Operation {
    Operation { name, needs, ask }
}

fn step(verb: &str, things: &Things) -> Ask {
    about_task(&format!(r#"mutation($id: ID!) {{ {verb}(id: $id, reason: "enough") {{ id status }} }}"#), things)
}

fn share(document: &str, things: &Things) -> Ask {
    gql(document, json!({ "id": things.task, "principal": "user:somebody", "role": "VIEWER" }))
}

fn about_key(document: &str, things: &Things) -> Ask {
    gql(document, json!({ "id": things.key }))
}

const READ: Needs = Needs::Task("read");
const UPDATE: Needs = Needs::Task("update");
const DELETE: Needs = Needs::Task("delete");
const SHARE: Needs = Needs::Task("share");

/// Every field there is.
pub const FIELDS: &[Operation] = &[
    field("Query.task", READ, |t| about_task(documents::TASK, t)),
    field("Query.tasks", Needs::List, |t| {
        let document = "query($agent: ID!) { tasks(first: 100, filter: { agentId: $agent }) { nodes { id } } }";
        gql(document, json!({ "agent": t.agent }))
    }),
    field("Query.tracker", READ, |t| {
        gql("query($id: ID!) { tracker(id: $id) { id status taskId } }", json!({ "id": t.tracker }))
    }),
    field("Query.trackers", Needs::List, |t| {
        about_task("query($id: ID!) { trackers(taskId: $id) { nodes { id taskId } } }", t)
    }),
    field("Query.checkpoint", READ, |t| {
        about_task("query($id: ID!) { checkpoint(threadId: $id) { checkpointId metadata } }", t)
    }),
    field("Query.checkpoints", READ, |t| {
        about_task("query($id: ID!) { checkpoints(threadId: $id) { nodes { checkpointId } } }", t)
    }),
    field("Query.event", READ, |t| gql("query($id: ID!) { event(id: $id) { id taskId } }", json!({ "id": t.event }))),
    field("Query.agent", Needs::Agent("read"), |t| {
        gql("query($id: ID!) { agent(id: $id) { id name } }", json!({ "id": t.agent }))
    }),
    field("Query.agents", Needs::List, |_| {
        gql(
            // The oldest first: others are made all the time.
            "{ agents(first: 100, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { id name } } }",
            json!({}),
        )
    }),
    field("Query.apiKey", Needs::ApiKey("read"), |t| about_key("query($id: ID!) { apiKey(id: $id) { id name } }", t)),
    field("Query.node", READ, |t| about_task("query($id: ID!) { node(id: $id) { id ... on Task { name } } }", t)),
    field("Query.nodes", READ, |t| about_task("query($id: ID!) { nodes(ids: [$id]) { id ... on Task { name } } }", t)),
    field("Query._entities", READ, |t| {
        let these = json!({ "these": [{ "__typename": "Task", "id": t.task }] });
        gql("query($these: [_Any!]!) { _entities(representations: $these) { ... on Task { id name } } }", these)
    }),
    field("Query._service", Needs::Known, |_| gql("{ _service { sdl } }", json!({}))),
    field("Query.viewer", Needs::Known, |_| gql("{ viewer { principal tenant } }", json!({}))),
    field("Query.dualWrite", Needs::Operator("read"), |t| {
        let document = "query($id: ID!) { dualWrite { status { pending } explain(resource: $id) { resource } } }";
        about_task(document, t)
    }),
    field("Mutation.reconcileDualWrite", Needs::Operator("repair"), |_| {
        gql("mutation { reconcileDualWrite(dryRun: true) { complete } }", json!({}))
    }),
    field("Query.dualWriteSwitches", Needs::Operator("read"), |_| {
        gql("{ dualWriteSwitches { resource account mode } }", json!({}))
    }),
    field("Query.dualWriteSwitchChanges", Needs::Operator("read"), |_| {
        gql("{ dualWriteSwitchChanges(first: 5) { from switch { resource } } }", json!({}))
    }),
    field("Query.explainAccess", Needs::Operator("read"), |t| {
        let asked = r#"principal: "user:somebody", action: READ, resource: $id"#;
        about_task(&format!("query($id: ID!) {{ explainAccess({asked}) {{ allowed paths missing disagrees }} }}"), t)
    }),
    field("Mutation.switchDualWrite", Needs::Operator("repair"), |_| {
        let input = json!({ "resource": "agent", "account": world::nobody(), "mode": "ON", "reason": "a sweep" });
        gql(
            "mutation($input: SwitchDualWriteInput!) { switchDualWrite(input: $input) { from } }",
            json!({ "input": input }),
        )
    }),
    field("Query.engineRoutes", Needs::Operator("read"), |_| {
        gql("{ engineRoutes { resource account to { engine shadow } } }", json!({}))
    }),
    field("Query.engineRouteChanges", Needs::Operator("read"), |_| {
        gql("{ engineRouteChanges(first: 5) { resource from { engine } to { engine } } }", json!({}))
    }),
    field("Mutation.routeEngine", Needs::Operator("repair"), |_| {
        let input = json!({ "resource": "agent", "account": world::nobody(), "engine": "graph", "reason": "a sweep" });
        gql(
            "mutation($input: RouteEngineInput!) { routeEngine(input: $input) { from { engine } } }",
            json!({ "input": input }),
        )
    }),
    field("Mutation.createAgent", Needs::Tenant("create"), |_| {
        let name = world::nobody();
        gql(documents::CREATE_AGENT, json!({ "input": { "name": name, "description": "another", "acpType": "ASYNC" } }))
    }),
    field("Mutation.deleteAgent", Needs::OwnAgent("delete"), |t| {
        gql("mutation($id: ID!) { deleteAgent(id: $id) { id name } }", json!({ "id": t.own_agent }))
    }),
    field("Mutation.createApiKey", Needs::Agent("create"), |t| {
        let input = json!({ "agentId": t.agent, "name": world::nobody() });
        gql(documents::CREATE_API_KEY, json!({ "input": input }))
    }),
    field("Mutation.deleteApiKey", Needs::ApiKey("delete"), |t| {
        about_key("mutation($id: ID!) { deleteApiKey(id: $id) { id name } }", t)
    }),
    field("Mutation.createTask", Needs::Agent("execute"), |t| {
        gql(documents::CREATE_TASK, json!({ "input": { "agentId": t.agent } }))
    }),
    field("Mutation.updateTask", UPDATE, |t| {
        let document = "mutation($id: ID!) { updateTask(id: $id, input: { mergeParams: { a: 1 } }) { id params } }";
        about_task(document, t)
    }),
    field("Mutation.cancelTask", Needs::Task("cancel"), |t| step("cancelTask", t)),
    field("Mutation.completeTask", UPDATE, |t| step("completeTask", t)),
    field("Mutation.failTask", UPDATE, |t| step("failTask", t)),
    field("Mutation.terminateTask", UPDATE, |t| step("terminateTask", t)),
    field("Mutation.timeoutTask", UPDATE, |t| step("timeoutTask", t)),
    field("Mutation.interruptTask", UPDATE, |t| step("interruptTask", t)),
    field("Mutation.deleteTask", DELETE, |t| about_task("mutation($id: ID!) { deleteTask(id: $id) { id } }", t)),
    field("Mutation.shareTask", SHARE, |t| share(documents::SHARE_TASK, t)),
    field("Mutation.unshareTask", SHARE, |t| share(documents::UNSHARE_TASK, t)),
    field("Mutation.updateTracker", Needs::Task("execute"), |t| {
        let document = r#"mutation($id: ID!) { updateTracker(id: $id, input: { status: "working" }) { id status } }"#;
        gql(document, json!({ "id": t.tracker }))
    }),
    field("Mutation.putCheckpoint", UPDATE, |t| {
        let input = json!({ "threadId": t.task, "checkpointId": "c", "checkpoint": {} });
        gql("mutation($in: PutCheckpointInput!) { putCheckpoint(input: $in) { checkpointId } }", json!({ "in": input }))
    }),
    field("Mutation.putCheckpointWrites", UPDATE, |t| {
        let write = json!({ "taskId": "n", "idx": 0, "channel": "c", "blob": "AA==" });
        let input = json!({ "threadId": t.task, "checkpointId": t.checkpoint, "writes": [write] });
        let document = "mutation($in: PutCheckpointWritesInput!) { putCheckpointWrites(input: $in) { checkpointId } }";
        gql(document, json!({ "in": input }))
    }),
    field("Mutation.deleteThread", DELETE, |t| {
        about_task("mutation($id: ID!) { deleteThread(threadId: $id) { id } }", t)
    }),
    field("Mutation.appendEvent", UPDATE, |t| {
        let input = json!({ "taskId": t.task, "agentId": t.agent, "content": { "type": "data" } });
        gql("mutation($in: AppendEventInput!) { appendEvent(input: $in) { id } }", json!({ "in": input }))
    }),
    field("Task.creator", UPDATE, |t| about_task("query($id: ID!) { task(id: $id) { id creator } }", t)),
    field("Task.access", SHARE, |t| {
        about_task("query($id: ID!) { task(id: $id) { id access { principal role } } }", t)
    }),
    field("Task.viewerCan", READ, |t| {
        let every = "read update execute cancel delete share";
        about_task(&format!("query($id: ID!) {{ task(id: $id) {{ id viewerCan {{ {every} }} }} }}"), t)
    }),
    field("Agent.apiKeys", Needs::Agent("update"), |t| {
        gql("query($id: ID!) { agent(id: $id) { id apiKeys(first: 1) { nodes { id } } } }", json!({ "id": t.agent }))
    }),
    field("ApiKey.creator", Needs::ApiKey("delete"), |t| {
        about_key("query($id: ID!) { apiKey(id: $id) { id creator } }", t)
    }),
    field("Agent.acpUrl", Needs::Agent("update"), |t| {
        gql("query($id: ID!) { agent(id: $id) { id acpUrl } }", json!({ "id": t.agent }))
    }),
];
