//! Why somebody may or may not do something. For operators of the deployment; to anybody else it is not there.

use super::{access::Session, requires::Action};
use crate::Failure;
use async_graphql::{Context, ID, Object, SimpleObject};
use authz::{By, Denial, Explained, Requested, ResourceRef, UnknownPrincipal, UnknownResource, explain::Reasons};
use std::sync::Arc;

/// What the authorization engine decides, and why.
#[derive(SimpleObject)]
pub struct AccessExplanation {
    /// Who would do it.
    principal: String,
    /// What they would do.
    action: Action,
    /// To what, as `KIND:ID`.
    resource: ID,
    /// What the engine decides now.
    allowed: bool,
    /// Each way that allows it, the shortest first: relationships that together are enough, such as
    /// `task:T#owner@user:alice`. Null when the engine gives no reasons.
    paths: Option<Vec<Vec<String>>>,
    /// What there would have to be for it to be allowed, a sentence each. Null when the engine gives no reasons.
    missing: Option<Vec<String>>,
    /// Whether the engine decides otherwise than its relationships and the schema say: a fault.
    disagrees: bool,
}

impl From<Explained> for AccessExplanation {
    fn from(explained: Explained) -> Self {
        let disagrees = explained.disagrees();
        let Explained { principal, action, resource, allowed, reasons } = explained;
        let (paths, missing) = reasons.as_ref().map(in_words).unzip();
        Self {
            principal: principal.to_string(),
            action: action.into(),
            resource: ID(resource.to_string()),
            allowed,
            paths,
            missing,
            disagrees,
        }
    }
}

/// The paths, and what is missing, in words.
pub fn in_words(reasons: &Reasons) -> (Vec<Vec<String>>, Vec<String>) {
    let paths = reasons.paths.iter().map(|path| path.iter().map(ToString::to_string).collect());
    (paths.collect(), reasons.missing.iter().map(ToString::to_string).collect())
}

/// What operators ask about decisions.
#[derive(Default)]
pub struct ExplainQuery;

#[Object]
impl ExplainQuery {
    /// Why a principal may do something to a resource, or what they lack, whether the resource is there or not. What both
    /// sides know of the resource is `dualWrite.explain`'s to say.
    async fn explain_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, such as `user:alice`.")] principal: String,
        #[graphql(desc = "Would do what.")] action: Action,
        #[graphql(desc = "To what: a task's id, or `KIND:ID`.")] resource: ID,
        #[graphql(desc = "As a caller who works in this account, if it has routes of its own.")] account: Option<
            String,
        >,
    ) -> Result<Option<AccessExplanation>, Failure> {
        let session = Session::of(ctx);
        let hidden = || Denial::Hidden { requested: Requested { by: By::Name, text: ctx.field().name().into() } };
        let operator = session.operator().ok_or_else(hidden)?;
        let bad_principal = |error: UnknownPrincipal| Failure::invalid(format!("`principal`: {error}"));
        let principal = principal.parse().map_err(bad_principal)?;
        let text = if resource.contains(':') { resource.to_string() } else { format!("task:{}", *resource) };
        let bad_resource = |error: UnknownResource| Failure::invalid(format!("`resource`: {error}"));
        let resource: ResourceRef = text.parse().map_err(bad_resource)?;
        let (_, explainer) = session.app.explainers.open(operator).of(account.as_deref(), resource.kind);
        let told = explainer.explain(&principal, action.into(), &resource).await;
        let told = told.map_err(|error| Failure::Unavailable(Arc::new(error)))?;
        if told.disagrees() {
            tracing::error!(?told, "the engine decides otherwise than its relationships say");
        }
        Ok(Some(told.into()))
    }
}
