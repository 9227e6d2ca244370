//! Every operation of the REST edge. A route that the gateway has and this table has not fails the sweep.

use crate::operations::{Ask, Needs, Operation};
use blackbox::{Things, world};
use reqwest::Method;
use serde_json::{Value, json};

const fn route(name: &'static str, needs: Needs, ask: fn(&Things) -> Ask) -> Operation {
    Operation { name, needs, ask }
}

fn get(path: String) -> Ask {
    Ask::Rest(Method::GET, path, None)
}

fn put(path: String, body: Value) -> Ask {
    Ask::Rest(Method::PUT, path, Some(body))
}

fn delete(path: String) -> Ask {
    Ask::Rest(Method::DELETE, path, None)
}

fn post(path: impl Into<String>, body: Value) -> Ask {
    Ask::Rest(Method::POST, path.into(), Some(body))
}

fn step(things: &Things, verb: &str) -> Ask {
    post(format!("/tasks/{}/{verb}", things.task), json!({ "reason": "enough" }))
}

const READ: Needs = Needs::Task("read");
const UPDATE: Needs = Needs::Task("update");
const DELETE: Needs = Needs::Task("delete");

/// Every route there is.
pub const ROUTES: &[Operation] = &[
    route("GET /tasks", Needs::List, |t| get(format!("/tasks?agent_id={}&limit=1000", t.agent))),
    route("GET /tasks/{task_id}", READ, |t| get(format!("/tasks/{}", t.task))),
    route("GET /tasks/name/{task_name}", READ, |t| get(format!("/tasks/name/{}", t.name))),
    route("PUT /tasks/{task_id}", UPDATE, |t| {
        put(format!("/tasks/{}", t.task), json!({ "task_metadata": { "a": 1 } }))
    }),
    route("PUT /tasks/name/{task_name}", UPDATE, |t| {
        put(format!("/tasks/name/{}", t.name), json!({ "merge_params": { "a": 1 } }))
    }),
    route("DELETE /tasks/{task_id}", DELETE, |t| delete(format!("/tasks/{}", t.task))),
    route("DELETE /tasks/name/{task_name}", DELETE, |t| delete(format!("/tasks/name/{}", t.name))),
    route("POST /tasks/{task_id}/complete", UPDATE, |t| step(t, "complete")),
    route("POST /tasks/{task_id}/fail", UPDATE, |t| step(t, "fail")),
    route("POST /tasks/{task_id}/terminate", UPDATE, |t| step(t, "terminate")),
    route("POST /tasks/{task_id}/timeout", UPDATE, |t| step(t, "timeout")),
    route("POST /tasks/{task_id}/interrupt", UPDATE, |t| step(t, "interrupt")),
    route("POST /tasks/{task_id}/cancel", Needs::Task("cancel"), |t| step(t, "cancel")),
    route("GET /tracker", Needs::List, |t| get(format!("/tracker?task_id={}", t.task))),
    route("GET /tracker/{tracker_id}", READ, |t| get(format!("/tracker/{}", t.tracker))),
    route("PUT /tracker/{tracker_id}", Needs::Task("execute"), |t| {
        put(format!("/tracker/{}", t.tracker), json!({ "status": "working" }))
    }),
    route("POST /checkpoints/get-tuple", READ, |t| post("/checkpoints/get-tuple", json!({ "thread_id": t.task }))),
    route("POST /checkpoints/list", READ, |t| post("/checkpoints/list", json!({ "thread_id": t.task }))),
    route("POST /checkpoints/put", UPDATE, |t| post("/checkpoints/put", world::checkpoint(&t.task, "c"))),
    route("POST /checkpoints/put-writes", UPDATE, |t| {
        let write = json!({ "task_id": "n", "idx": 0, "channel": "c", "type": "t", "blob": "AA==" });
        post("/checkpoints/put-writes", json!({ "thread_id": t.task, "checkpoint_id": "c", "writes": [write] }))
    }),
    route("POST /checkpoints/delete-thread", DELETE, |t| {
        post("/checkpoints/delete-thread", json!({ "thread_id": t.task }))
    }),
    route("GET /events", Needs::TaskAndAgent("read"), |t| {
        get(format!("/events?task_id={}&agent_id={}", t.task, t.agent))
    }),
    route("GET /events/{event_id}", Needs::TaskAndAgent("read"), |t| get(format!("/events/{}", t.event))),
    route("GET /messages", READ, |t| get(format!("/messages?task_id={}", t.task))),
    route("GET /messages/paginated", READ, |t| get(format!("/messages/paginated?task_id={}", t.task))),
    route("GET /messages/{message_id}", READ, |t| get(format!("/messages/{}", t.message))),
    route("POST /messages", UPDATE, |t| post("/messages", world::message(&json!(t.task)))),
    route("POST /messages/batch", UPDATE, |t| {
        post("/messages/batch", json!({ "task_id": t.task, "contents": [world::content()] }))
    }),
    route("PUT /messages/{message_id}", UPDATE, |t| {
        put(format!("/messages/{}", t.message), world::message(&json!(t.task)))
    }),
    route("PUT /messages/batch", UPDATE, |t| {
        put(
            "/messages/batch".to_owned(),
            json!({ "task_id": t.task, "updates": { t.message.as_str(): world::content() } }),
        )
    }),
    route("GET /states", READ, |t| get(format!("/states?task_id={}", t.task))),
    route("GET /states/{state_id}", READ, |t| get(format!("/states/{}", t.state))),
    route("POST /states", UPDATE, |t| post("/states", world::state(&json!(t.task), &t.agent))),
    route("PUT /states/{state_id}", UPDATE, |t| put(format!("/states/{}", t.state), json!({ "state": { "k": 2 } }))),
    route("DELETE /states/{state_id}", DELETE, |t| delete(format!("/states/{}", t.state))),
    route("GET /agents", Needs::List, |t| get(format!("/agents?task_id={}", t.task))),
    route("GET /agents/{agent_id}", Needs::Agent("read"), |t| get(format!("/agents/{}", t.agent))),
    route("DELETE /agents/{agent_id}", Needs::OwnAgent("delete"), |t| delete(format!("/agents/{}", t.own_agent))),
    route("DELETE /agents/name/{agent_name}", Needs::OwnAgent("delete"), |t| {
        delete(format!("/agents/name/{}", t.own_agent_name))
    }),
    route("GET /agent_api_keys", Needs::Agent("read"), |t| get(format!("/agent_api_keys?agent_id={}", t.agent))),
    route("POST /agent_api_keys", Needs::Agent("create"), |t| {
        post("/agent_api_keys", json!({ "agent_id": t.agent, "name": world::nobody() }))
    }),
    route("GET /agent_api_keys/{id}", Needs::ApiKey("read"), |t| get(format!("/agent_api_keys/{}", t.key))),
    route("DELETE /agent_api_keys/{id}", Needs::ApiKey("delete"), |t| delete(format!("/agent_api_keys/{}", t.key))),
    route("GET /agent_api_keys/name/{name}", Needs::ApiKey("read"), |t| {
        get(format!("/agent_api_keys/name/{}?agent_id={}", t.key_name, t.agent))
    }),
    route("DELETE /agent_api_keys/name/{name}", Needs::ApiKey("delete"), |t| {
        delete(format!("/agent_api_keys/name/{}?agent_id={}", t.key_name, t.agent))
    }),
    route("GET /agents/name/{agent_name}", Needs::Agent("read"), |t| get(format!("/agents/name/{}", t.agent_name))),
];
