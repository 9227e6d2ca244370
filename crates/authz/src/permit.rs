//! Proofs that something was allowed. Only [`crate::Gate`] makes them.

use crate::{
    action::{Action, ActionSet, Marker, Read},
    denial::{By, Denial, DenialPolicy, Requested},
    engine::{ConsistencyToken, Extent},
    resource::{Allows, Id, Resource},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{marker::PhantomData, sync::Arc};

/// A row that a name led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<R> {
    /// Its id.
    pub id: Id<R>,
    /// How fresh an engine must be asked to know of it, where the one it was registered with says so and may not know of
    /// it by itself yet.
    pub token: Option<ConsistencyToken>,
}

/// The age from which on every answer of an engine knows of a row: far more than engines lag behind.
const KNOWN_AFTER: TimeDelta = TimeDelta::hours(1);

impl<R> Named<R> {
    /// A row that was made at this time, and was registered with an engine that said this. Of an old row the token is
    /// left out: whoever asks so is asked to wait for nothing, and is answered from no cache that others share.
    #[must_use]
    pub fn made_at(id: Id<R>, made_at: impl Into<Option<DateTime<Utc>>>, token: Option<ConsistencyToken>) -> Self {
        let is_young = made_at.into().is_some_and(|made_at| Utc::now() - made_at < KNOWN_AFTER);
        Self { id, token: token.filter(|_| is_young) }
    }
}

/// A resource somebody asks for: what they typed, and the id it stands for, if any.
///
/// A name that nobody has, a child row that does not exist and an id that no row could have are
/// targets without an id. The gate asks the engine about them all the same, so that they cost what a
/// foreign resource costs.
#[derive(Clone, Debug)]
pub struct Target<R> {
    requested: Requested,
    id: Option<Id<R>>,
    token: Option<ConsistencyToken>,
}

impl<R: Resource> Target<R> {
    /// By an id somebody typed.
    #[must_use]
    pub fn typed(text: &str) -> Self {
        Self::found(By::Id, text, Id::parse(text).ok())
    }

    /// By another key that somebody typed, such as a name or a child's id, which led to `id`.
    #[must_use]
    pub fn found(by: By, text: &str, id: Option<Id<R>>) -> Self {
        Self { requested: Requested { by, text: text.into() }, id, token: None }
    }

    /// By a name that somebody typed, which led to a row. The row is there, so the engine is asked of a moment at which
    /// it knew of it.
    #[must_use]
    pub fn named(text: &str, row: Option<Named<R>>) -> Self {
        let (id, token) = row.map_or((None, None), |Named { id, token }| (Some(id), token));
        Self { token, ..Self::found(By::Name, text, id) }
    }

    /// By an id that came from a row.
    #[must_use]
    pub fn known(id: Id<R>) -> Self {
        Self { requested: Requested { by: By::Id, text: id.to_text() }, id: Some(id), token: None }
    }

    /// What the caller typed.
    #[must_use]
    pub const fn requested(&self) -> &Requested {
        &self.requested
    }

    /// The id it stands for.
    #[must_use]
    pub const fn id(&self) -> Option<&Id<R>> {
        self.id.as_ref()
    }

    /// How fresh to ask about it.
    pub(crate) const fn token(&self) -> Option<&ConsistencyToken> {
        self.token.as_ref()
    }
}

/// What one principal may do to one resource, as far as was asked: bit tests from here on.
#[derive(Clone, Debug)]
pub struct Grants<R> {
    target: Target<R>,
    asked: ActionSet,
    allowed: ActionSet,
    policy: DenialPolicy,
}

impl<R: Resource> Grants<R> {
    pub(crate) fn new(target: Target<R>, asked: ActionSet, allowed: ActionSet, policy: DenialPolicy) -> Self {
        let allowed = if target.id.is_some() { allowed & asked } else { ActionSet::empty() };
        Self { target, asked, allowed, policy }
    }

    /// Whether `action` was asked about and is allowed.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        self.allowed.contains(action)
    }

    /// All that is allowed of what was asked.
    #[must_use]
    pub const fn allowed(&self) -> ActionSet {
        self.allowed
    }

    /// The permit for `A`. An action that was not asked about is denied.
    pub fn permit<A: Marker>(&self) -> Result<Permit<R, A>, Denial>
    where
        R: Allows<A>,
    {
        debug_assert!(self.asked.contains(A::ACTION), "`{}` was not asked about", A::ACTION);
        match &self.target.id {
            Some(id) if self.can(A::ACTION) => {
                Ok(Permit { id: id.clone(), requested: self.target.requested.clone(), marker: PhantomData })
            }
            _ => Err(self.denial(A::ACTION)),
        }
    }

    /// The one denial rule: hidden, unless the policy splits and the caller may read.
    fn denial(&self, action: Action) -> Denial {
        let requested = self.target.requested.clone();
        match self.policy {
            DenialPolicy::Split if self.can(Action::Read) => Denial::Forbidden { requested, action },
            DenialPolicy::Split | DenialPolicy::Hide => Denial::Hidden { requested },
        }
    }
}

/// Proof that the caller may do `A` to one resource of kind `R`. Carries the id that was checked.
#[must_use = "a permit that is not spent was checked for nothing"]
pub struct Permit<R, A> {
    id: Id<R>,
    requested: Requested,
    marker: PhantomData<fn() -> A>,
}

impl<R: Resource, A: Marker> Permit<R, A> {
    /// The id this permit is for.
    #[must_use]
    pub const fn id(&self) -> &Id<R> {
        &self.id
    }

    /// The denial for a permitted resource whose row is gone: the same as if it were foreign.
    #[must_use]
    pub fn hidden(&self) -> Denial {
        Denial::Hidden { requested: self.requested.clone() }
    }
}

/// Where a list may look. Only [`crate::Gate`] makes one.
#[must_use]
pub struct Scope<R, A> {
    extent: Extent,
    marker: PhantomData<fn() -> (R, A)>,
}

impl<R: Resource, A: Marker> Scope<R, A> {
    pub(crate) const fn new(extent: Extent) -> Self {
        Self { extent, marker: PhantomData }
    }

    /// Where to look. A match on it must name every variant: "nothing said" never means everything.
    #[must_use]
    pub const fn extent(&self) -> &Extent {
        &self.extent
    }

    /// A scope of the resources that `permit` and its like are for.
    pub fn of(permits: &[&Permit<R, A>]) -> Self {
        Self::new(Extent::Ids(Arc::new(permits.iter().map(|permit| permit.id.to_text()).collect())))
    }
}

/// A value of a resource that only a holder of the right permit for that very resource may look at.
/// It has no `Debug` and no `Serialize`, so it cannot slip into a log or an answer.
#[derive(Clone)]
pub struct Guarded<V, R, A> {
    owner: Id<R>,
    value: V,
    marker: PhantomData<fn() -> A>,
}

impl<V, R: Allows<A>, A: Marker> Guarded<V, R, A> {
    /// Locks `value` away under the resource it belongs to.
    pub const fn new(owner: Id<R>, value: V) -> Self {
        Self { owner, value, marker: PhantomData }
    }

    /// The resource the value belongs to: what to ask the gate about.
    pub const fn owner(&self) -> &Id<R> {
        &self.owner
    }

    /// The value. `None` when the permit is for another resource.
    pub fn open(&self, permit: &Permit<R, A>) -> Option<&V> {
        (self.owner == permit.id).then_some(&self.value)
    }

    /// The value itself. `None` when the permit is for another resource.
    pub fn into_inner(self, permit: &Permit<R, A>) -> Option<V> {
        (self.owner == permit.id).then_some(self.value)
    }
}

impl<R: Resource> From<Permit<R, Read>> for Target<R> {
    fn from(permit: Permit<R, Read>) -> Self {
        Self { requested: permit.requested, id: Some(permit.id), token: None }
    }
}
