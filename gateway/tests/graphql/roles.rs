//! Every field of the published schema, asked by everybody: the directive says who is answered.

use crate::{
    sdl::{Field, fields},
    world::{Who, World, codes, paths},
};
use authz::{
    Action, ActionSet, Kind, Principal, Relation, Role,
    schema::{allowed, inherited},
};
use enumset::EnumSet;
use serde_json::{Value, json};

/// What somebody may do to the task, or to the agent it runs on.
fn may(who: Who, kind: &str) -> ActionSet {
    let (kind, held): (Kind, EnumSet<Relation>) = match (kind, who) {
        ("task", Who::Owner) => (Kind::Task, Relation::Owner.into()),
        ("task", Who::Editor) => (Kind::Task, Relation::Editor.into()),
        ("task", Who::Viewer) => (Kind::Task, Relation::Viewer.into()),
        ("task", Who::Runtime) => (Kind::Task, Relation::ParentAgent.into()),
        ("agent", Who::Owner) => (Kind::Agent, Relation::Owner.into()),
        ("agent", Who::Viewer) => (Kind::Agent, Relation::Viewer.into()),
        ("agent", Who::Runtime) => (Kind::Agent, Relation::Runtime.into()),
        // The owner made the key; the runtime may change the agent it is for.
        ("api_key", Who::Owner) => (Kind::ApiKey, Relation::Owner.into()),
        ("api_key", Who::Runtime) => return inherited(Kind::ApiKey, may(who, "agent")),
        ("tenant", Who::Owner | Who::Editor | Who::Viewer | Who::Stranger) => (Kind::Tenant, Relation::Member.into()),
        ("task" | "agent" | "api_key" | "tenant", _) => (Kind::Task, EnumSet::empty()),
        _ => panic!("{kind}"),
    };
    allowed(kind, held, who != Who::Runtime)
}

fn is_allowed(who: Who, needs: &(String, String)) -> bool {
    let action = ActionSet::all().iter().find(|action| action.as_str() == needs.0).unwrap();
    may(who, &needs.1).contains(action)
}

/// How a field is selected: objects with something of theirs.
fn selection(field: &Field, all: &[Field]) -> String {
    let name = field.ty.trim_matches(['[', ']', '!']);
    let is_object = all.iter().any(|field| field.object == name);
    if is_object { format!("{} {{ __typename }}", field.name) } else { field.name.clone() }
}

/// How a node of each type is reached, and where it is in the answer.
fn reach(world: &World, object: &str) -> Option<(String, &'static str)> {
    let World { task, tracker, event, agent, key, .. } = world;
    Some(match object {
        "Task" => (format!("task(id: {})", json!(task)), "task"),
        "Tracker" => (format!("tracker(id: {})", json!(tracker)), "tracker"),
        "Checkpoint" => (format!("checkpoint(threadId: {})", json!(task)), "checkpoint"),
        "Event" => (format!("event(id: {})", json!(event)), "event"),
        "Agent" => (format!("agent(id: {})", json!(agent)), "agent"),
        "ApiKey" => (format!("apiKey(id: {})", json!(key)), "apiKey"),
        _ => return None,
    })
}

#[tokio::test]
async fn each_field_is_answered_to_those_the_directive_names() {
    let world = World::new().await;
    let (mut asked, all) = (0, fields());
    for field in &all {
        let (Some((reach, root)), Some(needs)) = (reach(&world, &field.object), &field.needs) else { continue };
        for who in Who::ALL {
            let name = format!("{}.{} by {who:?}", field.object, field.name);
            let answer = world
                .ask(who, &format!("{{ {reach} {{ id: __typename {} }} }}", selection(field, &all)), json!({}))
                .await;
            asked += 1;
            // The way to an event leads past its agent.
            let opens = field.object != "Event" || may(who, "agent").contains(Action::Read);
            if opens && is_allowed(who, needs) {
                assert_eq!(answer["errors"], Value::Null, "{name}: {answer}");
                continue;
            }
            assert_eq!(codes(&answer), ["NOT_FOUND"], "{name}: {answer}");
            let sees = opens && may(who, &needs.1).contains(Action::Read);
            if sees {
                assert_eq!(paths(&answer), [format!("{root}.{}", field.name)], "{name}");
                assert_eq!(answer["data"][root], json!({"id": field.object, field.name.as_str(): null}), "{name}");
            } else {
                assert_eq!(answer["data"], json!({ root: null }), "{name}");
            }
        }
    }
    assert!(asked > 200, "{asked}");
}

#[tokio::test]
async fn viewer_can_says_what_the_schema_says() {
    let world = World::new().await;
    for who in [Who::Owner, Who::Editor, Who::Viewer, Who::Runtime] {
        let query = "task(id: $id) { viewerCan { read update execute cancel delete share } agents { viewerCan { read update execute delete share } } }";
        let answer = world.about(who, query).await;
        for action in [Action::Read, Action::Update, Action::Execute, Action::Cancel, Action::Delete, Action::Share] {
            let can = &answer["data"]["task"]["viewerCan"][action.as_str()];
            assert_eq!(can, &json!(may(who, "task").contains(action)), "{action} by {who:?}");
            if action != Action::Cancel && who != Who::Editor {
                let can = &answer["data"]["task"]["agents"][0]["viewerCan"][action.as_str()];
                assert_eq!(can, &json!(may(who, "agent").contains(action)), "agent: {action} by {who:?}");
            }
        }
    }
}

/// The arguments of each mutation about the task, the tracker or the agent of the world.
fn arguments(world: &World, mutation: &str) -> Option<String> {
    let World { task, tracker, event, agent, key, .. } = world;
    let [task, tracker, event, agent, key] = [task, tracker, event, agent, key].map(|id| json!(id).to_string());
    Some(match mutation {
        "createAgent" => "input: {name: \"new\", description: \"\", acpType: SYNC}".to_owned(),
        "deleteAgent" => format!("id: {agent}"),
        "createApiKey" => format!("input: {{agentId: {agent}, name: \"another\"}}"),
        "deleteApiKey" => format!("id: {key}"),
        "createTask" => format!("input: {{agentId: {agent}}}"),
        "updateTask" => format!("id: {task}, input: {{mergeParams: {{a: 1}}}}"),
        "cancelTask" | "completeTask" | "failTask" | "terminateTask" | "timeoutTask" | "interruptTask"
        | "deleteTask" => {
            format!("id: {task}")
        }
        "shareTask" | "unshareTask" => format!("id: {task}, principal: \"user:somebody\", role: VIEWER"),
        "updateTracker" => format!("id: {tracker}, input: {{lastProcessedEventId: {event}}}"),
        "putCheckpoint" => format!("input: {{threadId: {task}, checkpointId: \"1\", checkpoint: {{}}}}"),
        "putCheckpointWrites" => format!("input: {{threadId: {task}, checkpointId: \"1\", writes: []}}"),
        "deleteThread" => format!("threadId: {task}"),
        "appendEvent" => format!("input: {{taskId: {task}, agentId: {agent}}}"),
        _ => return None,
    })
}

#[tokio::test]
async fn each_mutation_is_done_for_those_the_directive_names() {
    for field in fields().into_iter().filter(|field| field.object == "Mutation" && !field.operators) {
        let needs = field.needs.as_ref().unwrap_or_else(|| panic!("`{}` needs nothing", field.name));
        for who in Who::ALL {
            let world = World::new().await;
            let arguments = arguments(&world, &field.name).unwrap_or_else(|| panic!("`{}` is not tried", field.name));
            let query = format!("mutation {{ {}({arguments}) {{ __typename }} }}", field.name);
            let answer = world.ask(who, &query, json!({})).await;
            if is_allowed(who, needs) {
                assert_eq!(answer["errors"], Value::Null, "{} by {who:?}: {answer}", field.name);
                continue;
            }
            assert_eq!(answer["data"], json!({ field.name.as_str(): null }), "{} by {who:?}", field.name);
            assert_eq!(codes(&answer), ["NOT_FOUND"], "{} by {who:?}", field.name);
            let writes = ["create", "update", "transition", "delete", "commit", "put", "append", "grant", "register"];
            let calls = world.calls.take();
            let wrote = calls.iter().any(|call| writes.iter().any(|write| call.contains(write)));
            assert!(!wrote, "{} by {who:?}: {calls:?}", field.name);
        }
    }
}

/// Absent and hidden: the same bytes but for the id that was typed, and the same calls to the engine.
#[tokio::test]
async fn absent_and_hidden_cannot_be_told_apart() {
    let world = World::new().await;
    let absent = "01890000-0000-7000-8000-000000000000";
    let roots: Vec<_> =
        fields().into_iter().filter(|f| ["Query", "Mutation"].contains(&f.object.as_str()) && !f.operators).collect();
    let mut compared = 0;
    for field in roots {
        let arguments = match (field.object.as_str(), field.name.as_str()) {
            ("Mutation", name) => arguments(&world, name).unwrap(),
            ("Query", "task") => format!("id: \"{}\"", world.task),
            ("Query", "tracker") => format!("id: \"{}\"", world.tracker),
            ("Query", "event") => format!("id: \"{}\"", world.event),
            ("Query", "agent") => format!("id: \"{}\"", world.agent),
            ("Query", "apiKey") => format!("id: \"{}\"", world.key),
            ("Query", "checkpoint" | "checkpoints") => format!("threadId: \"{}\"", world.task),
            _ => continue,
        };
        let ids = [&world.task, &world.tracker, &world.agent, &world.event, &world.key];
        let Some(real) = ids.into_iter().find(|id| arguments.contains(id.as_str())) else { continue };
        let operation = field.object.to_lowercase();
        let ask = async |arguments: &str| {
            let query = format!("{operation} {{ {}({arguments}) {{ __typename }} }}", field.name);
            world.calls.take();
            let answer = world.post(Who::Stranger, json!({"query": query}).to_string()).await;
            let engine: Vec<_> = world.calls.take().into_iter().filter(|call| call.starts_with("engine")).collect();
            (answer.status, answer.text(), engine)
        };
        let hidden = ask(&arguments).await;
        let missing = ask(&arguments.replace(real.as_str(), absent)).await;
        assert_eq!(hidden.1.replace(real.as_str(), absent), missing.1, "{}", field.name);
        assert_eq!((hidden.0, &hidden.2), (missing.0, &missing.2), "{}", field.name);
        assert_eq!(missing.2, ["engine.check"], "{}", field.name);
        compared += 1;
    }
    assert!(compared >= 18, "{compared}");
}

#[tokio::test]
async fn absent_and_hidden_names_cannot_be_told_apart() {
    let world = World::new().await;
    for (field, hidden) in [("task", "the task"), ("agent", "the-agent")] {
        let ask = async |name: &str| {
            world.calls.take();
            let query = json!({"query": format!("{{ {field}(name: {}) {{ id }} }}", json!(name))}).to_string();
            let text = world.post(Who::Stranger, query).await.text();
            (text.replace(name, "NAME"), world.calls.take())
        };
        let (hidden, missing) = (ask(hidden).await, ask("nobody has it").await);
        assert_eq!(hidden, missing);
        assert!(hidden.0.contains("Item with name 'NAME' does not exist."), "{}", hidden.0);
    }
}

#[tokio::test]
async fn an_event_needs_its_agent_too_as_over_rest() {
    let world = World::new().await;
    world.grant(&world.task, Role::Viewer, &Principal::user(Who::Guest.token())).await;
    let event =
        |id: &str| format!("query($id: ID!) {{ task(id: $id) {{ name }} event(id: {}) {{ content }} }}", json!(id));
    let answer = world.ask(Who::Guest, &event(&world.event), json!({"id": world.task})).await;
    assert_eq!((&answer["data"]["task"]["name"], &answer["data"]["event"]), (&json!("the task"), &Value::Null));
    let absent = world.ask(Who::Guest, &event("nobody's"), json!({"id": world.task})).await;
    assert_eq!(answer.to_string().replace(&world.event, "nobody's"), absent.to_string());
    let viewer = world.ask(Who::Viewer, &event(&world.event), json!({"id": world.task})).await;
    assert!(viewer["errors"].is_null(), "{viewer}");
}
