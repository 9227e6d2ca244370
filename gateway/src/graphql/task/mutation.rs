//! Making, changing and ending tasks. Each field checks before anything happens.

use super::{Role, TaskNode, Tasks};
use crate::{
    Failure,
    graphql::{
        access::{Reach, Session},
        input::{optional_object, typed},
    },
    lifecycle::TaskDraft,
};
use async_graphql::{Context, Enum, ID, InputObject, Json, Object};
use authz::{
    Allows, Permit, Principal,
    action::{Cancel, Delete, Marker, Share, Update},
};
use serde_json::Value;
use tasks::{Patch, Transition};

/// A task to be made.
#[derive(InputObject)]
pub struct CreateTaskInput {
    /// The agent it runs on, which the viewer must be allowed to execute.
    agent_id: ID,
    /// Its name, unique within the tenant.
    name: Option<String>,
    /// What the agent is asked to work with: a JSON object.
    params: Option<Json<Value>>,
    /// What the client keeps with it: a JSON object.
    task_metadata: Option<Json<Value>>,
}

/// A change to a task. What is not given stays as it is.
#[derive(InputObject)]
pub struct UpdateTaskInput {
    /// Keys to set in `params`, at the top level: a JSON object.
    merge_params: Option<Json<Value>>,
    /// The metadata to replace the old one with: a JSON object.
    task_metadata: Option<Json<Value>>,
}

/// A role that can be given and taken.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum SharedRole {
    /// May see it.
    Viewer,
    /// May change it.
    Editor,
}

impl From<SharedRole> for authz::Role {
    fn from(role: SharedRole) -> Self {
        Role::from(role).into()
    }
}

impl From<SharedRole> for Role {
    fn from(role: SharedRole) -> Self {
        match role {
            SharedRole::Viewer => Self::Viewer,
            SharedRole::Editor => Self::Editor,
        }
    }
}

/// Answers a task field after one step along the status machine.
async fn step<A: Marker>(
    ctx: &Context<'_>,
    id: &ID,
    step: impl FnOnce(&Permit<authz::Task, A>) -> Transition<'_>,
) -> Result<Option<TaskNode>, Failure>
where
    authz::Task: Allows<A>,
{
    let (reach, permit) = Reach::permitted::<TaskNode, A>(ctx, typed(id)).await?;
    let row = reach.session().app.stores.tasks.transition(&step(&permit)).await?.ok_or_else(|| permit.hidden())?;
    Ok(Some(TaskNode::alone(Tasks::known(reach, vec![row]))))
}

fn principal(text: &str) -> Result<Principal, Failure> {
    text.parse().map_err(|error| Failure::invalid(format!("`principal`: {error}")))
}

/// Making, changing and ending tasks.
#[derive(Default)]
pub struct TaskMutation;

#[Object]
impl TaskMutation {
    /// Makes a task, running on an agent. The viewer owns it.
    async fn create_task(&self, ctx: &Context<'_>, input: CreateTaskInput) -> Result<Option<TaskNode>, Failure> {
        let draft = TaskDraft {
            name: input.name,
            params: optional_object("params", input.params)?,
            metadata: optional_object("taskMetadata", input.task_metadata)?,
        };
        let row = Session::of(ctx).create_task(&typed(&input.agent_id), draft).await?;
        let reach = Reach::later::<TaskNode>(ctx, [row.id.clone()]);
        Ok(Some(TaskNode::alone(Tasks::known(reach, vec![row]))))
    }

    /// Changes a task: merges `mergeParams` first, then replaces the metadata.
    async fn update_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: UpdateTaskInput,
    ) -> Result<Option<TaskNode>, Failure> {
        let patch = Patch {
            merge_params: optional_object("mergeParams", input.merge_params)?,
            metadata: optional_object("taskMetadata", input.task_metadata)?,
        };
        let (reach, permit) = Reach::permitted::<TaskNode, Update>(ctx, typed(&id)).await?;
        let row = reach.session().app.stores.tasks.update(&permit, patch).await?.ok_or_else(|| permit.hidden())?;
        Ok(Some(TaskNode::alone(Tasks::known(reach, vec![row]))))
    }

    /// Ends a task on its owner's word.
    async fn cancel_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        reason: Option<String>,
    ) -> Result<Option<TaskNode>, Failure> {
        step::<Cancel>(ctx, &id, |permit| Transition::cancel(permit, reason)).await
    }

    /// Ends a task whose work is done.
    async fn complete_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        reason: Option<String>,
    ) -> Result<Option<TaskNode>, Failure> {
        step::<Update>(ctx, &id, |permit| Transition::complete(permit, reason)).await
    }

    /// Ends a task whose work broke.
    async fn fail_task(&self, ctx: &Context<'_>, id: ID, reason: Option<String>) -> Result<Option<TaskNode>, Failure> {
        step::<Update>(ctx, &id, |permit| Transition::fail(permit, reason)).await
    }

    /// Ends a task on the word of an operator or an agent.
    async fn terminate_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        reason: Option<String>,
    ) -> Result<Option<TaskNode>, Failure> {
        step::<Update>(ctx, &id, |permit| Transition::terminate(permit, reason)).await
    }

    /// Ends a task that ran out of time.
    async fn timeout_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        reason: Option<String>,
    ) -> Result<Option<TaskNode>, Failure> {
        step::<Update>(ctx, &id, |permit| Transition::time_out(permit, reason)).await
    }

    /// Stops a task for now.
    async fn interrupt_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        reason: Option<String>,
    ) -> Result<Option<TaskNode>, Failure> {
        step::<Update>(ctx, &id, |permit| Transition::interrupt(permit, reason)).await
    }

    /// Removes a task and all it owns. Answers the task as it last was.
    async fn delete_task(&self, ctx: &Context<'_>, id: ID) -> Result<Option<TaskNode>, Failure> {
        let (reach, permit) = Reach::permitted::<TaskNode, Delete>(ctx, typed(&id)).await?;
        let row = reach.session().delete_task(permit).await?;
        Ok(Some(TaskNode::alone(Tasks::known(reach, vec![row]))))
    }

    /// Gives somebody a role on a task. One they hold already stays.
    async fn share_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] id: ID,
        #[graphql(desc = "Who: `user:ID`, `service_account:ID` or `agent:ID`.")] principal: String,
        #[graphql(desc = "As what.")] role: SharedRole,
    ) -> Result<Option<TaskNode>, Failure> {
        let with = self::principal(&principal)?;
        let (reach, permit) = Reach::permitted::<TaskNode, Share>(ctx, typed(&id)).await?;
        reach.session().share(&permit, role.into(), &with).await?;
        Ok(Some(TaskNode::alone(Tasks::later(reach))))
    }

    /// Takes a role on a task away from somebody. One they do not hold is passed over.
    async fn unshare_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] id: ID,
        #[graphql(desc = "Who: `user:ID`, `service_account:ID` or `agent:ID`.")] principal: String,
        #[graphql(desc = "As what.")] role: SharedRole,
    ) -> Result<Option<TaskNode>, Failure> {
        let with = self::principal(&principal)?;
        let (reach, permit) = Reach::permitted::<TaskNode, Share>(ctx, typed(&id)).await?;
        reach.session().unshare(&permit, role.into(), &with).await?;
        Ok(Some(TaskNode::alone(Tasks::later(reach))))
    }
}
