//! API keys, and agents that end with them: made, kept, used and ended (W12), and found by id and by name (P7).

use blackbox::{Answer, As, Database, Settings, Storage, Things, World, documents, world::nobody};
use reqwest::Method;
use serde_json::{Value, json};

const VIEWER: &str = "{ viewer { principal tenant } }";

/// What relates to a resource, as the engine beside the rows has it.
fn edges(kind: &str, id: &str) -> String {
    format!(
        "SELECT relation, subject_kind, subject_id FROM relationships
        WHERE resource_kind = '{kind}' AND resource_id = '{id}' ORDER BY relation"
    )
}

/// Asks who the caller is, with the key in a header of the test's choosing.
async fn who(caller: &As, header: &str, value: &str) -> Answer {
    let request = caller.request(Method::POST, "/graphql").header(header, value);
    caller.send(request.json(&json!({ "query": VIEWER }))).await
}

#[tokio::test]
async fn w12_a_key_is_told_once_and_registered_under_its_agent() {
    let world = World::new(Storage::Url).await;
    let made = world.api_key(&world.agent, "told once").await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["api_key"].as_str().unwrap());
    assert_eq!(
        (&made["name"], &made["api_key_type"], &made["agent_id"]),
        (&json!("told once"), &json!("external"), &json!(world.agent))
    );
    assert!(secret.len() >= 32 && secret.starts_with(made["prefix"].as_str().unwrap()), "{made}");

    // The parent edge, the owner and the tenant; the creator and no more than the digest on the row.
    let owner = world.owner.id();
    let agent = &world.agent;
    let tenant = world.server.demo.0["tenant"].as_str().unwrap();
    let expected =
        [format!("(owner,user,{owner})"), format!("(parent_agent,agent,{agent})"), format!("(tenant,tenant,{tenant})")];
    assert_eq!(world.server.database().rows(&edges("api_key", id)).await, expected);
    let row =
        format!("SELECT creator_user_id, creator_service_account_id, length(digest) FROM api_keys WHERE id = '{id}'");
    assert_eq!(world.server.database().rows(&row).await, [format!("({owner},,32)")]);
    assert_eq!(world.server.database().number("SELECT count(*) FROM intents").await, 0, "settled with the row");

    // Nobody is told it again, and it is nowhere.
    let told = [
        world.owner.get(&format!("/agent_api_keys/{id}")).await,
        world.owner.get(&format!("/agent_api_keys?agent_id={agent}")).await,
        world.owner.gql("query($id: ID!) { apiKey(id: $id) { name prefix creator } }", json!({ "id": id })).await,
    ];
    for answer in told {
        assert!(answer.status == 200 && !answer.text().contains(secret), "{}", answer.text());
    }
    for table in ["api_keys", "relationships", "intents", "agents"] {
        let found = format!("SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%{secret}%'");
        assert_eq!(world.server.database().number(&found).await, 0, "{table}");
    }
    assert!(!world.server.log().contains(secret));

    let input = json!({ "agentId": agent, "name": "by GraphQL", "type": "INTERNAL" });
    let made =
        world.owner.gql(documents::CREATE_API_KEY, json!({ "input": input })).await.data()["createApiKey"].clone();
    assert_eq!((&made["apiKey"]["type"], &made["apiKey"]["agentId"]), (&json!("INTERNAL"), &json!(agent)));
    let listed = "query($id: ID!) { agent(id: $id) { apiKeys { nodes { id name type } } } }";
    let listed = world.owner.gql(listed, json!({ "id": agent })).await.data();
    let names = listed["agent"]["apiKeys"]["nodes"].as_array().unwrap().iter().map(|key| key["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["told once", "by GraphQL"]);
}

#[tokio::test]
async fn w12_whoever_holds_a_key_is_the_runtime_of_its_agent() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let (task, secret) = (world.task().await, world.secret().await);
        let key = world.api_key(&world.agent, "runtime").await;
        let holder = world.holder(&key);
        let expected = json!({ "viewer": { "principal": format!("agent:{}", world.agent), "tenant": "demo" } });
        assert_eq!(holder.gql(VIEWER, Value::Null).await.data(), expected);
        let (token, nobody) = (holder.token.clone().unwrap(), world.server.anonymous());
        for header in ["x-api-key", "x-agent-api-key"] {
            assert_eq!(who(&nobody, header, &token).await.data(), expected, "{header}");
            // The header that says it is an agent's decides, whatever else is sent.
            assert_eq!(who(&world.server.stranger(), header, &token).await.data(), expected, "{header}");
        }
        assert_eq!(who(&holder, "x-agent-api-key", "no such key").await.status, 401);

        // It may what the runtime may, and no more: its own tasks, and neither making nor ending keys.
        for task in [&task, &secret] {
            assert_eq!(holder.get(&format!("/tasks/{task}")).await.status, 200);
            let tracker = world.tracker(task).await;
            assert_eq!(holder.put(&format!("/tracker/{tracker}"), json!({ "status": "working" })).await.status, 200);
            assert_eq!(holder.delete(&format!("/tasks/{task}")).await.status, 404);
        }
        assert_eq!(holder.get(&format!("/agent_api_keys/{}", key["id"].as_str().unwrap())).await.status, 200);
        assert_eq!(holder.delete(&format!("/agent_api_keys/{}", key["id"].as_str().unwrap())).await.status, 404);
        let another = holder.post("/agent_api_keys", json!({ "agent_id": world.agent, "name": "mine" })).await;
        assert_eq!(another.rest_code(), Some("NOT_FOUND"), "{}", another.text());

        // Another agent's key opens nothing here.
        let other = world.agent_named("another").await;
        let stray = world.holder(&world.api_key(&other, "runtime").await);
        assert_eq!(stray.get(&format!("/tasks/{task}")).await.status, 404);
        assert_eq!(stray.get("/tasks").await.expect(200), json!([]));
    }
}

#[tokio::test]
async fn w12_a_key_is_known_and_forgotten_at_once_by_every_gateway() {
    let database = Database::create().await;
    let here = World::on(Settings::default().start_on(database.clone()).await);
    let there = World::on(Settings::default().start_on(database).await);
    let given = format!("brought-{}", nobody());
    let at = |world: &World| As::new("holder", &world.server.demo.url(), Some(given.clone()), None);
    let body = json!({ "agent_id": here.agent, "name": "brought", "api_key": given });
    for round in 0..5 {
        // That it was nobody's a moment ago is not remembered, and neither is that it was somebody's.
        let unknown = at(&there).get("/tasks").await;
        assert_eq!(unknown.status, 401);
        let made = here.owner.post("/agent_api_keys", body.clone()).await.expect(200);
        assert_eq!(made["api_key"], json!(given));
        for world in [&there, &here] {
            assert_eq!(at(world).get("/tasks").await.status, 200, "round {round}");
        }
        let deleted = here.owner.delete(&format!("/agent_api_keys/{}", made["id"].as_str().unwrap())).await;
        assert_eq!(
            deleted.expect(200),
            json!(format!("Agent API key with ID {} deleted", made["id"].as_str().unwrap()))
        );
        let revoked = at(&there).get("/tasks").await;
        assert_eq!(at(&here).get("/tasks").await.status, 401);
        // A key that was ended, one that never was, and what can be no key are told the same.
        let odd = As::new("odd", &there.server.demo.url(), Some("odd".to_owned()), None).get("/tasks").await;
        assert_eq!(revoked.without(""), unknown.without(""));
        assert_eq!(revoked.without(""), odd.without(""));
        assert_eq!(
            (revoked.rest_code(), revoked.json()),
            (Some("UNAUTHENTICATED"), json!({ "detail": "Unauthorized" }))
        );
        let graphql = at(&there).gql(VIEWER, Value::Null).await;
        assert_eq!((graphql.status, graphql.codes()), (401, vec!["UNAUTHENTICATED".to_owned()]));
    }
    let gone = "SELECT count(*) FROM relationships WHERE resource_kind = 'api_key'";
    assert_eq!(here.server.database().number(gone).await, 0);
}

#[tokio::test]
async fn p7_api_keys_follow_one_rule_by_id_and_by_name() {
    let world = World::new(Storage::Url).await;
    let (things, absent) = (world.things().await, Things::absent());
    let by_id = |things: &Things| format!("/agent_api_keys/{}", things.key);
    let by_name = |things: &Things| format!("/agent_api_keys/name/{}?agent_id={}", things.key_name, things.agent);
    let by_names =
        |things: &Things| format!("/agent_api_keys/name/{}?agent_name={}", things.key_name, things.agent_name);
    let list = |things: &Things| format!("/agent_api_keys?agent_name={}", things.agent_name);
    for caller in [world.server.owner(), world.server.editor(), world.server.agent()] {
        let shown = caller.get(&by_id(&things)).await.expect(200);
        assert_eq!(shown["id"], json!(things.key));
        for path in [by_name(&things), by_names(&things)] {
            assert_eq!(caller.get(&path).await.expect(200), shown, "{}", caller.name);
        }
        assert_eq!(caller.get(&list(&things)).await.expect(200), json!([shown]), "{}", caller.name);
        assert_eq!(caller.get(&format!("{}&api_key_type=internal", by_name(&things))).await.status, 404);
    }
    // Who sees the agent and not its keys is shown none; who does not see the agent is told it is not there.
    assert_eq!(world.server.viewer().get(&list(&things)).await.expect(200), json!([]));
    let seen = |answer: &Answer, things: &Things| {
        let spelled = things.spellings();
        spelled.iter().fold(answer.without("\u{0}"), |text, (word, spelling)| text.replace(spelling, word))
    };
    for caller in [world.server.viewer(), world.server.stranger()] {
        for method in [Method::GET, Method::DELETE] {
            for path in [&by_id as &dyn Fn(&Things) -> String, &by_name, &by_names] {
                let denied = caller.ask(method.clone(), &path(&things), None).await;
                let missing = caller.ask(method.clone(), &path(&absent), None).await;
                assert_eq!(denied.status, 404, "{}", denied.text());
                assert_eq!(seen(&denied, &things), seen(&missing, &absent), "{} {method}", caller.name);
            }
        }
    }
    // The agent is there and the key is not, or the other way around: the same.
    for caller in [world.server.owner(), world.server.stranger()] {
        let no_key = Things { key_name: absent.key_name.clone(), ..things.clone() };
        let no_agent = Things { agent: absent.agent.clone(), agent_name: absent.agent_name.clone(), ..absent.clone() };
        for path in [&by_name as &dyn Fn(&Things) -> String, &by_names] {
            let (no_key, no_agent) = (caller.get(&path(&no_key)).await, caller.get(&path(&no_agent)).await);
            assert_eq!(no_key.without(&absent.key_name), no_agent.without(&absent.key_name), "{}", caller.name);
        }
    }
    let stranger = world.server.stranger();
    let (denied, missing) = (stranger.get(&list(&things)).await, stranger.get(&list(&absent)).await);
    assert_eq!((denied.status, seen(&denied, &things)), (404, seen(&missing, &absent)));
    let create = |things: &Things| json!({ "agent_name": things.agent_name, "name": "" });
    for caller in [world.server.viewer(), world.server.agent(), stranger] {
        let denied = caller.post("/agent_api_keys", create(&things)).await;
        let missing = caller.post("/agent_api_keys", create(&absent)).await;
        assert_eq!((denied.status, seen(&denied, &things)), (404, seen(&missing, &absent)), "{}", caller.name);
    }
    let gone = world.server.editor().delete(&by_name(&things)).await.expect(200);
    assert_eq!(gone, json!(format!("Agent api_key '{}' deleted", things.key_name)));
    let (again, never) = (world.owner.delete(&by_id(&things)).await, world.owner.delete(&by_id(&absent)).await);
    assert_eq!((again.status, seen(&again, &things)), (404, seen(&never, &absent)));
}

#[tokio::test]
async fn p7_api_keys_are_listed_in_pages_oldest_first() {
    let world = World::new(Storage::Url).await;
    let agent = world.agent_named("much-keyed").await;
    for n in 0..5 {
        world.api_key(&agent, &format!("key {n}")).await;
    }
    let names = async |query: &str| {
        let keys = world.owner.get(&format!("/agent_api_keys?agent_id={agent}{query}")).await.expect(200);
        let names = keys.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(names("").await, "key 0, key 1, key 2, key 3, key 4");
    assert_eq!(names("&limit=2&page_number=2").await, "key 2, key 3");
    assert_eq!(names("&limit=2&page_number=4").await, "");
    let document = "query($id: ID!, $after: String) { agent(id: $id) {
        apiKeys(first: 2, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
    } }";
    let (mut after, mut pages) = (Value::Null, vec![]);
    loop {
        let data = world.owner.gql(document, json!({ "id": agent, "after": after })).await.data();
        let page = &data["agent"]["apiKeys"];
        pages.push(page["nodes"].as_array().unwrap().len());
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(pages, [2, 2, 1]);
}

#[tokio::test]
async fn w12_an_agent_ends_with_its_keys_and_leaves_its_tasks() {
    for storage in [Storage::Memory, Storage::Url] {
        let world = World::new(storage).await;
        let agent = world.agent_named("short-lived").await;
        let key = world.api_key(&agent, "runtime").await;
        let holder = world.holder(&key);
        let task = world.make(json!({ "agentId": agent, "name": "outlives" })).await;
        assert_eq!(holder.get(&format!("/tasks/{task}")).await.status, 200);

        let gone = world.owner.delete("/agents/name/short-lived").await.expect(200);
        assert_eq!(gone, json!({ "id": agent, "message": "Agent 'short-lived' deleted successfully" }));
        assert_eq!(holder.get(&format!("/tasks/{task}")).await.status, 401, "its key is nobody's");
        for path in [format!("/agents/{agent}"), "/agents/name/short-lived".to_owned()] {
            assert_eq!(world.owner.get(&path).await.status, 404);
            assert_eq!(world.owner.delete(&path).await.status, 404);
        }
        let keyless = world.owner.get(&format!("/agent_api_keys/{}", key["id"].as_str().unwrap())).await;
        assert_eq!(keyless.status, 404);
        let refused = world.owner.gql(documents::CREATE_TASK, json!({ "input": { "agentId": agent } })).await;
        assert_eq!(refused.codes(), ["NOT_FOUND"]);

        // The task is its owner's, as before; only nobody works on it.
        let left = world.owner.get(&format!("/tasks/{task}?relationships=agents")).await.expect(200);
        assert_eq!(
            (&left["name"], &left["status"], &left["agents"]),
            (&json!("outlives"), &json!("RUNNING"), &json!([]))
        );
        assert_eq!(world.owner.post(&format!("/tasks/{task}/cancel"), json!({})).await.status, 200);
        assert_eq!(world.owner.delete(&format!("/tasks/{task}")).await.status, 200);

        // The name is free; what comes to have it is another agent.
        let again = world.agent_named("short-lived").await;
        assert_ne!(again, agent);
        let deleted = "mutation($id: ID!) { deleteAgent(id: $id) { id name status } }";
        let deleted = world.owner.gql(deleted, json!({ "id": again })).await.data();
        assert_eq!(deleted["deleteAgent"], json!({ "id": again, "name": "short-lived", "status": "READY" }));
        if storage == Storage::Url {
            for (kind, id) in [("agent", agent.as_str()), ("api_key", key["id"].as_str().unwrap()), ("agent", &again)] {
                let left = world.server.database().rows(&edges(kind, id)).await;
                assert!(left.is_empty(), "{kind}: {left:?}");
            }
        }
    }
}

#[tokio::test]
async fn w12_a_key_that_cannot_be_made_is_refused_with_a_code_and_leaves_nothing() {
    let world = World::new(Storage::Url).await;
    let (agent, agent_name) = (world.agent_named("keyless").await, "keyless");
    let taken = world.api_key(&agent, "taken").await;
    let with = |more: Value| {
        let mut body = json!({ "agent_id": agent, "name": "n" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let left = "SELECT (SELECT count(*) FROM api_keys) * 1000 + (SELECT count(*) FROM relationships)";
    let before = world.server.database().number(left).await;
    let long = "x".repeat(257);
    for (body, status, code, named) in [
        (with(json!({ "name": "" })), 422, "BAD_USER_INPUT", "name"),
        (with(json!({ "name": long })), 422, "BAD_USER_INPUT", "name"),
        (with(json!({ "name": "a\nb" })), 422, "BAD_USER_INPUT", "name"),
        (with(json!({ "name": "a\u{0}b" })), 422, "BAD_USER_INPUT", "U+0000"),
        (with(json!({ "name": null })), 422, "BAD_USER_INPUT", "name"),
        (with(json!({ "name": 7 })), 422, "BAD_USER_INPUT", "name"),
        (with(json!({ "name": "taken" })), 409, "ALREADY_EXISTS", "taken"),
        (with(json!({ "api_key": taken["api_key"] })), 409, "ALREADY_EXISTS", "in use"),
        (with(json!({ "api_key": "hunter2" })), 422, "BAD_USER_INPUT", "api_key"),
        (with(json!({ "api_key": "ä".repeat(40) })), 422, "BAD_USER_INPUT", "api_key"),
        (with(json!({ "api_key_type": "github" })), 422, "BAD_USER_INPUT", "api_key_type"),
        (with(json!({ "api_key_type": null })), 422, "BAD_USER_INPUT", "api_key_type"),
        (with(json!({ "agent_name": agent_name })), 400, "FAILED_PRECONDITION", "agent_name"),
        (json!({ "name": "n" }), 400, "FAILED_PRECONDITION", "agent_id"),
        (json!({ "agent_id": 7, "name": "n" }), 422, "BAD_USER_INPUT", "agent_id"),
        (json!({ "agent_id": nobody(), "name": "n" }), 404, "NOT_FOUND", "does not exist"),
        (json!({ "agent_id": "", "name": "n" }), 404, "NOT_FOUND", "does not exist"),
        (json!({ "agent_name": "no-such-agent", "name": "n" }), 404, "NOT_FOUND", "no-such-agent"),
        (json!([]), 422, "BAD_USER_INPUT", "object"),
    ] {
        let answer = world.owner.post("/agent_api_keys", body.clone()).await;
        assert_eq!((answer.status, answer.rest_code()), (status, Some(code)), "{body}: {}", answer.text());
        assert!(answer.json()["message"].as_str().unwrap().contains(named), "{body}: {}", answer.text());
    }
    for (input, code) in [
        (json!({ "agentId": agent, "name": "" }), "BAD_USER_INPUT"),
        (json!({ "agentId": agent, "name": long }), "BAD_USER_INPUT"),
        (json!({ "agentId": agent, "name": "taken" }), "ALREADY_EXISTS"),
        (json!({ "agentId": nobody(), "name": "n" }), "NOT_FOUND"),
    ] {
        let answer = world.owner.gql(documents::CREATE_API_KEY, json!({ "input": input })).await;
        assert_eq!(answer.codes(), [code], "{input}: {}", answer.text());
        assert!(answer.json()["data"]["createApiKey"].is_null());
    }
    for (path, status, named) in [
        ("/agent_api_keys".to_owned(), 400, "agent_id"),
        (format!("/agent_api_keys?agent_id={agent}&agent_name={agent_name}"), 400, "agent_name"),
        (format!("/agent_api_keys?agent_id={agent}&limit=0"), 422, "limit"),
        (format!("/agent_api_keys?agent_id={agent}&limit=1001"), 422, "limit"),
        ("/agent_api_keys/name/taken".to_owned(), 400, "agent_id"),
        (format!("/agent_api_keys/name/taken?agent_id={agent}&api_key_type=slack"), 422, "api_key_type"),
        ("/agent_api_keys/%00".to_owned(), 422, "U+0000"),
        (format!("/agent_api_keys?agent_id={}", nobody()), 404, "does not exist"),
    ] {
        let answer = world.owner.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(named), "{path}: {}", answer.text());
    }
    assert_eq!(world.server.database().number(left).await, before);
    // The same name is another's with another type, and another's with another agent.
    world.owner.post("/agent_api_keys", with(json!({ "name": "taken", "api_key_type": "internal" }))).await.expect(200);
    world.api_key(&world.agent, "taken").await;
}
