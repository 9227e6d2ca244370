//! What is for operators of the deployment, and for nobody else.

use crate::world::{Who, World, codes};
use authz::{Authorizer as _, Kind, ResourceRef};
use serde_json::{Value, json};

const ORPHANS: &str = "query($first: Int, $after: String) { dualWrite { orphans(first: $first, after: $after) {
    nodes { resource direction remedy missing creator outcome obstacle } cursor complete waiting } } }";
const RECONCILE: &str = "mutation($dry: Boolean!) { reconcileDualWrite(dryRun: $dry) {
    nodes { resource remedy outcome obstacle } complete } }";

/// A world with two tasks without relationships. Its own task is on an agent that the engine does not know it
/// by, which a person must decide.
async fn world_with_orphans() -> (World, Vec<String>) {
    let world = World::new().await;
    let orphans = [world.make_task("one").await, world.make_task("two").await];
    for task in &orphans {
        world.engine.deregister(&ResourceRef { kind: Kind::Task, id: task.as_str().into() }).await.unwrap();
    }
    (world, orphans.map(|id| format!("task:{id}")).to_vec())
}

/// The orphans that can be repaired.
fn resources(nodes: &Value) -> Vec<String> {
    let repairable = nodes.as_array().unwrap().iter().filter(|node| node["remedy"] != json!("DECIDE"));
    repairable.map(|node| node["resource"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn for_others_it_is_not_there_and_a_repair_is_forbidden() {
    let (world, _) = world_with_orphans().await;
    for who in Who::ALL {
        for dry in [true, false] {
            let answer = world.ask(who, RECONCILE, json!({ "dry": dry })).await;
            assert_eq!(
                (&answer["data"], codes(&answer)),
                (&json!({ "reconcileDualWrite": null }), vec!["FORBIDDEN".into()])
            );
        }
        let answer = world.ask(who, "{ dualWrite { status { pending } } viewer { tenant } }", json!({})).await;
        assert_eq!((&answer["data"]["dualWrite"], codes(&answer)), (&Value::Null, vec!["NOT_FOUND".into()]), "{who:?}");
        assert_eq!(answer["data"]["viewer"]["tenant"], json!("acme"), "what stands beside it is answered");
    }
    let still = world.ask(Who::Operator, ORPHANS, json!({})).await;
    assert_eq!(resources(&still["data"]["dualWrite"]["orphans"]["nodes"]).len(), 2, "{still}");
}

#[tokio::test]
async fn an_operator_finds_orphans_a_stretch_at_a_time_and_repairs_them() {
    let (world, orphans) = world_with_orphans().await;
    let (mut found, mut after) = (vec![], Value::Null);
    loop {
        let answer = world.ask(Who::Operator, ORPHANS, json!({ "first": 1, "after": after })).await;
        let part = &answer["data"]["dualWrite"]["orphans"];
        found.extend(resources(&part["nodes"]));
        if part["complete"] == json!(true) {
            break;
        }
        after = part["cursor"].clone();
    }
    assert_eq!(found, orphans);
    let tried = world.ask(Who::Operator, RECONCILE, json!({ "dry": true })).await;
    assert_eq!(resources(&tried["data"]["reconcileDualWrite"]["nodes"]), orphans, "{tried}");
    let done = world.ask(Who::Operator, RECONCILE, json!({ "dry": false })).await;
    for node in done["data"]["reconcileDualWrite"]["nodes"].as_array().unwrap() {
        let left = node["obstacle"] == json!("OTHER_AGENT");
        assert_eq!(node["outcome"], json!(if left { "LEFT" } else { "DONE" }), "{done}");
    }
    let after = world.ask(Who::Operator, ORPHANS, json!({})).await;
    assert_eq!(resources(&after["data"]["dualWrite"]["orphans"]["nodes"]), [""; 0]);
    let task = orphans[0].trim_start_matches("task:");
    let seen = world.ask(Who::Owner, "query($id: ID!) { task(id: $id) { name } }", json!({ "id": task })).await;
    assert_eq!(seen["data"]["task"]["name"], json!("one"), "its creator owns it again");
    let status = world
        .ask(Who::Operator, "{ dualWrite { status { tallies { direction resource repaired } } } }", json!({}))
        .await;
    let tallies = json!([{ "direction": "ROW", "resource": "TASK", "repaired": 2 }]);
    assert_eq!(status["data"]["dualWrite"]["status"]["tallies"], tallies);
}

#[tokio::test]
async fn an_operator_is_told_what_is_wrong_with_one_thing() {
    let (world, orphans) = world_with_orphans().await;
    let query = "query($id: ID!) { dualWrite { explain(resource: $id) { resource row { account creator }
        registration { owned accounts } orphan { direction missing } wait intents { op } } } }";
    let explained = async |id: &str| {
        let answer = world.ask(Who::Operator, query, json!({ "id": id })).await;
        answer["data"]["dualWrite"]["explain"].clone()
    };
    let orphan = explained(orphans[0].trim_start_matches("task:")).await;
    assert_eq!(orphan["row"], json!({ "account": "acme", "creator": "user:owner" }));
    assert_eq!(orphan["registration"], Value::Null);
    assert_eq!(orphan["orphan"], json!({ "direction": "ROW", "missing": ["owner", "tenant", "parent_agent"] }));
    let nothing = explained("task:nothing").await;
    assert_eq!((&nothing["row"], &nothing["orphan"]), (&Value::Null, &Value::Null));
    assert_eq!(explained(&format!("agent:{}", world.agent)).await["registration"]["owned"], json!(true));
}

/// Others are answered alike whatever they ask about, and the engine hears nothing of it.
#[tokio::test]
async fn why_is_for_operators_alone() {
    let world = World::new().await;
    let query = "query($who: String!, $id: ID!) { explainAccess(principal: $who, action: UPDATE, resource: $id) {
        principal action resource allowed paths missing disagrees } }";
    let ask = async |by: Who, who: &str, id: &str| world.ask(by, query, json!({ "who": who, "id": id })).await;
    world.calls.take();
    for who in Who::ALL {
        let hidden = ask(who, "user:owner", &world.task).await;
        assert_eq!((&hidden["data"], codes(&hidden)), (&json!({ "explainAccess": null }), vec!["NOT_FOUND".into()]));
        for (principal, id) in [("user:owner", "nothing"), ("nobody", "no:thing")] {
            assert_eq!(ask(who, principal, id).await, hidden, "{who:?}");
        }
    }
    assert_eq!(world.calls.take(), [""; 0]);
    let path = [
        format!("task:{}#owner@user:owner", world.task),
        format!("task:{}#tenant@tenant:acme", world.task),
        "tenant:acme#member@user:owner".to_owned(),
    ];
    let told = ask(Who::Operator, "user:owner", &world.task).await;
    assert_eq!(
        told["data"]["explainAccess"],
        json!({
            "principal": "user:owner", "action": "UPDATE", "resource": format!("task:{}", world.task), "allowed": true,
            "paths": [path], "missing": [], "disagrees": false,
        })
    );
    let viewer = ask(Who::Operator, "user:viewer", &world.task).await["data"]["explainAccess"].clone();
    assert_eq!((&viewer["allowed"], viewer["missing"].as_array().map(Vec::len)), (&json!(false), Some(1)));
    let absent = ask(Who::Operator, "user:viewer", "api_key:nothing").await["data"]["explainAccess"].clone();
    assert_eq!((&absent["allowed"], absent["missing"].as_array().map(Vec::len)), (&json!(false), Some(1)));
    for (who, id, named) in
        [("nobody", "t", "`principal`"), ("user:a", "no:thing", "`resource`"), ("user:a", "", "`resource`")]
    {
        let refused = ask(Who::Operator, who, id).await;
        assert_eq!(codes(&refused), ["BAD_USER_INPUT"]);
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains(named), "{refused}");
    }
    world.calls.fail("engine.check");
    assert_eq!(codes(&ask(Who::Operator, "user:owner", &world.task).await), ["UNAVAILABLE"]);
}

#[tokio::test]
async fn what_is_asked_badly_is_refused_by_name() {
    let world = World::new().await;
    for (arguments, named) in [
        ("after: \"nonsense\"", "`after`"),
        ("after: \"tenant:acme\"", "`after`"),
        ("filter: { resource: TENANT }", "`resource`"),
        ("first: 0", "`first`"),
        ("first: 101", "`first`"),
    ] {
        for query in [
            format!("{{ dualWrite {{ orphans({arguments}) {{ complete }} }} }}"),
            format!("mutation {{ reconcileDualWrite({arguments}) {{ complete }} }}"),
        ] {
            let answer = world.ask(Who::Operator, &query, json!({})).await;
            assert_eq!(codes(&answer), ["BAD_USER_INPUT"], "{query}");
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains(named), "{answer}");
        }
    }
}
