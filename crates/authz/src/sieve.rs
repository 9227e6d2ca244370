//! Which of a page's resources a principal may act on, asked page by page.

use crate::{
    action::Action,
    engine::{Authorizer, Check, Consistency, EngineError, Extent, Lookup},
    principal::Principal,
    resource::{Kind, ResourceRef},
};
use std::{fmt, sync::Arc};

/// Says of any resources of one kind which of them a principal may do one thing to. Only [`crate::Gate`] makes
/// one, so what it asks goes the way of every other question of the gate.
#[derive(Clone)]
pub struct Sieve {
    pub(crate) engine: Arc<dyn Authorizer>,
    pub(crate) principal: Principal,
    pub(crate) kind: Kind,
    pub(crate) action: Action,
    pub(crate) consistency: Consistency,
    pub(crate) among: Option<Arc<Extent>>,
}

impl Sieve {
    /// Whether each of these resources is among them, in order. One engine call.
    pub async fn sift(&self, ids: &[Arc<str>]) -> Result<Vec<bool>, EngineError> {
        let checks: Vec<_> = ids
            .iter()
            .map(|id| {
                let resource = ResourceRef { kind: self.kind, id: Arc::clone(id) };
                Check { resource, actions: self.action.into() }
            })
            .collect();
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        let decisions = self.engine.check(&self.principal, &checks, &self.consistency).await?;
        if decisions.len() != checks.len() {
            return Err(EngineError::Malformed("a decision is missing or too many".into()));
        }
        Ok(decisions.into_iter().map(|decision| decision.allowed.contains(self.action)).collect())
    }

    /// Where all of them are, among others; none, where nobody knows but the engine.
    #[must_use]
    pub fn among(&self) -> Option<&Extent> {
        self.among.as_deref()
    }

    /// All of them, however many. Dear: for whoever has walked far and found too few.
    pub async fn all(&self) -> Result<Extent, EngineError> {
        match self.engine.lookup(&self.principal, self.kind, self.action, None, &self.consistency).await? {
            Lookup::Within(Extent::Asked(_)) | Lookup::Among(_) | Lookup::TooMany => {
                Err(EngineError::Malformed("they were to be named, and were not".into()))
            }
            Lookup::Within(extent) => Ok(extent),
        }
    }
}

impl fmt::Debug for Sieve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sieve({} may {} which {})", self.principal, self.action, self.kind)
    }
}
