//! How GraphQL is spoken: which documents, from where, and how much of it.

use crate::Limits;
use http::{HeaderValue, Uri};
use serde::Deserialize;
use std::path::PathBuf;

/// How GraphQL is spoken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphQl {
    /// Documents that may be asked by their ids: a JSON object from ids to documents, or a folder of `.graphql`
    /// files, whose ids are the SHA-256 digests of their bytes.
    pub trusted_documents: Option<PathBuf>,
    /// Whether only those are answered.
    pub only_trusted: bool,
    /// Whether callers may leave a document here and ask it by its digest: automatic persisted queries.
    pub persisted_documents: bool,
    /// Of which origins browsers may ask, such as `https://app.example`. Of none by default.
    pub allowed_origins: Vec<String>,
    /// What each principal may spend at once, in complexity.
    pub budget_burst: u32,
    /// What comes back to each principal every second, in complexity.
    pub budget_per_second: u32,
}

impl Default for GraphQl {
    fn default() -> Self {
        Self {
            trusted_documents: None,
            only_trusted: false,
            persisted_documents: true,
            allowed_origins: Vec::new(),
            budget_burst: 2_000_000,
            budget_per_second: 500_000,
        }
    }
}

impl GraphQl {
    /// The allowed origins, as browsers send them.
    pub fn origins(&self) -> anyhow::Result<Vec<HeaderValue>> {
        self.allowed_origins.iter().map(|origin| checked(origin)).collect()
    }

    pub(super) fn check(&self, limits: &Limits) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.only_trusted || self.trusted_documents.is_some(),
            "configuration key `graphql.only_trusted` is true, and `graphql.trusted_documents` is not set: nothing could be asked"
        );
        anyhow::ensure!(
            self.budget_burst as usize >= limits.graphql_complexity,
            "configuration key `graphql.budget_burst` is {}, and one request may cost {}",
            self.budget_burst,
            limits.graphql_complexity
        );
        anyhow::ensure!(self.budget_per_second > 0, "configuration key `graphql.budget_per_second` is 0");
        self.origins().map(drop)
    }
}

/// An origin is a scheme, a host and perhaps a port: what a browser compares whole.
fn checked(origin: &str) -> anyhow::Result<HeaderValue> {
    let uri: Option<Uri> = origin.parse().ok();
    let whole = uri.is_some_and(|uri| match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(host)) => origin == format!("{scheme}://{host}"),
        _ => false,
    });
    let value = HeaderValue::from_str(origin).ok().filter(|_| whole);
    value.ok_or_else(|| {
        anyhow::anyhow!("configuration key `graphql.allowed_origins`: `{origin}` is not like `https://app.example`")
    })
}
