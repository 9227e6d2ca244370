//! The schema and the table of permissions are files that reviews see change.
//!
//! `TASKGATE_BLESS=1 cargo test -p gateway --test graphql` rewrites them after an intended change.

use crate::world::World;
use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, TypeKind, TypeSystemDefinition},
};
use gateway::graphql;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

/// A field of an object type, as the published schema has it.
pub struct Field {
    pub object: String,
    pub name: String,
    /// Its type, such as `[Tracker!]`.
    pub ty: String,
    /// The action and the kind of resource it needs, in lower case.
    pub needs: Option<(String, String)>,
    /// Whether it is for operators of the deployment.
    pub operators: bool,
}

/// Every field of every object type.
pub fn fields() -> Vec<Field> {
    let document = parse_schema(graphql::sdl()).unwrap();
    let mut fields = vec![];
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = &definition.node.kind else { continue };
        let name = definition.node.name.node.to_string();
        fields.extend(object.fields.iter().map(|field| read(&name, &field.node)));
    }
    fields
}

fn read(object: &str, field: &FieldDefinition) -> Field {
    let applied: BTreeSet<_> = field.directives.iter().map(|directive| directive.node.name.node.as_str()).collect();
    assert_eq!(applied.len(), field.directives.len(), "{object}.{} has a directive twice", field.name.node);
    let requires = field.directives.iter().find(|directive| directive.node.name.node == "requires");
    let argument = |name: &str| {
        let value = &requires.unwrap().node.get_argument(name).unwrap().node;
        value.to_string().to_lowercase()
    };
    let needs = requires.map(|_| (argument("action"), argument("on")));
    let operators = field.directives.iter().any(|directive| directive.node.name.node == "operators");
    let (object, name) = (object.to_owned(), field.name.node.to_string());
    Field { object, name, ty: field.ty.node.to_string(), needs, operators }
}

fn hold(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("TASKGATE_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let held = fs::read_to_string(&path).unwrap_or_default();
    assert!(held == text, "`{file}` is not what the code says; bless it if that was meant");
}

#[test]
fn the_schema_is_the_committed_one() {
    hold("schema.graphql", &graphql::sdl());
}

#[test]
fn the_schema_of_the_subgraph_is_the_committed_one() {
    hold("subgraph.graphql", graphql::federation_sdl());
}

/// What only a router asks is all that is answered and not published.
#[tokio::test]
async fn what_is_published_is_what_is_answered() {
    let query = "{ __schema { types { name fields { name } } } }";
    let types = World::new().await.owner(query).await["data"]["__schema"]["types"].take();
    let names = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let objects = types.as_array().unwrap().iter().filter(|object| object["fields"].is_array());
    let answered: BTreeSet<_> = objects
        .filter(|object| !names(object).starts_with("__") && names(object) != "Node")
        .flat_map(|object| object["fields"].as_array().unwrap().iter().map(move |field| (names(object), names(field))))
        .collect();
    let published: BTreeSet<_> = fields().into_iter().map(|field| (field.object, field.name)).collect();
    let others: Vec<_> = answered.difference(&published).map(|(object, field)| format!("{object}.{field}")).collect();
    assert_eq!(others, ["Query._entities", "Query._service", "_Service.sdl"]);
    assert!(published.is_subset(&answered));
}

#[test]
fn the_permissions_are_the_committed_ones() {
    let mut text =
        String::from("# What each field of the schema needs. Written by a test; see tests/graphql/sdl.rs.\n");
    let mut fields = fields();
    fields.retain(|field| !field.object.ends_with("Connection") && !field.object.ends_with("Edge"));
    let mut object = String::new();
    for field in fields {
        if field.object != object {
            text.push('\n');
            object.clone_from(&field.object);
        }
        let nothing = if field.operators { "operator of the deployment" } else { "-" };
        let needs = field.needs.map_or_else(|| nothing.to_owned(), |(action, on)| format!("{action} on {on}"));
        let _ = writeln!(text, "{:<40} {needs}", format!("{}.{}", field.object, field.name));
    }
    hold("src/graphql/permissions.txt", &text);
}

/// What is shown of a task or an agent is either an id or behind a permission.
#[test]
fn nothing_is_shown_without_a_permission_but_ids() {
    let open: Vec<_> = fields()
        .into_iter()
        .filter(|field| ["Task", "Tracker", "Checkpoint", "Event", "Agent", "ApiKey"].contains(&field.object.as_str()))
        .filter(|field| field.needs.is_none())
        .map(|field| format!("{}.{}", field.object, field.name))
        .collect();
    let ids =
        ["Agent.id", "ApiKey.id", "Checkpoint.threadId", "Checkpoint.namespace", "Checkpoint.checkpointId", "Event.id"];
    let ids: Vec<_> = ids.into_iter().chain(["Task.id", "Tracker.id"]).collect();
    assert_eq!(open, ids);
}

#[test]
fn what_may_be_denied_may_be_null() {
    for field in fields().into_iter().filter(|field| field.needs.is_some() || field.operators) {
        assert!(!field.ty.ends_with('!'), "{}.{}: {}", field.object, field.name, field.ty);
    }
}
