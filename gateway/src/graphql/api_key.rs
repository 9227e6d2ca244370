//! API keys. The key itself is in one answer only: that of the mutation that makes it.

use super::{
    access::{Reach, Session},
    input::typed,
    page::{Ask, Page},
};
use crate::{Failure, lifecycle::ApiKeyDraft};
use api_keys::ApiKey;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use authz::{
    Action, ActionSet, Id, Permit,
    action::{Create, Delete, Read, Update},
};
use chrono::{DateTime, Utc};
use std::{ops::Range, sync::Arc};

/// Who an API key is made for. Both open the same.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "api_keys::KeyType")]
pub enum ApiKeyType {
    /// The agent's own processes.
    Internal,
    /// Others who act as the agent.
    External,
}

/// API keys that were found together.
pub struct ApiKeys {
    reach: Reach<authz::ApiKey>,
    rows: Vec<ApiKey>,
}

/// For each agent of a list, a page of its keys.
pub struct ByAgent {
    all: Arc<ApiKeys>,
    /// Where the page of each agent is, and whether another row follows it.
    spans: Vec<(Range<usize>, bool)>,
}

impl ByAgent {
    /// The page of one agent.
    pub fn page(&self, at: usize, ask: &Ask) -> Page<ApiKeyNode> {
        let (span, more) = self.spans.get(at).cloned().unwrap_or_default();
        let nodes = span.filter_map(|at| {
            let place = self.all.rows.get(at)?.place();
            Some((place, ApiKeyNode { all: Arc::clone(&self.all), at }))
        });
        ask.page(nodes, more)
    }
}

/// A page of the keys of each agent that may be changed, oldest first, of which `asked` will be asked. One store
/// call.
pub async fn of_agents(agents: &Reach<authz::Agent>, ask: &Ask, asked: ActionSet) -> Result<Arc<ByAgent>, Failure> {
    let (places, permits): (Vec<_>, Vec<_>) = agents.permits::<Update>().await?.into_iter().unzip();
    let (session, permits) = (agents.session(), permits.iter().collect::<Vec<_>>());
    let pages = session.app.stores.api_keys.of_agents(&permits, ask.after(), ask.limit()).await?;
    let (mut rows, mut spans) = (Vec::new(), vec![(0..0, false); agents.len()]);
    for (at, page) in places.into_iter().zip(pages) {
        let start = rows.len();
        rows.extend(page.rows);
        if let Some(span) = spans.get_mut(at) {
            *span = (start..rows.len(), page.more);
        }
    }
    let reach = Reach::of(session, rows.iter().map(|key| key.id.clone()), asked);
    Ok(Arc::new(ByAgent { all: Arc::new(ApiKeys { reach, rows }), spans }))
}

/// One API key of a list.
#[derive(Clone)]
pub struct ApiKeyNode {
    all: Arc<ApiKeys>,
    at: usize,
}

impl ApiKeyNode {
    fn alone(reach: Reach<authz::ApiKey>, row: ApiKey) -> Self {
        Self { all: Arc::new(ApiKeys { reach, rows: vec![row] }), at: 0 }
    }

    /// Its row, for the fields that all who may read it are shown.
    async fn read(&self) -> Result<&ApiKey, Failure> {
        let permit: Permit<_, Read> = self.all.reach.permit(self.at).await?;
        Ok(self.all.rows.get(self.at).ok_or_else(|| permit.hidden())?)
    }
}

/// A credential of an agent's runtime, without the key itself.
#[Object(name = "ApiKey")]
impl ApiKeyNode {
    /// Its id.
    async fn id(&self) -> ID {
        ID(self.all.reach.id(self.at).map_or("", Id::as_str).to_owned())
    }

    /// The agent whose runtime it is the credential of.
    async fn agent_id(&self) -> Result<Option<ID>, Failure> {
        Ok(Some(ID(self.read().await?.agent_id.as_str().to_owned())))
    }

    /// Its name, unique among the agent's keys of its type.
    async fn name(&self) -> Result<Option<&str>, Failure> {
        Ok(Some(&self.read().await?.name))
    }

    /// Who it was made for.
    #[graphql(name = "type")]
    async fn key_type(&self) -> Result<Option<ApiKeyType>, Failure> {
        Ok(Some(self.read().await?.key_type.into()))
    }

    /// How the key begins, to tell keys apart by.
    async fn prefix(&self) -> Result<Option<&str>, Failure> {
        Ok(Some(&self.read().await?.prefix))
    }

    /// When it was made.
    async fn created_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        Ok(Some(self.read().await?.created_at))
    }

    /// Who made it, as `user:ID` or `service_account:ID`.
    async fn creator(&self) -> Result<Option<String>, Failure> {
        let permit: Permit<_, Delete> = self.all.reach.permit(self.at).await?;
        let row = self.all.rows.get(self.at).ok_or_else(|| permit.hidden())?;
        Ok(row.creator.open(&permit).and_then(Option::as_ref).map(ToString::to_string))
    }

    /// What the viewer may do to it.
    async fn viewer_can(&self) -> Result<Option<ApiKeyPermissions>, Failure> {
        self.read().await?;
        Ok(Some(ApiKeyPermissions(self.all.reach.allowed(self.at).await?)))
    }
}

/// The answers to `viewerCan`.
pub struct ApiKeyPermissions(ActionSet);

/// What the viewer may do to an API key.
#[Object]
impl ApiKeyPermissions {
    /// See that there is such a key.
    async fn read(&self) -> bool {
        self.0.contains(Action::Read)
    }

    /// End it.
    async fn delete(&self) -> bool {
        self.0.contains(Action::Delete)
    }
}

/// Reading API keys. Those of an agent are with the agent.
#[derive(Default)]
pub struct ApiKeyQuery;

#[Object]
impl ApiKeyQuery {
    /// An API key, by its id.
    async fn api_key(&self, ctx: &Context<'_>, id: ID) -> Result<Option<ApiKeyNode>, Failure> {
        let (reach, permit) = Reach::permitted::<ApiKeyNode, Read>(ctx, typed(&id)).await?;
        let row = reach.session().app.stores.api_keys.get(&permit).await?.ok_or_else(|| permit.hidden())?;
        Ok(Some(ApiKeyNode::alone(reach, row)))
    }
}

/// An API key to be made.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// The agent whose runtime it is to be the credential of.
    agent_id: ID,
    /// Its name, unique among the agent's keys of its type: 1 to 256 characters.
    name: String,
    /// Who it is made for.
    #[graphql(name = "type", default_with = "ApiKeyType::External")]
    key_type: ApiKeyType,
}

/// An API key that was just made.
#[derive(SimpleObject)]
pub struct CreatedApiKey {
    /// The key as it is shown from now on.
    api_key: ApiKeyNode,
    /// The key itself. Nobody is ever told it again.
    secret: String,
}

/// Making and ending API keys.
#[derive(Default)]
pub struct ApiKeyMutation;

#[Object]
impl ApiKeyMutation {
    /// Makes an API key of an agent. The viewer owns it.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        input: CreateApiKeyInput,
    ) -> Result<Option<CreatedApiKey>, Failure> {
        let (agent, permit) = Reach::permitted::<CreatedApiKey, Create>(ctx, typed(&input.agent_id)).await?;
        let draft = ApiKeyDraft { name: input.name, key_type: input.key_type.into(), secret: None };
        let (row, secret) = agent.session().create_api_key(permit, draft).await?;
        let reach = Reach::later::<CreatedApiKey>(ctx, [row.id.clone()]);
        Ok(Some(CreatedApiKey { api_key: ApiKeyNode::alone(reach, row), secret: secret.expose().to_owned() }))
    }

    /// Ends an API key: it lets nobody in any more. Answers the key as it last was.
    async fn delete_api_key(&self, ctx: &Context<'_>, id: ID) -> Result<Option<ApiKeyNode>, Failure> {
        let (reach, permit) = Reach::permitted::<ApiKeyNode, Delete>(ctx, typed(&id)).await?;
        let row = Session::of(ctx).delete_api_key(permit).await?;
        Ok(Some(ApiKeyNode::alone(reach, row)))
    }
}
