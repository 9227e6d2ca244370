//! Where GraphQL meets the gate. No other file here asks it anything.

use super::{
    requires::{asks, needs},
    shared::Once,
};
use crate::{
    App, Failure,
    budget::Budget,
    freshness,
    lifecycle::{self, ApiKeyDraft, TaskDraft},
};
use agents::NewAgent;
use api_keys::{ApiKey, Secret};
use async_graphql::{
    Context, OutputType, SelectionField,
    parser::types::OperationType,
    registry::{MetaType, MetaTypeName, Registry},
};
use authz::{
    ActionSet, Allows, Gate, Grants, Holder, Id, Kind, Permit, Principal, Resource, Role, Scope, Target, Tenant,
    action::{Create, Delete, Marker, Read, Share},
};
use dual_write::Inspector;
use http::HeaderMap;
use identity::{AuthContext, Operator};
use std::sync::Arc;

/// One caller's request.
pub struct Session {
    /// The stores, among others.
    pub app: App,
    gate: Gate,
    operator: Option<Operator>,
    budget: Arc<dyn Budget>,
}

impl Session {
    /// The request of a known caller, who sent these headers.
    pub fn new(app: App, context: &AuthContext, headers: &HeaderMap, budget: Arc<dyn Budget>) -> Result<Self, Failure> {
        let gate = freshness::heeded(app.gate(context), headers)?;
        Ok(Self { gate, operator: context.operator(), app, budget })
    }

    /// What the answer says of how fresh to ask to know of what was written.
    pub fn told(&self) -> HeaderMap {
        freshness::told(self.gate.receipt())
    }

    /// Pays for an operation of this complexity.
    pub async fn spend(&self, complexity: usize) -> Result<(), Failure> {
        let spent = self.budget.spend(self.tenant(), self.principal(), complexity as u64).await;
        spent.map_err(|overspent| Failure::Overspent { retry_after: overspent.retry_after })
    }

    /// The right to operate the deployment, if the caller has it.
    pub const fn operator(&self) -> Option<&Operator> {
        self.operator.as_ref()
    }

    /// The request a field is resolved for.
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Arc<Self> {
        ctx.data_unchecked()
    }

    /// Who is asking.
    pub const fn principal(&self) -> &Principal {
        self.gate.principal()
    }

    /// The tenant the caller works in.
    pub const fn tenant(&self) -> &Id<Tenant> {
        self.gate.tenant()
    }

    /// The permit to do `A` to something that no field below is about.
    pub async fn permit<R: Allows<A>, A: Marker>(&self, target: &Target<R>) -> Result<Permit<R, A>, Failure> {
        Ok(self.gate.permit(target).await?)
    }

    /// What operators see and mend the deployment with, and who asks for it; `None` for everybody else.
    pub fn operation(&self) -> Option<(&Arc<Inspector>, &Operator)> {
        let operator = self.operator.as_ref()?;
        Some((self.app.inspector.open(operator), operator))
    }

    /// Where to look for what the caller may read.
    pub async fn readable<R: Allows<Read>>(&self) -> Result<Scope<R, Read>, Failure> {
        Ok(self.gate.scope().await?)
    }

    /// Makes a task; see [`lifecycle::create_task`].
    pub async fn create_task(&self, agent: &Target<authz::Agent>, draft: TaskDraft) -> Result<tasks::Task, Failure> {
        lifecycle::create_task(&self.app, &self.gate, agent, draft).await
    }

    /// Makes an agent; see [`lifecycle::create_agent`].
    pub async fn create_agent(&self, new: NewAgent) -> Result<agents::Agent, Failure> {
        lifecycle::create_agent(&self.app, &self.gate, new).await
    }

    /// Ends an agent; see [`lifecycle::delete_agent`].
    pub async fn delete_agent(&self, permit: Permit<authz::Agent, Delete>) -> Result<agents::Agent, Failure> {
        lifecycle::delete_agent(&self.app, &self.gate, permit).await
    }

    /// Makes an API key; see [`lifecycle::create_api_key`].
    pub async fn create_api_key(
        &self,
        agent: Permit<authz::Agent, Create>,
        draft: ApiKeyDraft,
    ) -> Result<(ApiKey, Secret), Failure> {
        lifecycle::create_api_key(&self.app, &self.gate, agent, draft).await
    }

    /// Ends an API key; see [`lifecycle::delete_api_key`].
    pub async fn delete_api_key(&self, permit: Permit<authz::ApiKey, Delete>) -> Result<ApiKey, Failure> {
        lifecycle::delete_api_key(&self.app, &self.gate, permit).await
    }

    /// Removes a task; see [`lifecycle::delete_task`].
    pub async fn delete_task(&self, permit: Permit<authz::Task, Delete>) -> Result<tasks::Task, Failure> {
        lifecycle::delete_task(&self.app, &self.gate, permit).await
    }

    /// Gives `principal` a role on the permitted task.
    pub async fn share(
        &self,
        permit: &Permit<authz::Task, Share>,
        role: Role,
        with: &Principal,
    ) -> Result<(), Failure> {
        Ok(self.gate.share(permit, role, with).await?)
    }

    /// Takes a role on the permitted task away from `principal`.
    pub async fn unshare(
        &self,
        permit: &Permit<authz::Task, Share>,
        role: Role,
        with: &Principal,
    ) -> Result<(), Failure> {
        Ok(self.gate.unshare(permit, role, with).await?)
    }

    /// Who holds a role on each permitted task, in order.
    pub async fn holders(&self, permits: &[&Permit<authz::Task, Share>]) -> Result<Vec<Vec<Holder>>, Failure> {
        Ok(self.gate.holders(permits).await?)
    }
}

/// Resources that are shown together: what the caller may do to them is asked once, for all of them.
pub struct Reach<R> {
    session: Arc<Session>,
    targets: Vec<Target<R>>,
    asked: ActionSet,
    grants: Once<Vec<Grants<R>>>,
}

impl<R: Resource> Reach<R> {
    /// Of resources that have been found already. The gate is asked about `actions` when a field first
    /// needs it, and never when none does.
    pub fn of(session: &Arc<Session>, ids: impl IntoIterator<Item = Id<R>>, actions: ActionSet) -> Self {
        let targets = ids.into_iter().map(Target::known).collect();
        Self { session: Arc::clone(session), targets, asked: actions, grants: Once::later() }
    }

    /// Of resources about which the gate has been asked.
    fn known(session: &Arc<Session>, targets: Vec<Target<R>>, asked: ActionSet, grants: Vec<Grants<R>>) -> Self {
        Self { session: Arc::clone(session), targets, asked, grants: Once::known(grants) }
    }

    /// The same, for all that the fields below one that answers `N` need.
    pub fn later<N: OutputType>(ctx: &Context<'_>, ids: impl IntoIterator<Item = Id<R>>) -> Self {
        Self::of(Session::of(ctx), ids, looked_ahead::<N>(ctx, R::KIND))
    }

    /// Of one resource, for a root field that answers `N`: one engine call for `actions` and for all
    /// that the fields below need.
    pub async fn asked<N: OutputType>(
        ctx: &Context<'_>,
        target: Target<R>,
        actions: ActionSet,
    ) -> Result<Self, Failure> {
        debug_assert!(
            needs(root(ctx), ctx.field().name()).is_some_and(|(on, action)| on == R::KIND && actions.contains(action)),
            "`{}` does not ask what the table says",
            ctx.field().name()
        );
        let session = Arc::clone(Session::of(ctx));
        let (targets, asked) = (vec![target], looked_ahead::<N>(ctx, R::KIND) | actions);
        let grants = match ctx.query_env.operation.node.ty {
            // What is changed is asked of this moment.
            OperationType::Mutation => session.gate.writing().grants(&targets, asked).await?,
            OperationType::Query | OperationType::Subscription => session.gate.grants(&targets, asked).await?,
        };
        Ok(Self::known(&session, targets, asked, grants))
    }

    /// The same, with the permit to do `A`.
    pub async fn permitted<N: OutputType, A: Marker>(
        ctx: &Context<'_>,
        target: Target<R>,
    ) -> Result<(Self, Permit<R, A>), Failure>
    where
        R: Allows<A>,
    {
        let reach = Self::asked::<N>(ctx, target, A::ACTION.into()).await?;
        let permit = reach.permit(0).await?;
        Ok((reach, permit))
    }

    /// The request this is part of.
    pub const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// The id of one of them.
    pub fn id(&self, index: usize) -> Option<&Id<R>> {
        self.targets.get(index)?.id()
    }

    /// What the caller may do to each of them.
    async fn grants(&self) -> Result<&[Grants<R>], Failure> {
        let ask = || async { Ok(self.session.gate.grants(&self.targets, self.asked).await?) };
        Ok(self.grants.get(ask).await?)
    }

    /// What the caller may do to one of them, of what was asked.
    pub async fn allowed(&self, index: usize) -> Result<ActionSet, Failure> {
        Ok(at(self.grants().await?, index)?.allowed())
    }

    /// The permit to do `A` to one of them.
    pub async fn permit<A: Marker>(&self, index: usize) -> Result<Permit<R, A>, Failure>
    where
        R: Allows<A>,
    {
        Ok(at(self.grants().await?, index)?.permit()?)
    }

    /// The permits to do `A`, with the index of the resource each is for.
    pub async fn permits<A: Marker>(&self) -> Result<Vec<(usize, Permit<R, A>)>, Failure>
    where
        R: Allows<A>,
    {
        let grants = self.grants().await?.iter().enumerate();
        Ok(grants.filter_map(|(index, grants)| Some((index, grants.permit().ok()?))).collect())
    }
}

/// Of tasks and of agents: what the caller may do to all of them is asked in one call.
pub async fn both(
    session: &Arc<Session>,
    (tasks, of_tasks): (Vec<Target<authz::Task>>, ActionSet),
    (agents, of_agents): (Vec<Target<authz::Agent>>, ActionSet),
) -> Result<(Reach<authz::Task>, Reach<authz::Agent>), Failure> {
    let (first, second) = session.gate.grants_of_both((&tasks, of_tasks), (&agents, of_agents)).await?;
    Ok((Reach::known(session, tasks, of_tasks, first), Reach::known(session, agents, of_agents, second)))
}

fn at<R>(grants: &[Grants<R>], index: usize) -> Result<&Grants<R>, Failure> {
    grants.get(index).ok_or_else(|| Failure::Internal(Arc::new(std::io::Error::other("a node outside its list"))))
}

/// The type whose field is resolved, for a root field.
fn root<'a>(ctx: &Context<'a>) -> &'a str {
    let registry = &ctx.schema_env.registry;
    match ctx.query_env.operation.node.ty {
        OperationType::Mutation => registry.mutation_type.as_deref().unwrap_or_default(),
        OperationType::Query | OperationType::Subscription => &registry.query_type,
    }
}

/// The actions on resources of `kind` that the selection under this field needs, fragments included.
/// `N` is what the field answers. Of such resources there is one per node: whatever leads back to a
/// task from what it owns leads to that task.
pub fn looked_ahead<N: OutputType>(ctx: &Context<'_>, kind: Kind) -> ActionSet {
    let mut asked = ActionSet::empty();
    gather(&ctx.schema_env.registry, &N::type_name(), ctx.field(), kind, &mut asked);
    asked
}

fn gather(registry: &Registry, object: &str, field: SelectionField<'_>, kind: Kind, asked: &mut ActionSet) {
    // Whatever a thing turns out to be, what it is asked for must have been asked about.
    if let Some(MetaType::Interface { possible_types, .. } | MetaType::Union { possible_types, .. }) =
        registry.types.get(object)
    {
        return possible_types.iter().for_each(|object| gather(registry, object, field, kind, asked));
    }
    for child in field.selection_set() {
        if let Some((on, action)) = asks(object, child.name())
            && on == kind
        {
            *asked |= action;
        }
        let field_type = registry.types.get(object).and_then(|object| object.field_by_name(child.name()));
        if let Some(field_type) = field_type {
            gather(registry, MetaTypeName::concrete_typename(&field_type.ty), child, kind, asked);
        }
    }
}
