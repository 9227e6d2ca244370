//! Reading tasks.

use super::{TaskNode, TaskStatus, Tasks};
use crate::{
    Failure,
    graphql::{
        access::{Reach, Session},
        input::{Key, one_of, optional_object, typed},
        page::{OrderBy, Page, SortField, cost},
        plain::Plainly,
    },
};
use async_graphql::{Context, Enum, ID, InputObject, Json, Object};
use authz::{Id, Target, action::Read};
use serde_json::Value;

/// What a list of tasks is sorted by.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[graphql(remote = "tasks::Order")]
pub enum TaskOrderField {
    /// When it last changed.
    UpdatedAt,
    /// When it was made.
    #[default]
    CreatedAt,
    /// Its name.
    Name,
    /// Its status, by its word.
    Status,
    /// Its id.
    Id,
}

impl SortField for TaskOrderField {
    fn is_time(self) -> bool {
        matches!(self, Self::UpdatedAt | Self::CreatedAt)
    }
}

/// Which tasks to list. Every condition that is given must hold.
#[derive(InputObject, Default)]
pub struct TaskFilter {
    /// Those that stand here.
    status: Option<TaskStatus>,
    /// Those this agent works on.
    agent_id: Option<ID>,
    /// Those the agent of this name works on.
    agent_name: Option<String>,
    /// Those whose metadata contains this JSON object.
    metadata: Option<Json<Value>>,
}

/// Reading tasks.
#[derive(Default)]
pub struct TaskQuery;

#[Object]
impl TaskQuery {
    /// A task, by its id or by its name within the viewer's tenant: exactly one of the two.
    async fn task(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        name: Option<String>,
    ) -> Result<Option<Plainly<TaskNode>>, Failure> {
        let session = Session::of(ctx);
        let target = match one_of(id, name)? {
            Key::Id(id) => typed(&id),
            Key::Name(name) => {
                Target::named(&name, session.app.stores.tasks.id_by_name(session.tenant(), &name).await?)
            }
        };
        let (reach, permit) = Reach::permitted::<TaskNode, Read>(ctx, target).await?;
        let row = session.app.stores.tasks.get(&[&permit]).await?.pop().ok_or_else(|| permit.hidden())?;
        Ok(Some(Plainly(TaskNode::alone(Tasks::known(reach, vec![row])))))
    }

    /// The tasks the viewer may read.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many, from 1 to 100.", default = 50)] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those that fit.")] filter: Option<TaskFilter>,
        #[graphql(desc = "Newest first, unless said otherwise.")] order_by: Option<OrderBy<TaskOrderField>>,
    ) -> Result<Option<Page<Plainly<TaskNode>>>, Failure> {
        let session = Session::of(ctx);
        let (filter, by) = (filter.unwrap_or_default(), order_by.unwrap_or_default());
        let ask = by.ask("tasks", first, after.as_deref())?;
        let order = tasks::Order::from(by.field);
        let query = tasks::Query {
            agent: filter.agent_id.map(|id| Id::new(id.0)),
            agent_name: filter.agent_name,
            status: filter.status.map(Into::into),
            metadata: optional_object("metadata", filter.metadata)?,
            order,
            window: ask.window(by.direction),
        };
        let found = session.app.stores.tasks.page(&session.readable().await?, &query).await?;
        let places: Vec<_> = found.rows.iter().map(|row| order.after(row)).collect();
        let reach = Reach::later::<Page<TaskNode>>(ctx, found.rows.iter().map(|row| row.id.clone()));
        let all = Tasks::known(reach, found.rows);
        let nodes =
            places.into_iter().enumerate().map(|(at, place)| (place, Plainly(TaskNode { all: all.clone(), at })));
        Ok(Some(ask.page(nodes, found.more)))
    }
}
