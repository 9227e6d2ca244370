//! What this node knows: what it keeps, what was written lately, and for how long it may trust both.

use crate::{
    floors::Floors,
    ground::{Change, Ground},
    lease::Lease,
    near::Near,
};
use authz::Consistency;
use std::time::Instant;

pub(crate) struct Memory {
    pub near: Near,
    pub floors: Floors,
    pub lease: Lease,
}

impl Memory {
    /// Takes note of a change: first of how fresh to ask from now on, then lets go of what was kept. So whoever
    /// asks after an eviction asks fresh enough.
    pub fn apply(&self, change: &Change, now: Instant) {
        if let Some(floor) = &change.floor {
            let places = change.grounds.iter().map(|ground| self.near.stamps.place(ground));
            self.floors.remember(places, change.everything, floor, now);
        }
        self.near.shake(change);
    }

    /// How fresh to ask about what rests on these. Only who has heard of every write of the window may say that
    /// there was none.
    pub fn freshness<'a>(&self, grounds: impl Iterator<Item = Ground<&'a str>>) -> Consistency {
        let now = Instant::now();
        if self.lease.is_held_for(self.floors.window(), now) {
            self.floors.freshness(grounds.map(|ground| self.near.stamps.place(&ground)), now)
        } else {
            Consistency::FullyConsistent
        }
    }
}
