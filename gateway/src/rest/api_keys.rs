//! The API keys of agents. A key itself is in one answer only: the one that it is made by.

use super::{
    agents,
    query::Words,
    request::{Document, Key},
    wire::{Refused, Timestamp},
};
use crate::{
    App, Caller, Failure, freshness,
    lifecycle::{self, ApiKeyDraft},
};
use api_keys::{AgentKey, KeyType, Query, Secret};
use authz::{
    By, Direction, Gate, Target, Window,
    action::{Delete, Read},
};
use axum::{Json, extract::State};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get_by_id, delete_by_id))
        .routes(routes!(get_by_name, delete_by_name))
}

/// An API key, without the key itself.
#[derive(Serialize, ToSchema)]
struct AgentApiKey {
    id: String,
    agent_id: String,
    created_at: Timestamp,
    name: String,
    /// `internal` or `external`.
    api_key_type: &'static str,
    /// How the key begins.
    prefix: String,
}

impl From<api_keys::ApiKey> for AgentApiKey {
    fn from(key: api_keys::ApiKey) -> Self {
        Self {
            id: key.id.as_str().to_owned(),
            agent_id: key.agent_id.as_str().to_owned(),
            created_at: Timestamp(key.created_at),
            name: key.name,
            api_key_type: key.key_type.as_str(),
            prefix: key.prefix,
        }
    }
}

/// An API key, and the key itself: nobody is ever told it again.
#[derive(Serialize, ToSchema)]
struct CreateApiKeyResponse {
    #[serde(flatten)]
    key: AgentApiKey,
    /// The key.
    api_key: String,
}

/// Who a key is made for. Both open the same.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ApiKeyType {
    /// The agent's own processes.
    Internal,
    /// Others who act as the agent.
    #[default]
    External,
}

impl From<ApiKeyType> for KeyType {
    fn from(word: ApiKeyType) -> Self {
        match word {
            ApiKeyType::Internal => Self::Internal,
            ApiKeyType::External => Self::External,
        }
    }
}

/// An API key to be made, for the agent of this id or of this name.
#[derive(Deserialize, ToSchema)]
struct CreateApiKeyRequest {
    #[expect(dead_code, reason = "read before the gate is asked, see `Document::optional_id`")]
    agent_id: Option<String>,
    #[expect(dead_code, reason = "read before the gate is asked, see `Document::optional_id`")]
    agent_name: Option<String>,
    /// Its name, unique among the agent's keys of its type: 1 to 256 characters.
    name: String,
    #[serde(default)]
    #[schema(inline)]
    api_key_type: ApiKeyType,
    /// The key itself, instead of one that is made up: 32 to 256 visible ASCII characters.
    api_key: Option<String>,
}

/// Which agent is meant. Agentex answers 400 here where it answers 422 elsewhere.
fn agent_key<'a>(id: Option<&'a str>, name: Option<&'a str>) -> Result<AgentKey<'a>, Failure> {
    match (id, name) {
        (Some(id), None) => Ok(AgentKey::Id(id)),
        (None, Some(name)) => Ok(AgentKey::Name(name)),
        (Some(_), Some(_)) | (None, None) => {
            Err(Failure::Precondition("exactly one of `agent_id` and `agent_name` must be given".to_owned()))
        }
    }
}

async fn agent(app: &App, gate: &Gate, key: AgentKey<'_>) -> Result<Target<authz::Agent>, Failure> {
    match key {
        AgentKey::Id(id) => Ok(Target::typed(id)),
        AgentKey::Name(name) => agents::named(app, gate, name).await,
    }
}

/// Make an API key of an agent; the answer is the only one that holds the key itself
#[utoipa::path(post, path = "/agent_api_keys", tag = "agent API keys", request_body = CreateApiKeyRequest,
    responses((status = 200, description = "The key", body = CreateApiKeyResponse), Refused))]
async fn create(
    State(app): State<App>,
    Caller(gate): Caller,
    body: Document,
) -> Result<(HeaderMap, Json<CreateApiKeyResponse>), Failure> {
    let key = agent_key(body.optional_id("agent_id")?, body.optional_id("agent_name")?)?;
    let permit = gate.permit(&agent(&app, &gate, key).await?).await?;
    let CreateApiKeyRequest { name, api_key_type, api_key, .. } = body.read()?;
    let secret = api_key.map(|key| Secret::given(&key)).transpose();
    let secret = secret.map_err(|error| Failure::invalid(format!("api_key: {error}")))?;
    let draft = ApiKeyDraft { name, key_type: api_key_type.into(), secret };
    let (key, secret) = lifecycle::create_api_key(&app, &gate, permit, draft).await?;
    let made = CreateApiKeyResponse { key: key.into(), api_key: secret.expose().to_owned() };
    Ok((freshness::told(gate.receipt()), Json(made)))
}

/// The API keys of an agent that the caller may see, oldest first
#[utoipa::path(get, path = "/agent_api_keys", tag = "agent API keys",
    params(
        ("agent_id" = Option<String>, Query, description = "The agent's id"),
        ("agent_name" = Option<String>, Query, description = "The agent's name, if not its id"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most this many rows: 50, if not said"),
        ("page_number" = Option<u32>, Query, minimum = 1, description = "Which page, from 1")
    ),
    responses((status = 200, description = "A page of keys", body = Vec<AgentApiKey>), Refused))]
async fn list(State(app): State<App>, Caller(gate): Caller, words: Words) -> Result<Json<Vec<AgentApiKey>>, Failure> {
    let key = agent_key(words.word("agent_id")?, words.word("agent_name")?)?;
    let window = Window { direction: Direction::Ascending, ..words.window(1)? };
    let permit = gate.permit::<_, Read>(&agent(&app, &gate, key).await?).await?;
    let query = Query { agent: Some(permit.id().clone()), window };
    let page = app.stores.api_keys.page(&gate.scope().await?, &query).await?;
    Ok(Json(page.rows.into_iter().map(AgentApiKey::from).collect()))
}

/// An API key by its id
#[utoipa::path(get, path = "/agent_api_keys/{id}", tag = "agent API keys", params(("id" = String, Path)),
    responses((status = 200, description = "The key", body = AgentApiKey), Refused))]
async fn get_by_id(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<AgentApiKey>, Failure> {
    show(&app, &gate, &Target::typed(&id)).await
}

/// An API key of an agent by its name
#[utoipa::path(get, path = "/agent_api_keys/name/{name}", tag = "agent API keys",
    params(
        ("name" = String, Path),
        ("agent_id" = Option<String>, Query, description = "The agent's id"),
        ("agent_name" = Option<String>, Query, description = "The agent's name, if not its id"),
        ("api_key_type" = Option<String>, Query, description = "`external` (default) or `internal`")
    ),
    responses((status = 200, description = "The key", body = AgentApiKey), Refused))]
async fn get_by_name(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(name): Key,
    words: Words,
) -> Result<Json<AgentApiKey>, Failure> {
    let target = named(&app, &gate, &name, &words).await?;
    show(&app, &gate, &target).await
}

async fn show(app: &App, gate: &Gate, target: &Target<authz::ApiKey>) -> Result<Json<AgentApiKey>, Failure> {
    let permit = gate.permit(target).await?;
    let key = app.stores.api_keys.get(&permit).await?.ok_or_else(|| permit.hidden())?;
    Ok(Json(key.into()))
}

/// The key of this name of the agent that `words` say, if there is one.
async fn named(app: &App, gate: &Gate, name: &str, words: &Words) -> Result<Target<authz::ApiKey>, Failure> {
    let agent = agent_key(words.word("agent_id")?, words.word("agent_name")?)?;
    let types = KeyType::ALL.map(|kind| (kind.as_str(), kind));
    let key_type = words.choice("api_key_type", &types)?.unwrap_or_default();
    let id = app.stores.api_keys.id_by_name(gate.tenant(), agent, name, key_type).await?;
    Ok(Target::found(By::Name, name, id))
}

/// End an API key: it lets nobody in any more
#[utoipa::path(delete, path = "/agent_api_keys/{id}", tag = "agent API keys", params(("id" = String, Path)),
    responses((status = 200, description = "It is gone", body = String), Refused))]
async fn delete_by_id(State(app): State<App>, Caller(gate): Caller, Key(id): Key) -> Result<Json<String>, Failure> {
    delete(&app, &gate, &Target::typed(&id)).await?;
    Ok(Json(format!("Agent API key with ID {id} deleted")))
}

/// End an API key of an agent by its name: it lets nobody in any more
#[utoipa::path(delete, path = "/agent_api_keys/name/{name}", tag = "agent API keys",
    params(
        ("name" = String, Path),
        ("agent_id" = Option<String>, Query, description = "The agent's id"),
        ("agent_name" = Option<String>, Query, description = "The agent's name, if not its id"),
        ("api_key_type" = Option<String>, Query, description = "`external` (default) or `internal`")
    ),
    responses((status = 200, description = "It is gone", body = String), Refused))]
async fn delete_by_name(
    State(app): State<App>,
    Caller(gate): Caller,
    Key(name): Key,
    words: Words,
) -> Result<Json<String>, Failure> {
    let target = named(&app, &gate, &name, &words).await?;
    delete(&app, &gate, &target).await?;
    Ok(Json(format!("Agent api_key '{name}' deleted")))
}

async fn delete(app: &App, gate: &Gate, target: &Target<authz::ApiKey>) -> Result<(), Failure> {
    let permit = gate.permit::<_, Delete>(target).await?;
    lifecycle::delete_api_key(app, gate, permit).await.map(drop)
}
