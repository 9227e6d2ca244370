//! The calls, answered rightly.

use crate::Shared;
use authz::{
    ActionSet, Authorizer as _, Check, Consistency, Kind, Principal, PrincipalKind, Registration,
    RegistrationScan as _, Relation, Relationship, ResourceRef, action::Action,
};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: &Consistency = &Consistency::FullyConsistent;

pub(crate) async fn answer(shared: &Shared, path: &str, headers: &HeaderMap, body: &Value) -> Response {
    let answer = match path {
        "/v1/authn" => return authn(shared, headers),
        "/v1/authz/check" => check(shared, body).await,
        "/v1/authz/search" => search(shared, body).await,
        "/v1/authz/grant" => grant(shared, body).await,
        "/v1/authz/revoke" => revoke(shared, body).await,
        "/v1/authz/register" => register(shared, body).await,
        "/v1/authz/deregister" => deregister(shared, body).await,
        "/v1/authz/holders" => holders(shared, body).await,
        _ => return (StatusCode::NOT_FOUND, Json(json!({ "message": "there is no such call" }))).into_response(),
    };
    answer.unwrap_or_else(|| (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": "a field" }))).into_response())
}

fn authn(shared: &Shared, headers: &HeaderMap) -> Response {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = bearer.or_else(|| text("x-api-key"));
    match token.and_then(|token| shared.told().callers.get(token).cloned()) {
        Some(principal) => Json(principal).into_response(),
        None => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "nobody" }))).into_response(),
    }
}

fn decided(yes: bool) -> Response {
    let status = if yes { StatusCode::OK } else { StatusCode::FORBIDDEN };
    (status, Json(json!({ "allowed": yes }))).into_response()
}

fn done() -> Response {
    Json(json!({ "success": true })).into_response()
}

fn text(value: &Value) -> Option<Arc<str>> {
    Some(value.as_str()?.into())
}

fn principal(value: &Value) -> Option<Principal> {
    let kinds = [
        ("user_id", PrincipalKind::User),
        ("service_account_id", PrincipalKind::ServiceAccount),
        ("agent_id", PrincipalKind::Agent),
    ];
    kinds.into_iter().find_map(|(key, kind)| Some(Principal::new(kind, text(&value[key])?)))
}

fn named(principal: &Principal) -> Value {
    json!({ format!("{}_id", principal.kind().as_str()): principal.id() })
}

fn kind(value: &Value) -> Option<Kind> {
    let word = value.as_str()?;
    Kind::ALL.iter().copied().find(|kind| kind.as_str() == word)
}

fn resource(value: &Value) -> Option<ResourceRef> {
    Some(ResourceRef { kind: kind(&value["type"])?, id: text(&value["selector"])? })
}

fn action(value: &Value) -> Option<Action> {
    let word = value.as_str()?;
    ActionSet::all().iter().find(|action| action.as_str() == word)
}

async fn may(shared: &Shared, principal: &Principal, resource: ResourceRef, action: Action) -> bool {
    let check = [Check { resource, actions: action.into() }];
    let decisions = shared.graph.check(principal, &check, NOW).await.unwrap();
    decisions.iter().all(|decision| decision.allowed.contains(action))
}

/// Whether a caller's session lets them do this at all: one that was introduced with `only` lets them do no more.
fn lets(session: &Value, action: Action) -> bool {
    session["only"].as_array().is_none_or(|only| only.iter().any(|word| word == action.as_str()))
}

async fn check(shared: &Shared, body: &Value) -> Option<Response> {
    let session = &body["principal"];
    let (principal, resource) = (principal(session)?, resource(&body["resource"])?);
    let action = action(&body["operation"])?;
    if !lets(session, action) {
        return Some(decided(false));
    }
    Some(decided(match (resource.kind, &*resource.id) {
        // Making an agent is creating every agent of an account.
        (Kind::Agent, "*") => {
            let tenant = ResourceRef { kind: Kind::Tenant, id: text(&body["account_id"])? };
            may(shared, &principal, tenant, action).await
        }
        // The schema has no say in it.
        (Kind::Task, "*") => action == Action::Create && !shared.told().no_new_tasks,
        _ => may(shared, &principal, resource, action).await,
    }))
}

async fn search(shared: &Shared, body: &Value) -> Option<Response> {
    let (principal, kind) = (principal(&body["principal"])?, kind(&body["filter_resource"])?);
    let action = action(&body["filter_operation"])?;
    if !lets(&body["principal"], action) {
        return Some(Json(json!({ "items": [] })).into_response());
    }
    let all = shared.graph.page(kind, None, u32::MAX).await.unwrap();
    let mut items = Vec::new();
    for known in all {
        if may(shared, &principal, ResourceRef { kind, id: Arc::clone(&known.id) }, action).await {
            items.push(known.id.to_string());
        }
    }
    Some(Json(json!({ "items": items })).into_response())
}

/// The relationship that is written or taken back. Without a principal, a resource is related.
fn relationship(body: &Value) -> Option<Relationship> {
    let resource = resource(&body["resource"])?;
    let relation = Relation::from_word(body["relation"].as_str()?)?;
    match principal(&body["principal"]) {
        Some(principal) => Some(Relationship::held(resource, relation, &principal)),
        None => Some(Relationship {
            resource,
            relation,
            subject_kind: text(body.pointer("/subject/type")?)?,
            subject_id: text(body.pointer("/subject/selector")?)?,
        }),
    }
}

async fn grant(shared: &Shared, body: &Value) -> Option<Response> {
    shared.graph.grant(&[relationship(body)?]).await.unwrap();
    Some(done())
}

async fn revoke(shared: &Shared, body: &Value) -> Option<Response> {
    shared.graph.revoke(&[relationship(body)?]).await.unwrap();
    Some(done())
}

async fn register(shared: &Shared, body: &Value) -> Option<Response> {
    let parent = if body["parent"].is_null() { None } else { Some(resource(&body["parent"])?) };
    let registration = Registration {
        resource: resource(&body["resource"])?,
        owner: principal(&body["principal"])?,
        tenant: text(&body["account_id"])?,
        parent,
    };
    shared.graph.register(&registration).await.unwrap();
    Some(done())
}

async fn deregister(shared: &Shared, body: &Value) -> Option<Response> {
    shared.graph.deregister(&resource(&body["resource"])?).await.unwrap();
    Some(done())
}

async fn holders(shared: &Shared, body: &Value) -> Option<Response> {
    let resources: Option<Vec<_>> = body["resources"].as_array()?.iter().map(resource).collect();
    let holders = shared.graph.holders(&resources?).await.unwrap();
    let told = |holders: Vec<authz::Holder>| {
        let one = |holder: authz::Holder| json!({ "principal": named(&holder.principal), "relation": holder.role.relation().as_str() });
        holders.into_iter().map(one).collect::<Vec<_>>()
    };
    Some(Json(json!({ "holders": holders.into_iter().map(told).collect::<Vec<_>>() })).into_response())
}
