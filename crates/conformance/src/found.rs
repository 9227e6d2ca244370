//! Whether a look-up finds exactly what it should, however many the caller wants to be named.

use authz::{Action, Authorizer, Beside, Consistency, Extent, Kind, Lookup, Principal, ResourceRef, schema};
use std::{collections::BTreeSet, sync::Arc};

/// A look-up: what may a principal do an action to?
pub(crate) struct Sought<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) kind: Kind,
    pub(crate) action: Action,
    /// The resources it could find.
    pub(crate) among: &'a [ResourceRef],
    /// The ids it is to find.
    pub(crate) expected: &'a BTreeSet<Arc<str>>,
}

impl Sought<'_> {
    /// Asks with every bound that could make a difference. What was wrong, if anything.
    ///
    /// What an engine leaves to the store to join with is compared with the rule; the store suites join.
    pub(crate) async fn is_found(&self, engine: &Arc<dyn Authorizer>, asked: &Consistency) -> Result<(), String> {
        let Self { principal, kind, action, among, expected } = self;
        // Named whole, or not at all: nothing is cut, whatever the bound.
        for most in [None, Some(0), Some(1), Some(2), Some(expected.len()), Some(expected.len() + 1)] {
            let few = |count: usize| most.is_none_or(|most| count <= most);
            let wrong = |what: &str| Err(format!("`{action}` on {kind} by {principal}, at most {most:?}: {what}"));
            let lookup =
                engine.lookup(principal, *kind, *action, most, asked).await.map_err(|error| error.to_string())?;
            let found = match lookup {
                Lookup::Among(_) if most.is_none() => return wrong("they were to be named"),
                Lookup::Among(Extent::Beside(beside)) if self.is_the_rule(&beside) => continue,
                Lookup::Among(Extent::Where(holds)) if expected.iter().all(|id| holds(id)) => continue,
                Lookup::Among(Extent::Ids(ids)) if ids.is_superset(expected) => continue,
                Lookup::Among(_) => return wrong("not all of them are there"),
                Lookup::TooMany if few(expected.len()) => return wrong("these are not too many"),
                Lookup::TooMany => continue,
                Lookup::Within(Extent::Everything) => return wrong("nobody is the master of everything"),
                Lookup::Within(Extent::Asked(_)) => return wrong("an engine has nobody to ask"),
                Lookup::Within(Extent::Ids(ids)) if few(ids.len()) => ids.as_ref().clone(),
                Lookup::Within(Extent::Ids(ids)) => return wrong(&format!("{} are too many", ids.len())),
                Lookup::Within(Extent::Where(holds)) => {
                    let of_kind = among.iter().filter(|resource| resource.kind == *kind);
                    of_kind.map(|resource| Arc::clone(&resource.id)).filter(|id| holds(id)).collect()
                }
                Lookup::Within(Extent::Beside(beside)) if self.is_the_rule(&beside) => continue,
                Lookup::Within(Extent::Beside(beside)) => return wrong(&format!("{beside:?} is not the rule")),
            };
            if found != **expected {
                return wrong(&format!("found {found:?}, not {expected:?}"));
            }
        }
        Ok(())
    }

    fn is_the_rule(&self, beside: &Beside) -> bool {
        let of = |rule: &schema::Rule, parent| Beside {
            principal: self.principal.clone(),
            free: rule.free.to_vec(),
            gated: rule.gated.to_vec(),
            parent,
        };
        let Some(rule) = schema::rule(self.kind, self.action) else { return false };
        let parent = rule.inherited.and_then(|action| schema::rule(Kind::Agent, action));
        *beside == of(rule, parent.map(|rule| Box::new(of(rule, None))))
    }
}
