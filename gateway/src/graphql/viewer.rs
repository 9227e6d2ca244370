//! Who is asking.

use super::access::Session;
use async_graphql::{Context, Object, SimpleObject};

/// Who is asking, as this deployment knows them.
#[derive(SimpleObject)]
pub struct Viewer {
    /// Who, as `user:ID`, `service_account:ID` or `agent:ID`.
    principal: String,
    /// The tenant they work in. Names are looked up in it, and what they make belongs to it.
    tenant: String,
}

/// Who is asking.
#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Who is asking.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        let session = Session::of(ctx);
        Viewer { principal: session.principal().to_string(), tenant: session.tenant().to_string() }
    }
}
