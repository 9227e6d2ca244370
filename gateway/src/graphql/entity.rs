//! Things asked for by their ids, whatever they are: Relay's `node` and `nodes`.
//!
//! However many are asked for, and of whatever kinds, the gate is asked once. A thing that is not there and one
//! that is not for the viewer are answered alike, each in its own place.

use super::{
    access::{Session, both, looked_ahead},
    agent::AgentNode,
    plain::{Found, Perhaps},
    task::{TaskNode, Tasks},
    tracker::TrackerNode,
};
use crate::Failure;
use async_graphql::{Context, ID, Interface, Object, OutputType};
use authz::{Action, By, Denial, Guarded, Id, Kind, Requested, Target, action::Read};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use trackers::Tracker;

/// The most things that are asked for together.
const NODES: usize = 100;

/// Something with an id of its own, by which it can be asked for again.
#[derive(Interface, Clone)]
#[graphql(field(name = "id", ty = "ID", desc = "Its id. No two things have the same."))]
pub enum Node {
    /// A task.
    Task(TaskNode),
    /// An agent.
    Agent(AgentNode),
    /// A tracker.
    Tracker(TrackerNode),
}

impl Perhaps for Node {
    type Plain = TaskNode;

    fn plain(&self) -> Option<&TaskNode> {
        if let Self::Task(task) = self { Some(task) } else { None }
    }
}

/// What an id is to be the id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// A task.
    Task,
    /// An agent.
    Agent,
    /// A tracker.
    Tracker,
    /// Any of them.
    Any,
}

impl Sought {
    fn may_be(self, kind: Self) -> bool {
        self == kind || self == Self::Any
    }
}

/// What is told of an id behind which there is nothing for the viewer.
fn hidden(id: &str) -> Failure {
    Failure::Denied(Denial::Hidden { requested: Requested { by: By::Id, text: id.into() } })
}

/// Ids of one kind, each once.
fn distinct(sought: &[(Sought, &str)], kind: Sought) -> BTreeSet<String> {
    sought.iter().filter(|(what, _)| what.may_be(kind)).map(|(_, id)| (*id).to_owned()).collect()
}

/// Targets, and where each id is among them.
struct Places<R> {
    targets: Vec<Target<R>>,
    of: HashMap<String, usize>,
}

impl<R: authz::Resource> Places<R> {
    fn of(ids: impl IntoIterator<Item = String>) -> Self {
        let mut places = Self { targets: Vec::new(), of: HashMap::new() };
        ids.into_iter().for_each(|id| places.add(id));
        places
    }

    fn add(&mut self, id: String) {
        if !self.of.contains_key(&id) {
            self.targets.push(Target::typed(&id));
            self.of.insert(id, self.targets.len() - 1);
        }
    }
}

/// Each thing in its place, for a root field that answers `N`: one engine call for all, and at most one store call
/// for each kind.
pub async fn find<N: OutputType>(
    ctx: &Context<'_>,
    sought: &[(Sought, &str)],
) -> Result<Vec<Result<Node, Failure>>, Failure> {
    let session = Session::of(ctx);
    let trackers = locate(session, &distinct(sought, Sought::Tracker)).await?;
    let mut tasks = Places::of(distinct(sought, Sought::Task));
    for tracker in trackers.values() {
        tasks.add(tracker.owner().as_str().to_owned());
    }
    let agents = Places::of(distinct(sought, Sought::Agent));
    // A tracker that is not there is asked about as well: it must not be answered sooner than one that is hidden.
    let absent = distinct(sought, Sought::Tracker).into_iter().filter(|id| !trackers.contains_key(id));
    tasks.targets.extend(absent.map(|id| Target::found(By::Id, &id, None)));

    let asked = |kind| looked_ahead::<N>(ctx, kind) | Action::Read;
    let (first, second) = ((tasks.targets, asked(Kind::Task)), (agents.targets, asked(Kind::Agent)));
    let (of_tasks, of_agents) = both(session, first, second).await?;
    let agent_nodes = AgentNode::of(of_agents).await?;
    let all = Tasks::later(of_tasks);
    let mut nodes = Vec::with_capacity(sought.len());
    for (what, id) in sought {
        let task = tasks.of.get(*id).filter(|_| what.may_be(Sought::Task));
        let agent = agents.of.get(*id).filter(|_| what.may_be(Sought::Agent));
        let tracker = trackers.get(*id).filter(|_| what.may_be(Sought::Tracker));
        let mut node = Err(hidden(id));
        if let Some(at) = task {
            node = shown(TaskNode { all: Arc::clone(&all), at: *at }, id).await?.map(Node::Task);
        }
        if let (Err(_), Some(found)) = (&node, agent.and_then(|at| agent_nodes.get(*at)?.clone())) {
            node = Ok(Node::Agent(found));
        }
        if let (Err(_), Some(tracker)) = (&node, tracker) {
            let at = tasks.of.get(tracker.owner().as_str()).copied().unwrap_or_default();
            let task = TaskNode { all: Arc::clone(&all), at };
            node = TrackerNode::opened(tracker, task).await.map(Node::Tracker).map_err(|failure| renamed(failure, id));
        }
        nodes.push(node);
    }
    Ok(nodes)
}

/// A task, if the viewer may read it and it has a row.
async fn shown(task: TaskNode, id: &str) -> Result<Result<TaskNode, Failure>, Failure> {
    match task.exists().await {
        Ok(()) => Ok(Ok(task)),
        Err(Failure::Denied(_)) => Ok(Err(hidden(id))),
        Err(failure) => Err(failure),
    }
}

/// A denial speaks of what was typed, which is the tracker.
fn renamed(failure: Failure, id: &str) -> Failure {
    if matches!(failure, Failure::Denied(_)) { hidden(id) } else { failure }
}

/// The trackers of these ids, each locked under its task.
async fn locate(
    session: &Session,
    ids: &BTreeSet<String>,
) -> Result<HashMap<String, Guarded<Tracker, authz::Task, Read>>, Failure> {
    // An id that no row can have is not worth asking for.
    let ids: Vec<_> = ids.iter().map(String::as_str).filter(|id| Id::<authz::Task>::parse(id).is_ok()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = session.app.stores.trackers.locate_all(&ids).await?;
    Ok(found.into_iter().collect())
}

/// Asking for things by their ids.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The task, agent or tracker with this id. Needs `read` on it; of a tracker, on its task.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>, Failure> {
        find::<Node>(ctx, &[(Sought::Any, id.as_str())]).await?.pop().transpose()
    }

    /// The tasks, agents and trackers with these ids, in order. Of what is not there, or not for the viewer, there
    /// is `null` with an error in its place.
    #[graphql(complexity = "ids.len() * child_complexity + 1")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100.")] ids: Vec<ID>,
    ) -> Result<Option<Found<Node>>, Failure> {
        if ids.len() > NODES {
            return Err(Failure::invalid(format!("`ids` must be at most {NODES}")));
        }
        let sought: Vec<_> = ids.iter().map(|id| (Sought::Any, id.as_str())).collect();
        Ok(Some(Found(find::<Node>(ctx, &sought).await?.into_iter().map(Some).collect())))
    }
}
