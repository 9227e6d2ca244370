//! Who is calling.
//!
//! A [`Resolver`] turns the [`Credential`] of a request into an [`AuthContext`], or refuses it. There
//! is no anonymous context and no default resolver that lets anybody in: without a resolver the
//! gateway does not start.

mod operator;

pub use operator::{Operated, Operator};

use authz::{Id, Principal, Tenant};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// A caller, once known. Made by resolvers only; nothing changes it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthContext {
    principal: Principal,
    tenant: Id<Tenant>,
    operates: bool,
}

impl AuthContext {
    /// A caller who is `principal`, working in `tenant`.
    #[must_use]
    pub const fn new(principal: Principal, tenant: Id<Tenant>) -> Self {
        Self { principal, tenant, operates: false }
    }

    /// The same caller, who also operates the deployment.
    #[must_use]
    pub fn operating(self) -> Self {
        Self { operates: true, ..self }
    }

    /// The right to operate the deployment, if the caller has it.
    #[must_use]
    pub fn operator(&self) -> Option<Operator> {
        self.operates.then(|| Operator::named(&self.principal))
    }

    /// Who.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// In which tenant.
    #[must_use]
    pub const fn tenant(&self) -> &Id<Tenant> {
        &self.tenant
    }
}

/// What a request brought to say who it is from. Never printed.
pub struct Credential(String);

impl Credential {
    /// The token of a bearer header or an API key header.
    #[must_use]
    pub fn token(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Why nobody could be made of a credential.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// It is nobody's.
    #[error("the credential is unknown")]
    Unknown,
    /// Nobody can say whose it is. Fails closed.
    #[error("the identity service is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The port behind which identities live.
#[async_trait::async_trait]
pub trait Resolver: Send + Sync {
    /// Whose credential this is.
    async fn resolve(&self, credential: &Credential) -> Result<AuthContext, Unresolved>;
}

/// Configured tokens. They are kept and compared by SHA-256 digest: tokens are long and random, so a
/// plain digest cannot be guessed back, and a look-up by digest takes the same time for any wrong token.
#[derive(Default)]
pub struct TokenTable {
    by_digest: HashMap<[u8; 32], AuthContext>,
}

impl TokenTable {
    /// Adds a token for a caller.
    #[must_use]
    pub fn with(mut self, token: &str, context: AuthContext) -> Self {
        self.by_digest.insert(Sha256::digest(token).into(), context);
        self
    }

    /// Whether nobody has a token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }
}

#[async_trait::async_trait]
impl Resolver for TokenTable {
    async fn resolve(&self, credential: &Credential) -> Result<AuthContext, Unresolved> {
        let digest: [u8; 32] = Sha256::digest(&credential.0).into();
        self.by_digest.get(&digest).cloned().ok_or(Unresolved::Unknown)
    }
}
