//! When what an answer rests on has last changed.

use crate::ground::Ground;
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

/// As many places; a power of two. What shares a place changes together: an answer is let go of too early,
/// never too late.
const PLACES: usize = 1 << 18;

/// Where a ground's stamp is.
pub(crate) type Place = u32;

/// A clock that ticks at every change, and for each place the tick of its last change.
///
/// An answer that was asked for at tick `n` still holds while nothing it rests on was stamped after `n`. So an
/// eviction is a stamp or two, finds no answers, and bars those that are still on their way.
#[derive(Debug)]
pub(crate) struct Stamps {
    ticks: AtomicU64,
    everything: AtomicU64,
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Stamps {
    pub fn new() -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { ticks: AtomicU64::new(0), everything: AtomicU64::new(0), places, hasher: RandomState::new() }
    }

    /// The tick of this moment. Read before the engine is asked.
    pub fn now(&self) -> u64 {
        self.ticks.load(SeqCst)
    }

    /// Where a ground is.
    pub fn place<T: AsRef<str>>(&self, ground: &Ground<T>) -> Place {
        let hash = self.hasher.hash_one(ground.borrowed());
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
        let low = hash as usize & (PLACES - 1);
        u32::try_from(low).unwrap_or_default()
    }

    /// These have changed.
    pub fn shake(&self, places: impl IntoIterator<Item = Place>) {
        let tick = self.ticks.fetch_add(1, SeqCst) + 1;
        for stamp in places.into_iter().filter_map(|place| self.places.get(place as usize)) {
            stamp.fetch_max(tick, SeqCst);
        }
    }

    /// Anything may have changed.
    pub fn shake_everything(&self) {
        let tick = self.ticks.fetch_add(1, SeqCst) + 1;
        self.everything.fetch_max(tick, SeqCst);
    }

    /// Whether none of these has changed since a tick.
    pub fn hold(&self, since: u64, places: impl IntoIterator<Item = Place>) -> bool {
        let unchanged = |place: Place| self.places.get(place as usize).is_some_and(|stamp| stamp.load(SeqCst) <= since);
        self.everything.load(SeqCst) <= since && places.into_iter().all(unchanged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Side;
    use proptest::prelude::*;

    fn place(stamps: &Stamps, id: u8) -> Place {
        stamps.place(&Ground { side: Side::Resource, kind: "task", id: id.to_string().as_str() })
    }

    #[test]
    fn sides_kinds_and_ids_are_told_apart() {
        let stamps = Stamps::new();
        let ground = |side, kind, id| stamps.place(&Ground { side, kind, id });
        let all = [
            ground(Side::Resource, "task", "1"),
            ground(Side::Standing, "task", "1"),
            ground(Side::Resource, "tas", "k1"),
            ground(Side::Resource, "agent", "1"),
        ];
        // One place in a quarter of a million may be shared by chance; not all of them.
        assert!(all.iter().collect::<std::collections::BTreeSet<_>>().len() >= 3, "{all:?}");
    }

    proptest! {
        /// An answer holds if, and only if, nothing that it rests on changed after it was asked for.
        #[test]
        fn an_answer_holds_until_its_ground_changes(
            changes in prop::collection::vec((any::<u8>(), prop::bool::weighted(0.02)), 0..40),
            asked in 0_usize..40,
            about in any::<u8>(),
        ) {
            let stamps = Stamps::new();
            let mut since = None;
            let mut shaken = false;
            for (turn, (id, everything)) in changes.iter().enumerate() {
                if turn == asked {
                    since = Some(stamps.now());
                }
                if *everything { stamps.shake_everything() } else { stamps.shake([place(&stamps, *id)]) }
                let hit = *everything || place(&stamps, *id) == place(&stamps, about);
                shaken |= hit && since.is_some();
            }
            if let Some(since) = since {
                prop_assert_eq!(stamps.hold(since, [place(&stamps, about)]), !shaken);
            }
        }
    }
}
