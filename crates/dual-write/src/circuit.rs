//! When not even to try.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Stops asking an engine that does not answer: after `threshold` transient failures in a row, for
/// `cooldown`; then one write may try, and its outcome decides.
#[derive(Debug)]
pub struct Circuit {
    threshold: u32,
    cooldown: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Circuit {
    /// A circuit that opens after `threshold` failures in a row, for `cooldown`.
    #[must_use]
    pub fn new(threshold: u32, cooldown: Duration) -> Self {
        Self { threshold, cooldown, state: Mutex::default() }
    }

    /// Whether a write may try now; else how long it should wait.
    pub fn admit(&self) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match state.open_until {
            Some(until) if now < until => Err(until - now),
            // The one that tries holds the others off for as long as it may take.
            Some(_) => {
                state.open_until = Some(now + self.cooldown);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Learns how a write ended: whether the engine answered.
    pub fn learn(&self, answered: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.threshold {
            state.open_until = Some(Instant::now() + self.cooldown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_and_lets_one_try_after_the_cooldown() {
        let circuit = Circuit::new(2, Duration::from_secs(5));
        circuit.learn(false);
        circuit.learn(true);
        circuit.learn(false);
        assert_eq!(circuit.admit(), Ok(()), "not in a row");
        circuit.learn(false);
        assert_eq!(circuit.admit(), Err(Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(circuit.admit(), Ok(()), "one may try");
        assert!(circuit.admit().is_err(), "and only one");
        circuit.learn(true);
        assert_eq!(circuit.admit(), Ok(()));
    }
}
