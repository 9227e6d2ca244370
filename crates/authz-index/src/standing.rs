//! How this process stands to an index.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

/// Whether an index is kept here, and whether it is used. It is neither until it is said.
#[derive(Debug, Default)]
pub struct Standing(RwLock<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    kept: bool,
    complete: bool,
    /// Until when it may lack what others have changed.
    behind: Option<Instant>,
}

impl Standing {
    /// It is kept from now on, and used when it is `complete`; or not kept.
    pub fn is(&self, kept: bool, complete: bool) {
        self.change(|state| (state.kept, state.complete) = (kept, kept && complete));
    }

    /// For so long it may lack what others have changed, and is not used.
    pub fn lags(&self, long: Duration) {
        let until = Instant::now() + long;
        self.change(|state| state.behind = state.behind.max(Some(until)));
    }

    /// Whether what is written is to be in it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.state().kept
    }

    /// Whether lists are found in it.
    #[must_use]
    pub fn is_used(&self) -> bool {
        let State { complete, behind, .. } = self.state();
        complete && behind.is_none_or(|until| until <= Instant::now())
    }

    fn state(&self) -> State {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_used_when_it_is_kept_and_complete_and_not_behind() {
        let standing = Standing::default();
        let seen = || (standing.is_kept(), standing.is_used());
        assert_eq!(seen(), (false, false));
        standing.is(true, false);
        assert_eq!(seen(), (true, false));
        standing.is(true, true);
        assert_eq!(seen(), (true, true));
        standing.lags(Duration::from_mins(1));
        standing.lags(Duration::ZERO);
        assert_eq!(seen(), (true, false), "the longer lag counts");
        standing.is(false, true);
        assert_eq!(seen(), (false, false));
    }
}
