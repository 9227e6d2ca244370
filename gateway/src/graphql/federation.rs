//! This graph as a part of a larger one: a subgraph of Apollo Federation 2.
//!
//! The library would look up one entity after the other and give up all of them when one is missing. Here all are
//! found together and checked together, and one that is missing, or hidden, is `null` in its place.

use super::{
    agent::AgentNode,
    entity::{Node, Sought, find},
    plain::{Found, Perhaps},
    task::TaskNode,
    tracker::TrackerNode,
};
use crate::Failure;
use async_graphql::{
    Context, InputValueError, InputValueResult, Object, Scalar, ScalarType, SimpleObject, TypeDirective, Union, Value,
    registry::{MetaType, Registry},
};
use std::sync::LazyLock;

/// The most entities that a router may ask for together.
const ENTITIES: usize = 1_000;

/// What may be asked for from other graphs, by these fields.
const KEYS: [(&str, &str); 3] = [("Task", "id"), ("Agent", "id"), ("Tracker", "id")];

// Composition knows it, and does not want it described.
#[TypeDirective(location = "Object")]
fn key(fields: String) {}

/// Marks the entities in the schema.
pub fn mark(registry: &mut Registry) {
    TypeDirective::register(&key, registry);
    for (object, fields) in KEYS {
        if let Some(MetaType::Object { directive_invocations, .. }) = registry.types.get_mut(object) {
            directive_invocations.push(key::apply(fields.to_owned()));
        }
    }
}

/// Something that other graphs refer to.
#[derive(Union)]
#[graphql(name = "_Entity")]
enum Entity {
    Task(TaskNode),
    Agent(AgentNode),
    Tracker(TrackerNode),
}

impl From<Node> for Entity {
    fn from(node: Node) -> Self {
        match node {
            Node::Task(task) => Self::Task(task),
            Node::Agent(agent) => Self::Agent(agent),
            Node::Tracker(tracker) => Self::Tracker(tracker),
        }
    }
}

impl Perhaps for Entity {
    type Plain = TaskNode;

    fn plain(&self) -> Option<&TaskNode> {
        if let Self::Task(task) = self { Some(task) } else { None }
    }
}

/// What another graph knows of an entity: the name of its type, and its key.
struct Representation {
    sought: Sought,
    id: String,
}

#[Scalar(name = "_Any")]
impl ScalarType for Representation {
    fn parse(value: Value) -> InputValueResult<Self> {
        let wrong = || {
            InputValueError::custom("`representations` must be objects with the `__typename` of an entity and its `id`")
        };
        let Value::Object(mut fields) = value else { return Err(wrong()) };
        let (Some(Value::String(name)), Some(Value::String(id))) =
            (fields.swap_remove("__typename"), fields.swap_remove("id"))
        else {
            return Err(wrong());
        };
        let sought = match name.as_str() {
            "Task" => Sought::Task,
            "Agent" => Sought::Agent,
            "Tracker" => Sought::Tracker,
            _ => return Err(wrong()),
        };
        Ok(Self { sought, id })
    }

    fn to_value(&self) -> Value {
        Value::String(self.id.clone())
    }
}

/// This graph, as composition wants it.
#[derive(SimpleObject)]
#[graphql(name = "_Service")]
struct Service {
    /// Its schema, in the schema definition language.
    sdl: &'static str,
}

/// What a router asks.
#[derive(Default)]
pub struct FederationQuery;

#[Object]
impl FederationQuery {
    /// For routers: entities by their keys, at most 1000, in order. Needs `read` on each; of what is not there, or
    /// not for the viewer, there is `null` with an error in its place.
    #[graphql(name = "_entities", complexity = "representations.len() * child_complexity + 1")]
    async fn entities(
        &self,
        ctx: &Context<'_>,
        representations: Vec<Representation>,
    ) -> Result<Found<Entity>, Failure> {
        if representations.len() > ENTITIES {
            return Err(Failure::invalid(format!("`representations` must be at most {ENTITIES}")));
        }
        let sought: Vec<_> = representations.iter().map(|wanted| (wanted.sought, wanted.id.as_str())).collect();
        let found = find::<Entity>(ctx, &sought).await?;
        Ok(Found(found.into_iter().map(|node| Some(node.map(Entity::from))).collect()))
    }

    /// For composition: this graph's schema.
    #[graphql(name = "_service")]
    async fn service(&self) -> Service {
        Service { sdl: &SDL }
    }
}

static SDL: LazyLock<String> = LazyLock::new(|| {
    let sdl = super::sdl();
    let link =
        "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.3\", import: [\"@key\", \"@shareable\"])\n";
    // Other graphs page as well; and what `@key` is, the link says.
    let lines = sdl.lines().filter(|line| !line.starts_with("directive @key("));
    let lines = lines.map(|line| if line == "type PageInfo {" { "type PageInfo @shareable {" } else { line });
    lines.fold(link.to_owned(), |text, line| text + "\n" + line) + "\n"
});

/// The schema of the subgraph, in the schema definition language.
#[must_use]
pub fn sdl() -> &'static str {
    &SDL
}
