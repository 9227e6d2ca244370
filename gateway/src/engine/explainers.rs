//! What explains decisions: of the engine that answers the account they are about.

use authz::{Explainer, Kind, RelationshipReader};
use authz_router::{EngineName, Router};
use std::{collections::BTreeMap, sync::Arc};

/// Explains, to operators, what any of the engines decides.
#[derive(Clone)]
pub struct Explainers {
    router: Router,
    readers: BTreeMap<EngineName, Arc<dyn RelationshipReader>>,
}

impl Explainers {
    /// Of these engines, those with readers can give reasons.
    pub(super) const fn new(router: Router, readers: BTreeMap<EngineName, Arc<dyn RelationshipReader>>) -> Self {
        Self { router, readers }
    }

    /// Where there is one engine and no other.
    #[must_use]
    pub fn alone(explainer: Explainer) -> Self {
        let router = Router::alone(explainer.engine);
        let name = router.routes().default_engine().clone();
        Self { router, readers: explainer.reader.map(|reader| (name, reader)).into_iter().collect() }
    }

    /// What explains decisions about resources of `kind` for callers who work in `account`, or for those whom nobody
    /// has routed; and what the engine is called.
    #[must_use]
    pub fn of(&self, account: Option<&str>, kind: Kind) -> (EngineName, Explainer) {
        let name = self.router.routes().destination(kind, account).engine.clone();
        let reader = self.readers.get(&name).cloned();
        // Without an engine of that name the router says so.
        let engine = self.router.engine(&name).unwrap_or_else(|| Arc::new(self.router.clone()));
        (name, Explainer { engine, reader })
    }
}
