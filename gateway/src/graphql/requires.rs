//! What each field needs: the one table behind the `@requires` directive of the SDL, the sentence in
//! a field's description, and the look-ahead that tells which actions to ask the gate about.
//!
//! It decides nothing. A field that answers without its permit cannot be written, since the value is
//! behind the permit's type; a test compares the table with what each role is really shown.

use super::federation;
use async_graphql::{
    ContextDirective, CustomDirective, CustomDirectiveFactory, Enum, InputType, ServerError, ServerResult,
    TypeDirective,
    parser::types::Directive,
    registry::{MetaType, Registry},
};
use authz::{Action as Act, Kind};
use std::borrow::Cow;

/// What a principal may do to a resource.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "authz::Action")]
pub enum Action {
    /// See it, and everything it owns.
    Read,
    /// Change it, and add to what it owns.
    Update,
    /// Task: commit tracker cursors. Agent: run it, which is what creating a task on it needs.
    Execute,
    /// End a task on the owner's word.
    Cancel,
    /// Remove it and everything it owns.
    Delete,
    /// Let others see or edit it, and see who may.
    Share,
    /// Bring a child into being. Tenant: agents. Agent: API keys.
    Create,
}

/// The things that permissions are about.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Kind")]
pub enum ResourceKind {
    /// An account that shares the deployment with others.
    Tenant,
    /// A program that works on tasks.
    Agent,
    /// A unit of work, and all that hangs on it.
    Task,
    /// A credential of an agent's runtime.
    ApiKey,
}

/// What these fields of this type need.
struct Row {
    object: &'static str,
    action: Act,
    on: Kind,
    fields: &'static [&'static str],
}

const fn row(object: &'static str, action: Act, on: Kind, fields: &'static [&'static str]) -> Row {
    Row { object, action, on, fields }
}

/// Fields that are not here need nothing: ids, and lists, which leave out what may not be read.
const TABLE: &[Row] = &[
    row("Query", Act::Read, Kind::Task, &["task", "tracker", "checkpoint", "checkpoints", "event"]),
    row("Query", Act::Read, Kind::Agent, &["agent"]),
    row("Query", Act::Read, Kind::ApiKey, &["apiKey"]),
    row("Mutation", Act::Create, Kind::Tenant, &["createAgent"]),
    row("Mutation", Act::Delete, Kind::Agent, &["deleteAgent"]),
    row("Mutation", Act::Create, Kind::Agent, &["createApiKey"]),
    row("Mutation", Act::Delete, Kind::ApiKey, &["deleteApiKey"]),
    row("Mutation", Act::Execute, Kind::Agent, &["createTask"]),
    row(
        "Mutation",
        Act::Update,
        Kind::Task,
        &["updateTask", "completeTask", "failTask", "terminateTask", "timeoutTask", "interruptTask"],
    ),
    row("Mutation", Act::Update, Kind::Task, &["putCheckpoint", "putCheckpointWrites", "appendEvent"]),
    row("Mutation", Act::Execute, Kind::Task, &["updateTracker"]),
    row("Mutation", Act::Cancel, Kind::Task, &["cancelTask"]),
    row("Mutation", Act::Delete, Kind::Task, &["deleteTask", "deleteThread"]),
    row("Mutation", Act::Share, Kind::Task, &["shareTask", "unshareTask"]),
    row("Task", Act::Read, Kind::Task, &["name", "status", "statusReason", "createdAt", "updatedAt", "cleanedAt"]),
    row("Task", Act::Read, Kind::Task, &["params", "taskMetadata", "agents", "trackers"]),
    row("Task", Act::Read, Kind::Task, &["checkpoints", "latestCheckpoint", "viewerCan"]),
    row("Task", Act::Update, Kind::Task, &["creator"]),
    row("Task", Act::Share, Kind::Task, &["access"]),
    row("Tracker", Act::Read, Kind::Task, &["agentId", "taskId", "task", "status", "statusReason"]),
    row("Tracker", Act::Read, Kind::Task, &["lastProcessedEventId", "createdAt", "updatedAt"]),
    row("Checkpoint", Act::Read, Kind::Task, &["parentCheckpointId", "checkpoint", "metadata"]),
    row("Checkpoint", Act::Read, Kind::Task, &["blobs", "pendingWrites", "task"]),
    row("Event", Act::Read, Kind::Task, &["sequenceId", "taskId", "agentId", "content", "createdAt"]),
    row("Agent", Act::Read, Kind::Agent, &["name", "description", "status", "acpType", "statusReason", "createdAt"]),
    row("Agent", Act::Read, Kind::Agent, &["updatedAt", "registrationMetadata", "registeredAt", "inputType"]),
    row("Agent", Act::Read, Kind::Agent, &["productionDeploymentId", "viewerCan"]),
    row("Agent", Act::Update, Kind::Agent, &["acpUrl", "apiKeys"]),
    row("ApiKey", Act::Read, Kind::ApiKey, &["agentId", "name", "type", "prefix", "createdAt", "viewerCan"]),
    row("ApiKey", Act::Delete, Kind::ApiKey, &["creator"]),
];

/// Fields about the deployment, which no relationship opens: those whom the configuration names as operators
/// are answered.
const OPERATED: &[(&str, &str)] = &[
    ("Query", "dualWrite"),
    ("Query", "dualWriteSwitches"),
    ("Query", "dualWriteSwitchChanges"),
    ("Query", "engineRoutes"),
    ("Query", "engineRouteChanges"),
    ("Query", "explainAccess"),
    ("Mutation", "reconcileDualWrite"),
    ("Mutation", "switchDualWrite"),
    ("Mutation", "routeEngine"),
];

/// Types whose fields are named like actions, and say whether the viewer may do them.
const ANSWERS: &[(&str, Kind)] =
    &[("TaskPermissions", Kind::Task), ("AgentPermissions", Kind::Agent), ("ApiKeyPermissions", Kind::ApiKey)];

/// What a field needs, and on what.
pub fn needs(object: &str, field: &str) -> Option<(Kind, Act)> {
    let row = TABLE.iter().find(|row| row.object == object && row.fields.contains(&field))?;
    Some((row.on, row.action))
}

/// What the gate must be asked about for a field to be answered.
pub fn asks(object: &str, field: &str) -> Option<(Kind, Act)> {
    let Some((_, kind)) = ANSWERS.iter().find(|(name, _)| *name == object) else { return needs(object, field) };
    let action = authz::ActionSet::all().iter().find(|action| action.as_str() == field)?;
    Some((*kind, action))
}

/// The field may be asked of those who may do this to the resource it is about. Others are answered
/// `null`, with an error.
#[TypeDirective(location = "FieldDefinition")]
fn requires(action: Action, on: ResourceKind) {}

/// The field may be asked of operators of the deployment.
#[TypeDirective(location = "FieldDefinition")]
fn operators() {}

/// Writes the table into the schema.
pub struct Requires;

impl CustomDirectiveFactory for Requires {
    fn name(&self) -> Cow<'static, str> {
        TypeDirective::name(&requires)
    }

    fn register(&self, registry: &mut Registry) {
        TypeDirective::register(&requires, registry);
        TypeDirective::register(&operators, registry);
        federation::mark(registry);
        for (object, name) in OPERATED {
            let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(*object) else { continue };
            let Some(field) = fields.get_mut(*name) else { continue };
            field.directive_invocations.push(operators::apply());
            let said = field.description.get_or_insert_default();
            *said = format!("{said} For operators of the deployment.");
        }
        Action::create_type_info(registry);
        ResourceKind::create_type_info(registry);
        for row in TABLE {
            let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(row.object) else { continue };
            for name in row.fields {
                let Some(field) = fields.get_mut(*name) else { continue };
                field.directive_invocations.push(requires::apply(row.action.into(), row.on.into()));
                let said = field.description.get_or_insert_default();
                let on = if row.on == Kind::ApiKey { "API key" } else { row.on.as_str() };
                *said = format!("{said} Needs `{}` on the {on}.", row.action);
            }
        }
    }

    /// Never called: a directive on field definitions does not pass validation in a query.
    fn create(&self, _: &ContextDirective<'_>, _: &Directive) -> ServerResult<Box<dyn CustomDirective>> {
        Err(ServerError::new("`@requires` describes the schema", None))
    }
}
