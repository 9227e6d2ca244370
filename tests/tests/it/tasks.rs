//! Tasks and their dual write (W1 to W4), who made them (W8), and the migrations under them (W9).

use blackbox::{Database, Settings, Storage, Things, World, documents};
use serde_json::{Value, json};

const TASKS: &str = "SELECT count(*) FROM tasks";
const RELATIONSHIPS: &str = "SELECT count(*) FROM relationships";

fn create(world: &World, name: &str) -> Value {
    json!({ "input": { "agentId": world.agent, "name": name } })
}

#[tokio::test]
async fn w1_a_new_task_is_registered_with_its_owner_agent_and_tenant() {
    let world = World::new(Storage::Url).await;
    let task = world.secret().await;
    let sql = format!(
        "SELECT relation, subject_kind, subject_id FROM relationships
         WHERE resource_kind = 'task' AND resource_id = '{task}' ORDER BY relation"
    );
    let tenant = world.server.demo.0["tenant"].as_str().unwrap();
    let expected = [
        format!("(owner,user,{})", world.owner.id()),
        format!("(parent_agent,agent,{})", world.agent),
        format!("(tenant,tenant,{tenant})"),
    ];
    assert_eq!(world.server.database().rows(&sql).await, expected);
    for caller in [world.server.owner(), world.server.agent()] {
        assert_eq!(caller.get(&format!("/tasks/{task}")).await.expect(200)["status"], "RUNNING", "{}", caller.name);
    }
    for caller in [world.server.editor(), world.server.stranger()] {
        assert_eq!(caller.get(&format!("/tasks/{task}")).await.status, 404, "{}", caller.name);
    }
}

#[tokio::test]
async fn a_row_and_its_relationships_say_the_same_of_when_it_was_made() {
    let world = World::new(Storage::Url).await;
    let task = world.secret().await;
    world.share(&task, &world.server.viewer(), "VIEWER").await;
    world.secret().await;
    let together = |with: &str| {
        format!(
            "SELECT count(*) FROM relationships AS r JOIN (
                SELECT 'task' AS kind, id, created_at FROM tasks UNION ALL SELECT 'agent', id, created_at FROM agents
             ) AS row ON row.kind = r.resource_kind AND row.id = r.resource_id COLLATE \"default\"
             WHERE {with}"
        )
    };
    let database = world.server.database();
    assert!(database.number(&together("row.id IS NOT NULL")).await > 8);
    assert_eq!(database.number(&together("r.resource_created_at IS DISTINCT FROM row.created_at")).await, 0);
    let changed = "SELECT count(*) FROM tasks WHERE updated_at <> created_at";
    assert_eq!(database.number(changed).await, 0, "what was only made has not changed");
}

#[tokio::test]
async fn w1_a_failed_register_leaves_no_row() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    let before = (database.number(TASKS).await, database.number(RELATIONSHIPS).await);
    database.break_table("relationships", "INSERT").await;
    let refused = world.owner.gql(documents::CREATE_TASK, create(&world, "w1")).await;
    assert!(matches!(refused.codes()[0].as_str(), "UNAVAILABLE" | "INTERNAL"), "{}", refused.text());
    assert!(!refused.text().contains("disk on fire"), "{}", refused.text());
    assert_eq!((database.number(TASKS).await, database.number(RELATIONSHIPS).await), before);
    database.mend_table("relationships", "INSERT").await;
    world.owner.gql(documents::CREATE_TASK, create(&world, "w1")).await.data();
}

#[tokio::test]
async fn w2_a_failed_persist_is_compensated_and_its_own_error_returned() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    let before = (database.number(TASKS).await, database.number(RELATIONSHIPS).await);
    database.break_table("tasks", "INSERT").await;
    let first = world.owner.gql(documents::CREATE_TASK, create(&world, "w2")).await;
    assert_eq!(first.codes().len(), 1, "{}", first.text());
    assert_eq!((database.number(TASKS).await, database.number(RELATIONSHIPS).await), before, "compensated");

    // When the compensation fails too, the caller still hears of the persist.
    database.break_table("relationships", "DELETE").await;
    let second = world.owner.gql(documents::CREATE_TASK, create(&world, "w2")).await;
    assert_eq!(second.json()["errors"], first.json()["errors"]);
    assert_eq!(database.number(TASKS).await, before.0);
}

#[tokio::test]
async fn w2_a_name_that_is_taken_leaves_no_relationships() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    world.owner.gql(documents::CREATE_TASK, create(&world, "taken")).await.data();
    let before = (database.number(TASKS).await, database.number(RELATIONSHIPS).await);
    let refused = world.owner.gql(documents::CREATE_TASK, create(&world, "taken")).await;
    assert_eq!(refused.codes(), ["ALREADY_EXISTS"], "{}", refused.text());
    assert_eq!((database.number(TASKS).await, database.number(RELATIONSHIPS).await), before);
}

#[tokio::test]
async fn w3_delete_removes_the_row_and_all_it_owns_and_deregisters() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    for by_name in [false, true] {
        let things = world.things().await;
        let path = if by_name { format!("/tasks/name/{}", things.name) } else { format!("/tasks/{}", things.task) };
        let deleted = world.owner.delete(&path).await.expect(200);
        assert_eq!(deleted["id"], json!(things.task));
        for (table, column) in [
            ("tasks", "id"),
            ("task_agents", "task_id"),
            ("agent_task_tracker", "task_id"),
            ("events", "task_id"),
            ("checkpoints", "thread_id"),
            ("checkpoint_blobs", "thread_id"),
            ("checkpoint_writes", "thread_id"),
            ("relationships", "resource_id"),
        ] {
            let left = format!("SELECT count(*) FROM {table} WHERE {column} = '{}'", things.task);
            assert_eq!(database.number(&left).await, 0, "{table}");
        }
        assert_eq!(world.owner.delete(&path).await.status, 404, "a second time");
    }
}

#[tokio::test]
async fn w3_a_failed_deregister_does_not_fail_the_delete() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    let task = world.task().await;
    database.break_table("relationships", "DELETE").await;
    world.owner.delete(&format!("/tasks/{task}")).await.expect(200);
    assert_eq!(database.number(&format!("SELECT count(*) FROM tasks WHERE id = '{task}'")).await, 0);
    database.mend_table("relationships", "DELETE").await;
    // What is left of it leads to no task, and nothing can be put on it any more.
    let path = "/checkpoints/put";
    let body = |thread: &str| json!({ "thread_id": thread, "checkpoint_id": "1", "checkpoint": {}, "metadata": {} });
    let (absent, put) = (Things::absent().task, world.owner.post(path, body(&task)).await);
    assert_eq!(put.status, 404);
    assert_eq!(put.without(&task), world.owner.post(path, body(&absent)).await.without(&absent));
    let left = format!("SELECT count(*) FROM checkpoints WHERE thread_id = '{task}'");
    assert_eq!(database.number(&left).await, 0);
    for caller in [world.server.owner(), world.server.editor()] {
        assert_eq!(caller.get(&format!("/tasks/{task}")).await.status, 404);
        let list = caller.get("/tasks?limit=1000").await.expect(200);
        assert!(!list.to_string().contains(&task));
    }
}

#[tokio::test]
async fn w4_delete_by_an_unknown_name_keeps_its_own_error() {
    let world = World::new(Storage::Url).await;
    let absent = Things::absent().name;
    let path = format!("/tasks/name/{absent}");
    let deleted = world.owner.delete(&path).await;
    let message = format!("Item with name '{absent}' does not exist.");
    assert_eq!(deleted.expect(404), json!({ "message": message, "code": 404, "data": null }));
    assert_eq!(deleted.without(&absent), world.owner.get(&path).await.without(&absent));
}

#[tokio::test]
async fn w8_a_row_says_who_made_it() {
    let token = "a-service-accounts-token";
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let tokens = format!("[[tokens]]\ntoken = '{token}'\nprincipal = 'service_account:robot'\ntenant = 'demo'\n");
    std::fs::write(config.path(), tokens).unwrap();
    let world =
        World::with(Settings::default().with("TASKGATE_CONFIG", config.path().to_str().unwrap()), Storage::Url).await;
    let database = world.server.database();
    let creators = async |task: &str| {
        let sql = format!("SELECT creator_user_id, creator_service_account_id FROM tasks WHERE id = '{task}'");
        database.rows(&sql).await
    };
    let mine = world.secret().await;
    assert_eq!(creators(&mine).await, [format!("({},)", world.owner.id())]);

    // The robot belongs to the tenant and may run the agent.
    let demo_agent = &world.agent;
    let sql = format!(
        "INSERT INTO relationships (resource_kind, resource_id, relation, subject_kind, subject_id) VALUES
            ('tenant', 'demo', 'member', 'service_account', 'robot'),
            ('agent', '{demo_agent}', 'editor', 'service_account', 'robot')"
    );
    database.run(&sql).await;
    let robot = blackbox::As::new("robot", &world.server.demo.url(), Some(token.to_owned()), None);
    let made = robot.gql(documents::CREATE_TASK, create(&world, "robots")).await.data();
    let robots = made["createTask"]["id"].as_str().unwrap();
    assert_eq!(creators(robots).await, ["(,robot)"]);
}

#[tokio::test]
async fn w8_a_row_has_at_most_one_creator_and_creators_are_indexed() {
    let world = World::new(Storage::Url).await;
    let database = world.server.database();
    let both = "UPDATE tasks SET creator_user_id = 'u', creator_service_account_id = 's'";
    let refused = sqlx::query(both).execute(&database.pool).await.unwrap_err();
    let constraint = refused.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
    assert_eq!(constraint.as_deref(), Some("ck_tasks_at_most_one_creator"));
    let partial = "SELECT count(*) FROM pg_indexes WHERE tablename = 'tasks'
        AND indexdef LIKE '%(creator\\_%' AND indexdef LIKE '%IS NOT NULL%'";
    assert_eq!(database.number(partial).await, 2);
}

#[tokio::test]
async fn w9_a_migrated_schema_is_valid_and_migrating_again_changes_nothing() {
    let database = Database::create().await;
    let migrate = async || {
        let settings = Settings::default().with("DATABASE_URL", &database.url).with("TASKGATE_STORAGE", "url");
        let mut command = settings.command();
        command.arg("migrate").current_dir(std::env::temp_dir());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    // Two at once: neither fails, neither waits for ever.
    let both = tokio::join!(migrate(), migrate());
    for output in [both.0, both.1] {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let schema = "SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY 1, ordinal_position";
    let before = (database.rows(schema).await, database.rows("SELECT * FROM _sqlx_migrations ORDER BY 1").await);
    assert!(migrate().await.status.success());
    assert_eq!((database.rows(schema).await, database.rows("SELECT * FROM _sqlx_migrations ORDER BY 1").await), before);
    assert_eq!(database.number("SELECT count(*) FROM pg_constraint WHERE NOT convalidated").await, 0);
    assert_eq!(database.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    database.drop().await;
}

#[tokio::test]
async fn w9_a_gateway_starts_beside_a_reader_that_does_not_let_go() {
    let database = Database::create().await;
    let mut reader = database.pool.begin().await.unwrap();
    sqlx::query("SELECT 1").execute(&mut *reader).await.unwrap();
    let server = Settings::default().start_on(database.clone()).await;
    assert_eq!(server.anonymous().get("/readyz").await.status, 200);
    // The reader holds a snapshot only: rows can be written under it, and by a second gateway too.
    let second = Settings::default().start_on(database.clone()).await;
    let task = World::on(second).secret().await;
    assert_eq!(server.owner().get(&format!("/tasks/{task}")).await.status, 200, "both serve the same rows");
    reader.rollback().await.unwrap();
}
