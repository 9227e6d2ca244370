//! The operator's question why somebody may or may not do something.

use blackbox::{As, Server, Storage, World};
use serde_json::{Value, json};

fn explain(server: &Server, principal: &str, action: &str, thing: [&str; 2]) -> Value {
    let said =
        server.ask(&[&["explain", "--principal", principal, "--action", action], &thing[..], &["--json"]].concat());
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.objects().remove(0)
}

fn principal(of: &As) -> &str {
    of.principal.as_deref().unwrap()
}

#[tokio::test]
async fn the_path_that_allows_is_said_and_what_is_missing_where_there_is_none() {
    let world = World::new(Storage::Url).await;
    let (server, task) = (&world.server, world.secret().await);
    let (owner, viewer, stranger) = (server.owner(), server.viewer(), server.stranger());
    let [owner, viewer, stranger] = [&owner, &viewer, &stranger].map(|who| principal(who).to_owned());
    world.share(&task, &server.viewer(), "VIEWER").await;
    world.share(&task, &server.stranger(), "EDITOR").await;
    let about = ["--task", task.as_str()];

    let told = explain(server, &owner, "update", about);
    let tenant = format!("tenant:{}", "demo");
    let path = [
        format!("task:{task}#owner@{owner}"),
        format!("task:{task}#tenant@{tenant}"),
        format!("{tenant}#member@{owner}"),
    ];
    assert_eq!(
        (&told["allowed"], &told["paths"][0], &told["missing"]),
        (&json!(true), &json!(path), &json!([])),
        "{told}"
    );
    assert_eq!((&told["engine"], &told["disagrees"]), (&json!("graph"), &json!(false)));

    let told = explain(server, &viewer, "read", about);
    assert_eq!((&told["allowed"], &told["paths"]), (&json!(true), &json!([[format!("task:{task}#viewer@{viewer}")]])));
    let told = explain(server, &viewer, "update", about);
    assert_eq!((&told["allowed"], &told["paths"]), (&json!(false), &json!([])));
    assert!(
        told["missing"][0]
            .as_str()
            .unwrap()
            .starts_with(&format!("{viewer} is only viewer of task:{task}: to `update`"))
    );

    let told = explain(server, &stranger, "update", about);
    let outside = format!("{stranger} is editor of task:{task}, but not inside {tenant}, which it lives in");
    assert_eq!((&told["allowed"], &told["missing"]), (&json!(false), &json!([outside])));

    let runtime = format!("agent:{}", world.agent);
    let told = explain(server, &runtime, "execute", ["--resource", &format!("task:{task}")]);
    assert_eq!(told["paths"], json!([[format!("task:{task}#parent_agent@{runtime}")]]));
}

#[tokio::test]
async fn people_are_told_in_words_and_badly_asked_questions_are_refused() {
    let world = World::new(Storage::Url).await;
    let ask = |arguments: &[&str]| world.server.ask(&[&["explain"], arguments].concat());
    let nobody = ["--principal", "user:nobody", "--action", "read"];
    let said = ask(&[&nobody[..], &["--task", "nothing"]].concat());
    assert_eq!(
        (said.code, said.out.lines().collect::<Vec<_>>()),
        (
            Some(0),
            vec![
                "user:nobody may not read task:nothing",
                "  task:nothing lives in no tenant, and nothing else leads there: it does not exist, or is not registered",
                "`taskgate dual-write explain task:nothing` compares its row with its registration",
            ]
        )
    );
    for (arguments, named) in [
        (vec!["--principal", "nobody", "--action", "read", "--task", "t"], "--principal"),
        (vec!["--principal", "user:a", "--action", "raed", "--task", "t"], "--action"),
        (vec!["--principal", "user:a", "--action", "read", "--resource", "tusk:t"], "--resource"),
        (vec!["--principal", "user:a", "--action", "read"], "--task"),
        (vec!["--principal", "user:a", "--action", "read", "--task", "t", "--resource", "task:t"], "--task"),
        (vec!["--principal", "user:a", "--action", "read", "--task", ""], "``"),
    ] {
        let said = ask(&arguments);
        assert!(said.code != Some(0) && said.err.contains(named) && said.out.is_empty(), "{arguments:?}: {}", said.err);
    }
}

/// Nobody else can tell the question from one whose subject is not there, or that does not exist for them.
#[tokio::test]
async fn only_operators_are_told_why() {
    let world = World::new(Storage::Url).await;
    let (server, task) = (&world.server, world.task().await);
    let document = "query($who: String!, $id: ID!) { explainAccess(principal: $who, action: SHARE, resource: $id) {
        principal action resource allowed paths missing disagrees } }";
    let ask = async |caller: &As, who: &str, id: &str| caller.gql(document, json!({ "who": who, "id": id })).await;
    let owner = principal(&server.owner()).to_owned();
    let told = ask(&server.operator(), &owner, &task).await.data()["explainAccess"].clone();
    assert_eq!(
        (&told["allowed"], &told["action"], &told["resource"]),
        (&json!(true), &json!("SHARE"), &json!(format!("task:{task}")))
    );
    let absent = ask(&server.operator(), &owner, "nothing").await.data()["explainAccess"].clone();
    assert_eq!(
        (&absent["allowed"], &absent["paths"]),
        (&json!(false), &json!([])),
        "operators are told of what is not there"
    );
    for caller in [server.owner(), server.editor(), server.viewer(), server.agent(), server.stranger()] {
        let hidden = ask(&caller, &owner, &task).await;
        assert_eq!((hidden.status, hidden.codes()), (200, vec!["NOT_FOUND".to_owned()]), "{}", caller.name);
        assert!(!hidden.text().contains(&task) && !hidden.text().contains(&owner), "{}", hidden.text());
        for (who, id) in [(owner.as_str(), "nothing"), ("nobody at all", task.as_str()), ("user:x", "no:thing")] {
            assert_eq!(ask(&caller, who, id).await.text(), hidden.text(), "{}", caller.name);
        }
        // In the same column, which the error names.
        let other = format!("{{{:32}dualWrite {{ status {{ pending }} }} }}", "");
        let other = caller.gql(&other, json!({})).await;
        let named_alike = other.text().replace("dualWrite", "explainAccess");
        assert_eq!(named_alike, hidden.text(), "as for any field that is not for them");
    }
}
