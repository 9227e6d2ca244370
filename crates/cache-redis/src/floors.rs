//! How fresh an engine that may answer from a while ago has to be asked.

use crate::{ground::Floor, stamps::Place};
use authz::{Consistency, ConsistencyToken};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

#[derive(Clone, Debug)]
struct Remembered {
    floor: Floor,
    until: Instant,
}

impl Remembered {
    /// This, and what was remembered before. Of two tokens nobody knows which is the later.
    fn after(self, before: Option<&Self>, now: Instant) -> Self {
        let agree = before.is_none_or(|before| before.until <= now || before.floor == self.floor);
        Self { floor: if agree { self.floor } else { Floor::Now }, ..self }
    }
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<Place, Remembered>,
    everywhere: Option<Remembered>,
    ends: VecDeque<(Instant, Place)>,
}

/// The writes of a while, by what they changed.
#[derive(Debug)]
pub(crate) struct Floors {
    window: Duration,
    state: Mutex<State>,
}

impl Floors {
    /// Remembers for `window`, after which the engine knows by itself.
    pub fn new(window: Duration) -> Self {
        Self { window, state: Mutex::default() }
    }

    /// For how long writes are remembered.
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// A write that changed all these places, or everything.
    pub fn remember(&self, places: impl Iterator<Item = Place>, everything: bool, floor: &Floor, now: Instant) {
        let new = Remembered { floor: floor.clone(), until: now + self.window };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, place)) = state.ends.pop_front_if(|(end, _)| *end <= now) {
            if state.places.get(&place).is_some_and(|remembered| remembered.until <= now) {
                state.places.remove(&place);
            }
        }
        if everything {
            state.everywhere = Some(new.clone().after(state.everywhere.as_ref(), now));
        }
        for place in places {
            let remembered = new.clone().after(state.places.get(&place), now);
            state.ends.push_back((remembered.until, place));
            state.places.insert(place, remembered);
        }
    }

    /// How fresh to ask about what rests on these places.
    pub fn freshness(&self, places: impl Iterator<Item = Place>, now: Instant) -> Consistency {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.filter_map(|place| state.places.get(&place)).chain(&state.everywhere);
        let mut floors = known.filter(|remembered| now < remembered.until).map(|remembered| &remembered.floor);
        match floors.next() {
            None => Consistency::MinimizeLatency,
            Some(Floor::Token(token)) if floors.all(|floor| matches!(floor, Floor::Token(other) if other == token)) => {
                Consistency::AtLeastAsFresh(ConsistencyToken::new(token.clone()))
            }
            Some(_) => Consistency::FullyConsistent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(30);

    fn token(text: &str) -> Floor {
        Floor::Token(text.into())
    }

    fn as_fresh_as(text: &str) -> Consistency {
        Consistency::AtLeastAsFresh(ConsistencyToken::new(text))
    }

    #[test]
    fn one_token_is_asked_for_and_of_two_nobody_knows_which_is_later() {
        let (floors, now) = (Floors::new(WINDOW), Instant::now());
        floors.remember([1, 2].into_iter(), false, &token("a"), now);
        floors.remember([3].into_iter(), false, &token("b"), now);
        let fresh = |places: &[Place]| floors.freshness(places.iter().copied(), now);
        assert_eq!(fresh(&[7]), Consistency::MinimizeLatency);
        assert_eq!(fresh(&[1, 2, 7]), as_fresh_as("a"));
        assert_eq!(fresh(&[1, 3]), Consistency::FullyConsistent);
        floors.remember([1].into_iter(), false, &token("b"), now);
        assert_eq!(fresh(&[1]), Consistency::FullyConsistent);
    }

    #[test]
    fn what_may_yet_be_written_is_asked_for_now() {
        let (floors, now) = (Floors::new(WINDOW), Instant::now());
        floors.remember([1].into_iter(), false, &Floor::Now, now);
        assert_eq!(floors.freshness([1].into_iter(), now), Consistency::FullyConsistent);
        floors.remember([].into_iter(), true, &token("a"), now);
        assert_eq!(floors.freshness([7].into_iter(), now), as_fresh_as("a"));
    }

    #[test]
    fn a_write_is_forgotten_after_the_window_and_takes_no_room() {
        let (floors, now) = (Floors::new(WINDOW), Instant::now());
        floors.remember((0..1_000).map(|place| place % 10), false, &token("a"), now);
        let late = now + WINDOW;
        assert_eq!(floors.freshness([1].into_iter(), late), Consistency::MinimizeLatency);
        floors.remember([11].into_iter(), false, &token("b"), late);
        let state = floors.state.lock().unwrap();
        assert_eq!((state.places.len(), state.ends.len()), (1, 1));
    }
}
