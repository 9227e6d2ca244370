//! The embedded authorization engines: [`GraphEngine`] keeps the relationships in PostgreSQL, beside
//! the rows they protect; [`MemoryGraph`] keeps them in this process.
//!
//! Both only *find* relationships. What those allow is decided in one place, by
//! [`authz::schema::allowed`].

mod memory;
mod postgres;

pub use memory::MemoryGraph;
pub use postgres::GraphEngine;

use authz::{ActionSet, Check, Decision, Kind, Relation, schema};
use enumset::EnumSet;

/// How a principal stands to a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// The relations the principal holds to the resource.
    held: EnumSet<Relation>,
    /// Whether the principal belongs to the resource's tenant. Need not be known when nothing that
    /// was asked about depends on it.
    inside: bool,
    /// What the principal may do to the resource's parent agent. Need not be known either, when nothing that
    /// was asked about depends on it.
    of_parent: ActionSet,
}

impl Standing {
    /// What this standing answers to `check`.
    fn decide(self, check: &Check) -> Decision {
        let kind = check.resource.kind;
        let allowed = schema::allowed(kind, self.held, self.inside) | schema::inherited(kind, self.of_parent);
        Decision { allowed: allowed & check.actions }
    }
}

/// Whether an answer to `check` depends on belonging to the resource's tenant.
fn is_gated(check: &Check) -> bool {
    let gated = |kind: Kind, action| schema::rule(kind, action).is_some_and(|rule| !rule.gated.is_empty());
    check.actions.iter().any(|action| gated(check.resource.kind, action))
}

/// What an answer to `check` depends on being allowed to do to the resource's parent agent.
fn asked_of_parent(check: &Check) -> ActionSet {
    let inherited = |action| schema::rule(check.resource.kind, action)?.inherited;
    check.actions.iter().filter_map(inherited).collect()
}
