//! Whose API key a credential is.

use api_keys::{ApiKeyStore, Sealer, Secret};
use async_trait::async_trait;
use authz::Principal;
use identity::{AuthContext, Credential, Resolver, Unresolved};
use std::sync::Arc;

/// Knows the keys of agents' runtimes, by looking each up when it is brought. Nothing is remembered from one
/// request to the next, neither that a key is good nor that it is not: one that is ended anywhere is ended
/// here, and a store that did not answer has not said no.
pub struct AgentKeys {
    store: Arc<dyn ApiKeyStore>,
    sealer: Sealer,
}

impl AgentKeys {
    /// Knows the keys in `store`, whose digests were made by `sealer`.
    #[must_use]
    pub fn new(store: Arc<dyn ApiKeyStore>, sealer: Sealer) -> Self {
        Self { store, sealer }
    }
}

#[async_trait]
impl Resolver for AgentKeys {
    async fn resolve(&self, credential: &Credential) -> Result<AuthContext, Unresolved> {
        // Text that no key can be is nobody's, and nobody needs to be asked.
        let token = credential.expose().ok_or(Unresolved::Unknown)?;
        let key = Secret::given(token).map_err(|_| Unresolved::Unknown)?;
        match self.store.bearer(&self.sealer.digest(&key)).await {
            Ok(Some(bearer)) => Ok(AuthContext::new(Principal::agent(&bearer.agent), bearer.tenant)),
            Ok(None) => Err(Unresolved::Unknown),
            Err(error) => Err(Unresolved::Unavailable(error.into())),
        }
    }
}
