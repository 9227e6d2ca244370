//! On whose behalf an engine is asked, for engines to which more matters than the principal.

use crate::{
    engine::Authorizer,
    principal::Principal,
    resource::{Id, Tenant},
};
use std::{fmt, sync::Arc};

/// What an identity service said of a caller, in its own words: JSON that nobody here looks into. It may hold
/// secrets, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    principal: Principal,
    json: Arc<str>,
}

impl Claims {
    /// What was said of `principal`, as JSON.
    #[must_use]
    pub fn new(principal: Principal, json: impl Into<Arc<str>>) -> Self {
        Self { principal, json: json.into() }
    }

    /// The JSON, if it speaks of `principal`.
    #[must_use]
    pub fn of(&self, principal: &Principal) -> Option<&str> {
        (self.principal == *principal).then_some(&*self.json)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims(of {})", self.principal)
    }
}

/// What is known of a caller beside the principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behalf {
    /// The account the caller works in.
    pub tenant: Id<Tenant>,
    /// What the identity service said of the caller, if one was asked.
    pub claims: Option<Claims>,
}

impl Behalf {
    /// All of it, as a list of fields that no other behalf has: for whoever tells apart what an engine answered on
    /// this one and on that. The fields may hold secrets.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let mut fields = vec![self.tenant.as_str()];
        if let Some(Claims { principal, json }) = &self.claims {
            fields.extend([principal.kind().as_str(), principal.id(), json]);
        }
        fields
    }
}

/// An engine as it is asked on somebody's behalf.
pub struct Bound {
    /// The engine.
    pub engine: Arc<dyn Authorizer>,
    /// Whether making a task takes [`Create`](crate::Action::Create) on [`EVERY`] task, beside
    /// [`Execute`](crate::Action::Execute) on its agent.
    pub asks_to_create: bool,
}

/// The id that stands for every resource of a kind. No resource has it.
pub const EVERY: &str = "*";
