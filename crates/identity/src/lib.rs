//! Who is calling.
//!
//! A [`Resolver`] turns the [`Credential`] of a request into an [`AuthContext`], or refuses it. There
//! is no anonymous context and no default resolver that lets anybody in: without a resolver the
//! gateway does not start.

mod operator;

pub use operator::{Operated, Operator};

use authz::{Behalf, Claims, Id, Principal, Tenant};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};

/// A caller, once known. Made by resolvers only; nothing changes it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthContext {
    principal: Principal,
    tenant: Id<Tenant>,
    claims: Option<Claims>,
    operates: bool,
}

impl AuthContext {
    /// A caller who is `principal`, working in `tenant`.
    #[must_use]
    pub const fn new(principal: Principal, tenant: Id<Tenant>) -> Self {
        Self { principal, tenant, claims: None, operates: false }
    }

    /// The same caller, who also operates the deployment.
    #[must_use]
    pub fn operating(self) -> Self {
        Self { operates: true, ..self }
    }

    /// The same caller, of whom an identity service said this. It is told again to an engine that wants to know.
    #[must_use]
    pub fn with_claims(self, claims: Claims) -> Self {
        Self { claims: Some(claims), ..self }
    }

    /// What engines are told of the caller beside the principal.
    #[must_use]
    pub fn behalf(&self) -> Behalf {
        Behalf { tenant: self.tenant.clone(), claims: self.claims.clone() }
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
pub struct Credential {
    token: Option<String>,
    headers: HeaderMap,
}

impl Credential {
    /// The token of a bearer header or an API key header, and nothing else.
    #[must_use]
    pub fn token(text: impl Into<String>) -> Self {
        Self { token: Some(text.into()), headers: HeaderMap::new() }
    }

    /// The headers of a request, and the token that decides among them, if there is one.
    #[must_use]
    pub const fn of_request(token: Option<String>, headers: HeaderMap) -> Self {
        Self { token, headers }
    }

    /// The token, for a resolver to look up.
    #[must_use]
    pub fn expose(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// All headers, for a resolver to pass on.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
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
        let token = credential.expose().ok_or(Unresolved::Unknown)?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.by_digest.get(&digest).cloned().ok_or(Unresolved::Unknown)
    }
}

/// Resolvers that are asked one after the other until one knows the credential. One that cannot say ends it:
/// the credential might be the one it knows, so nobody can say.
pub struct InTurn(Vec<Arc<dyn Resolver>>);

impl InTurn {
    /// Asks `resolvers` in this order.
    #[must_use]
    pub const fn new(resolvers: Vec<Arc<dyn Resolver>>) -> Self {
        Self(resolvers)
    }
}

#[async_trait::async_trait]
impl Resolver for InTurn {
    async fn resolve(&self, credential: &Credential) -> Result<AuthContext, Unresolved> {
        for resolver in &self.0 {
            match resolver.resolve(credential).await {
                Err(Unresolved::Unknown) => {}
                known_or_unavailable => return known_or_unavailable,
            }
        }
        Err(Unresolved::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    struct Down;

    #[async_trait::async_trait]
    impl Resolver for Down {
        async fn resolve(&self, _: &Credential) -> Result<AuthContext, Unresolved> {
            Err(Unresolved::Unavailable("down".into()))
        }
    }

    fn table(token: &str, who: &str) -> Arc<dyn Resolver> {
        let context = AuthContext::new(Principal::user(who), Id::new("acme"));
        Arc::new(TokenTable::default().with(token, context))
    }

    fn resolved(resolvers: Vec<Arc<dyn Resolver>>, token: &str) -> String {
        match block_on(InTurn::new(resolvers).resolve(&Credential::token(token))) {
            Ok(context) => context.principal().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_first_who_knows_decides_and_one_who_cannot_say_is_not_passed_over() {
        let both = || vec![table("a", "first"), table("b", "second"), table("a", "third")];
        assert_eq!(resolved(both(), "a"), "user:first");
        assert_eq!(resolved(both(), "b"), "user:second");
        assert_eq!(resolved(both(), "c"), "the credential is unknown");
        assert_eq!(resolved(vec![], "a"), "the credential is unknown");
        let down = || vec![table("a", "first"), Arc::new(Down), table("b", "second")];
        assert_eq!(resolved(down(), "a"), "user:first", "asked before");
        for token in ["b", "c"] {
            assert_eq!(resolved(down(), token), "the identity service is unavailable");
        }
    }
}
