//! What this process keeps.

use crate::{
    ground::{self, Change, Side},
    realm::Who,
    stamps::{Place, Stamps},
};
use authz::{Action, ActionSet, Extent, Kind, Lookup, ResourceRef};
use moka::sync::Cache;
use std::time::{Duration, Instant};

/// How many lists are kept; each may name a thousand resources.
const LISTS: u64 = 256;

/// Which list: what somebody may do something to, if they are no more than so many.
type Listed = (Who, Kind, Action, usize);

/// What somebody may do to something, as it was at a tick.
#[derive(Clone, Copy, Debug)]
struct Kept {
    allowed: ActionSet,
    since: u64,
    until: Instant,
}

/// A list, as it was at a tick, and where the stamps of all that is in it are.
#[derive(Clone)]
struct KeptList {
    list: Lookup,
    places: std::sync::Arc<[Place]>,
    since: u64,
    until: Instant,
}

/// Allowed actions and short lists, each for a while and until something they rest on changes.
pub(crate) struct Near {
    pub stamps: Stamps,
    decisions: Cache<(Who, ResourceRef), Kept>,
    lists: Cache<Listed, KeptList>,
    time: Duration,
}

impl Near {
    /// Keeps as many decisions, each for `time`.
    pub fn new(entries: u64, time: Duration) -> Self {
        let decisions = Cache::builder().max_capacity(entries).time_to_live(time).build();
        let lists = Cache::builder().max_capacity(LISTS).time_to_live(time).build();
        Self { stamps: Stamps::new(), decisions, lists, time }
    }

    fn places(&self, who: &Who, resource: &ResourceRef) -> [Place; 2] {
        [
            self.stamps.place(&ground::resource(resource)),
            self.stamps.place(&ground::principal(Side::Standing, &who.principal)),
        ]
    }

    /// Whether a decision that was asked for at a tick may still be kept.
    pub fn holds(&self, who: &Who, resource: &ResourceRef, since: u64) -> bool {
        self.stamps.hold(since, self.places(who, resource))
    }

    /// What is known to be allowed. Empty when nothing is.
    pub fn allowed(&self, who: &Who, resource: &ResourceRef, now: Instant) -> ActionSet {
        let key = (who.clone(), resource.clone());
        let kept = self.decisions.get(&key).filter(|kept| now < kept.until && self.holds(who, resource, kept.since));
        kept.map(|kept| kept.allowed).unwrap_or_default()
    }

    /// Keeps what was allowed at a tick, asked for at `asked`, unless something has changed since.
    pub fn keep(&self, who: &Who, resource: &ResourceRef, allowed: ActionSet, since: u64, asked: Instant) {
        if allowed.is_empty() || !self.holds(who, resource, since) {
            return;
        }
        let key = (who.clone(), resource.clone());
        let new = Kept { allowed, since, until: asked + self.time };
        let kept = match self.decisions.get(&key) {
            // Together they are as old as the older.
            Some(old) if asked < old.until && self.holds(who, resource, old.since) => {
                Kept { allowed: old.allowed | allowed, since: old.since.min(since), until: old.until.min(new.until) }
            }
            _ => new,
        };
        self.decisions.insert(key, kept);
    }

    /// A list that is kept.
    pub fn list(&self, listed: &Listed, now: Instant) -> Option<Lookup> {
        let kept = self.lists.get(listed)?;
        let holds = now < kept.until && self.stamps.hold(kept.since, kept.places.iter().copied());
        holds.then_some(kept.list)
    }

    /// Keeps a list of ids, or that they are too many. Other answers are not lists.
    pub fn keep_list(&self, listed: Listed, list: &Lookup, since: u64, asked: Instant) {
        let (Who { principal, .. }, kind, _, most) = &listed;
        let mut places = vec![
            self.stamps.place(&ground::principal(Side::Standing, principal)),
            self.stamps.place(&ground::principal(Side::Holdings, principal)),
        ];
        match list {
            Lookup::TooMany => {}
            Lookup::Within(Extent::Ids(ids)) if ids.len() <= *most => {
                let resource = |id| ResourceRef { kind: *kind, id: std::sync::Arc::clone(id) };
                places.extend(ids.iter().map(|id| self.stamps.place(&ground::resource(&resource(id)))));
            }
            Lookup::Within(_) | Lookup::Among(_) => return,
        }
        if self.stamps.hold(since, places.iter().copied()) {
            let kept = KeptList { list: list.clone(), places: places.into(), since, until: asked + self.time };
            self.lists.insert(listed, kept);
        }
    }

    /// Lets go of all that rests on what has changed, and bars what was asked for before.
    pub fn shake(&self, change: &Change) {
        if change.everything {
            self.stamps.shake_everything();
        } else {
            self.stamps.shake(change.grounds.iter().map(|ground| self.stamps.place(ground)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::{Freshness, Realm};
    use authz::{Principal, Relation, Relationship};
    use std::{collections::BTreeSet, sync::Arc};

    fn near() -> Near {
        Near::new(100, Duration::from_mins(1))
    }

    fn who() -> Principal {
        Principal::user("u")
    }

    fn asker() -> Who {
        Who { realm: Realm::default(), principal: who(), freshness: Freshness::default() }
    }

    fn task(id: &str) -> ResourceRef {
        ResourceRef { kind: Kind::Task, id: id.into() }
    }

    fn reads(near: &Near, id: &str) -> bool {
        near.allowed(&asker(), &task(id), Instant::now()).contains(Action::Read)
    }

    #[test]
    fn what_was_asked_for_before_a_change_is_never_kept_after_it() {
        let near = near();
        let since = near.stamps.now();
        near.shake(&Change::removed(&[Relationship::held(task("1"), Relation::Viewer, &who())]));
        near.keep(&asker(), &task("1"), Action::Read.into(), since, Instant::now());
        near.keep(&asker(), &task("2"), Action::Read.into(), since, Instant::now());
        assert!(!reads(&near, "1"));
        assert!(reads(&near, "2"), "the other task is as it was");
    }

    #[test]
    fn what_is_kept_goes_with_the_resource_and_with_the_principal_s_standing() {
        let tenant = ResourceRef { kind: Kind::Tenant, id: "acme".into() };
        for change in [
            Change::ended(&task("1")),
            Change::added(&[Relationship::held(task("1"), Relation::Viewer, &Principal::user("other"))]),
            Change::removed(&[Relationship::held(tenant, Relation::Member, &who())]),
            Change::anything(),
        ] {
            let near = near();
            near.keep(&asker(), &task("1"), Action::Read.into(), near.stamps.now(), Instant::now());
            assert!(reads(&near, "1"));
            near.shake(&change);
            assert!(!reads(&near, "1"), "{change:?}");
        }
    }

    #[test]
    fn denials_are_not_kept_and_what_is_learnt_adds_up() {
        let near = near();
        let since = near.stamps.now();
        near.keep(&asker(), &task("1"), ActionSet::empty(), since, Instant::now());
        near.decisions.run_pending_tasks();
        assert_eq!(near.decisions.entry_count(), 0);
        near.keep(&asker(), &task("1"), Action::Read.into(), since, Instant::now());
        near.keep(&asker(), &task("1"), Action::Update.into(), since, Instant::now());
        assert_eq!(near.allowed(&asker(), &task("1"), Instant::now()), Action::Read | Action::Update);
    }

    #[test]
    fn what_is_kept_ends_with_its_time_counted_from_the_question() {
        let near = near();
        let asked = Instant::now();
        near.keep(&asker(), &task("1"), Action::Read.into(), near.stamps.now(), asked);
        let allowed = |after| near.allowed(&asker(), &task("1"), asked + Duration::from_secs(after));
        assert_eq!(allowed(59), ActionSet::only(Action::Read));
        assert_eq!(allowed(60), ActionSet::empty());
    }

    #[test]
    fn a_list_goes_with_its_owner_s_holdings_and_with_whatever_is_in_it() {
        let listed = || (asker(), Kind::Task, Action::Read, 10);
        let ids: BTreeSet<Arc<str>> = ["1".into(), "2".into()].into();
        let held = |id: &str, who: &Principal| vec![Relationship::held(task(id), Relation::Viewer, who)];
        for (change, goes) in [
            (Change::added(&held("3", &who())), true),
            (Change::ended(&task("2")), true),
            (Change::ended(&task("3")), false),
            (Change::added(&held("3", &Principal::user("other"))), false),
        ] {
            let near = near();
            near.keep_list(listed(), &Lookup::ids(ids.clone()), near.stamps.now(), Instant::now());
            assert!(near.list(&listed(), Instant::now()).is_some());
            near.shake(&change);
            assert_eq!(near.list(&listed(), Instant::now()).is_none(), goes, "{change:?}");
        }
    }
}
