//! Trackers: they inherit from their task (T1 to T3), and a cursor only moves forward (T4).

use blackbox::{As, Storage, Things, World};
use serde_json::{Value, json};

async fn everybody(world: &World) -> (Things, [As; 4]) {
    let things = world.things().await;
    let server = &world.server;
    (things, [server.owner(), server.editor(), server.viewer(), server.agent()])
}

#[tokio::test]
async fn t1_a_tracker_is_read_by_whoever_reads_its_task() {
    let world = World::new(Storage::Url).await;
    let (things, readers) = everybody(&world).await;
    for caller in readers {
        let seen = caller.get(&format!("/tracker/{}", things.tracker)).await.expect(200);
        assert_eq!((&seen["id"], &seen["task_id"]), (&json!(things.tracker), &json!(things.task)), "{}", caller.name);
        let fields: Vec<_> = seen.as_object().unwrap().keys().map(String::as_str).collect();
        let all = [
            "agent_id",
            "created_at",
            "id",
            "last_processed_event_id",
            "status",
            "status_reason",
            "task_id",
            "updated_at",
        ];
        assert_eq!(fields, all);
    }
    let (stranger, absent) = (world.server.stranger(), Things::absent().tracker);
    let denied = stranger.get(&format!("/tracker/{}", things.tracker)).await;
    let missing = stranger.get(&format!("/tracker/{absent}")).await;
    assert_eq!((denied.status, denied.without(&things.tracker)), (404, missing.without(&absent)));
    assert!(!denied.text().contains(&things.task), "the answer speaks of the tracker only");
}

#[tokio::test]
async fn t2_a_list_leaves_out_what_the_caller_cannot_read() {
    let world = World::new(Storage::Url).await;
    let (shared, secret) = (world.task().await, world.secret().await);
    let tasks = async |caller: &As, query: &str| -> Vec<Value> {
        let list = caller.get(&format!("/tracker?limit=1000{query}")).await.expect(200);
        list.as_array().unwrap().iter().map(|tracker| tracker["task_id"].clone()).collect()
    };
    let (shared_id, secret_id) = (json!(shared), json!(secret));
    let by_agent = format!("&agent_id={}", world.agent);
    for query in ["", &by_agent] {
        let owner = tasks(&world.owner, query).await;
        assert!(owner.contains(&shared_id) && owner.contains(&secret_id), "{query}");
        let viewer = tasks(&world.server.viewer(), query).await;
        assert!(viewer.contains(&shared_id) && !viewer.contains(&secret_id), "{query}");
        let stranger = tasks(&world.server.stranger(), query).await;
        assert!(!stranger.contains(&shared_id) && !stranger.contains(&secret_id), "{query}");
    }
    for (caller, task) in [(world.server.viewer(), &secret), (world.server.stranger(), &shared)] {
        assert_eq!(tasks(&caller, &format!("&task_id={task}")).await, [Value::Null; 0]);
        assert_eq!(tasks(&caller, &format!("&task_id={}", Things::absent().task)).await, [Value::Null; 0]);
    }
    assert_eq!(tasks(&world.owner, &format!("&agent_id={}", Things::absent().agent)).await, [Value::Null; 0]);
}

#[tokio::test]
async fn t3_committing_needs_execute_which_owners_and_the_agent_have() {
    let world = World::new(Storage::Url).await;
    let (things, _) = everybody(&world).await;
    let path = format!("/tracker/{}", things.tracker);
    let server = &world.server;
    for caller in [server.agent(), server.owner()] {
        let done = caller.put(&path, json!({ "status": caller.name })).await.expect(200);
        assert_eq!(done["status"], caller.name);
    }
    let cursor = server.agent().put(&path, json!({ "last_processed_event_id": things.event })).await.expect(200);
    assert_eq!(cursor["last_processed_event_id"], json!(things.event), "an agent commits its own cursor");
    let before = world.all_of(&things.task).await;
    let absent = Things::absent().tracker;
    for caller in [server.editor(), server.viewer(), server.stranger()] {
        let denied = caller.put(&path, json!({ "status": "stolen" })).await;
        let missing = caller.put(&format!("/tracker/{absent}"), json!({ "status": "stolen" })).await;
        assert_eq!(
            (denied.status, denied.without(&things.tracker)),
            (404, missing.without(&absent)),
            "{}",
            caller.name
        );
        // A denied caller learns nothing from a body that is wrong, either.
        let denied = caller.put(&path, json!({ "status": 7 })).await;
        assert_eq!(denied.without(&things.tracker), missing.without(&absent), "{}", caller.name);
    }
    assert_eq!(world.all_of(&things.task).await, before);
}

#[tokio::test]
async fn t4_a_cursor_moves_forward_among_the_events_of_its_task_only() {
    let world = World::new(Storage::Url).await;
    let (task, other) = (world.task().await, world.task().await);
    let (first, second, foreign) = (world.event(&task).await, world.event(&task).await, world.event(&other).await);
    let path = format!("/tracker/{}", world.tracker(&task).await);
    let agent = world.server.agent();
    let commit =
        async |event: &str| agent.put(&path, json!({ "last_processed_event_id": event, "status": "moved" })).await;

    assert_eq!(commit(&second).await.expect(200)["last_processed_event_id"], json!(second));
    assert_eq!(commit(&second).await.expect(200)["last_processed_event_id"], json!(second), "where it stands is fine");
    let before = world.all_of(&task).await;
    let unknown = Things::absent().event;
    for event in [first.as_str(), &foreign, &unknown, ""] {
        let refused = commit(event).await;
        assert_eq!((refused.status, refused.rest_code()), (400, Some("FAILED_PRECONDITION")), "{}", refused.text());
    }
    // Another task's event is refused in the words of an event that is not there.
    assert_eq!(commit(&foreign).await.without(&foreign), commit(&unknown).await.without(&unknown));
    assert_eq!(world.all_of(&task).await, before, "nothing changes on refusal, the status neither");
}

#[tokio::test]
async fn t4_absent_and_null_are_told_apart() {
    let world = World::new(Storage::Url).await;
    let things = world.things().await;
    let path = format!("/tracker/{}", things.tracker);
    let agent = world.server.agent();
    let full = json!({ "last_processed_event_id": things.event, "status": "s", "status_reason": "r" });
    agent.put(&path, full).await.expect(200);
    let now = agent.put(&path, json!({ "status": "t" })).await.expect(200);
    assert_eq!((&now["status"], &now["status_reason"]), (&json!("t"), &json!("r")), "what is absent stays");
    assert_eq!(now["last_processed_event_id"], json!(things.event));
    let now = agent.put(&path, json!({ "status_reason": null })).await.expect(200);
    assert_eq!((&now["status"], &now["status_reason"]), (&json!("t"), &Value::Null), "what is null is emptied");
    let now = agent.put(&path, json!({ "last_processed_event_id": null })).await.expect(200);
    assert_eq!(now["last_processed_event_id"], json!(things.event), "a cursor cannot be cleared");
}

#[tokio::test]
async fn t4_of_concurrent_commits_the_cursor_keeps_the_furthest() {
    let world = World::new(Storage::Url).await;
    let task = world.task().await;
    let mut events = vec![];
    for _ in 0..8 {
        events.push(world.event(&task).await);
    }
    let path = format!("/tracker/{}", world.tracker(&task).await);
    let agent = world.server.agent();
    let commits = events.iter().rev().map(|event| {
        let (agent, path, body) = (agent.clone(), path.clone(), json!({ "last_processed_event_id": event }));
        tokio::spawn(async move { agent.put(&path, body).await.status })
    });
    for commit in commits.collect::<Vec<_>>() {
        assert!(matches!(commit.await.unwrap(), 200 | 400));
    }
    assert_eq!(agent.get(&path).await.expect(200)["last_processed_event_id"], json!(events.last()));
}
