//! For how long this node may trust what it keeps.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// A place in the log of evictions, as Redis writes it: milliseconds and a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place(pub u64, pub u64);

impl Place {
    /// Reads what Redis writes.
    pub fn read(text: &str) -> Option<Self> {
        let (time, number) = text.split_once('-')?;
        Some(Self(time.parse().ok()?, number.parse().ok()?))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// What Redis answered to a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// The end of the log at that moment.
    pub end: Place,
    /// Which server it was.
    pub server: String,
    /// The era that shared entries are of.
    pub era: String,
}

#[derive(Debug, Default)]
struct Log {
    server: String,
    /// Everything up to here has been applied.
    applied: Place,
    /// How often reading began anew.
    turn: u64,
    /// Renewals that count once everything up to their place has been applied.
    waiting: VecDeque<(Place, u64)>,
}

/// A lease, as this node sees it: by its own monotonic clock, counted from before a renewal was sent, and only as
/// far as every eviction that Redis knew of at the renewal has been applied here. So whoever waits until a lease
/// they have seen in Redis is over knows that its holder has heard of them, or trusts nothing it keeps.
#[derive(Debug)]
pub(crate) struct Lease {
    start: Instant,
    until: AtomicU64,
    since: AtomicU64,
    log: Mutex<Log>,
}

/// Whether a renewal found the lease still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// It goes on.
    On,
    /// It begins anew: all that was kept is to be let go of.
    Anew,
}

impl Lease {
    /// One that nobody has to grant: there is no other node.
    pub fn forever() -> Self {
        let lease = Self::lapsed();
        lease.until.store(u64::MAX, SeqCst);
        lease
    }

    /// One that is still to be asked for.
    pub fn lapsed() -> Self {
        let start = Instant::now();
        Self { start, until: AtomicU64::new(0), since: AtomicU64::new(0), log: Mutex::default() }
    }

    fn ticks(&self, at: Instant) -> u64 {
        // One more, so that 0 is before everything.
        u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing that is kept is to be used any more.
    pub fn end(&self) {
        self.until.store(0, SeqCst);
    }

    /// Whether it is held.
    pub fn is_held(&self, now: Instant) -> bool {
        self.ticks(now) < self.until.load(SeqCst)
    }

    /// Whether it is held, and has been for as long: every eviction of that time is known here.
    pub fn is_held_for(&self, time: Duration, now: Instant) -> bool {
        let since = Duration::from_nanos(self.since.load(SeqCst));
        self.is_held(now) && now.saturating_duration_since(self.start + since) >= time
    }

    /// Where to read on in the log, and which turn of reading this is; none before the first renewal.
    pub fn reading(&self) -> Option<(u64, Place)> {
        let log = self.log();
        (log.turn > 0).then_some((log.turn, log.applied))
    }

    /// A renewal that was sent at `sent` and is good for `length` from then.
    pub fn renewed(
        &self,
        renewal: &Renewal,
        sent: Instant,
        length: Duration,
        now: Instant,
        begin_anew: impl FnOnce(),
    ) -> Renewed {
        let until = self.ticks(sent + length);
        let mut log = self.log();
        // A server that was replaced may have lost the end of the log.
        let broken = log.server != renewal.server || renewal.end < log.applied;
        if broken || !self.is_held(now) {
            self.until.store(0, SeqCst);
            begin_anew();
            log.turn += 1;
            log.waiting.clear();
            log.applied = renewal.end;
            log.server.clone_from(&renewal.server);
            self.since.store(self.ticks(now), SeqCst);
            self.until.store(until, SeqCst);
            return Renewed::Anew;
        }
        if renewal.end <= log.applied {
            self.until.fetch_max(until, SeqCst);
        } else {
            log.waiting.push_back((renewal.end, until));
        }
        Renewed::On
    }

    /// Everything up to `place` has been applied, as read in a turn.
    pub fn applied(&self, turn: u64, place: Place) {
        let mut log = self.log();
        if log.turn != turn {
            return;
        }
        log.applied = log.applied.max(place);
        let applied = log.applied;
        while let Some((_, until)) = log.waiting.pop_front_if(|(end, _)| *end <= applied) {
            self.until.fetch_max(until, SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(2);

    fn renewal(end: u64, server: &str) -> Renewal {
        Renewal { end: Place(end, 0), server: server.to_owned(), era: String::new() }
    }

    fn after(lease: &Lease, millis: u64) -> Instant {
        lease.start + Duration::from_millis(millis)
    }

    fn renew(lease: &Lease, end: u64, server: &str, at: u64) -> Renewed {
        let at = after(lease, at);
        lease.renewed(&renewal(end, server), at, LENGTH, at, || ())
    }

    #[test]
    fn it_runs_out_by_itself() {
        let lease = Lease::lapsed();
        assert!(!lease.is_held(after(&lease, 0)));
        assert_eq!(renew(&lease, 1, "a", 10), Renewed::Anew);
        assert!(lease.is_held(after(&lease, 2_009)));
        assert!(!lease.is_held(after(&lease, 2_010)));
        assert_eq!(renew(&lease, 1, "a", 2_010), Renewed::Anew, "what was kept meanwhile may be wrong");
        assert!(Lease::forever().is_held(Instant::now() + Duration::from_secs(1_000_000)));
    }

    #[test]
    fn a_renewal_counts_once_what_was_known_to_redis_is_applied_here() {
        let lease = Lease::lapsed();
        renew(&lease, 1, "a", 0);
        assert_eq!(renew(&lease, 7, "a", 1_000), Renewed::On);
        assert!(!lease.is_held(after(&lease, 2_500)), "an eviction is still on its way");
        let (turn, place) = lease.reading().unwrap();
        assert_eq!(place, Place(1, 0));
        lease.applied(turn, Place(6, 0));
        assert!(!lease.is_held(after(&lease, 2_500)));
        lease.applied(turn, Place(7, 0));
        assert!(lease.is_held(after(&lease, 2_500)));
    }

    #[test]
    fn another_server_or_a_shorter_log_begins_anew() {
        let lease = Lease::lapsed();
        renew(&lease, 5, "a", 0);
        let (turn, _) = lease.reading().unwrap();
        assert_eq!(renew(&lease, 5, "b", 10), Renewed::Anew);
        lease.applied(turn, Place(9, 0));
        assert_eq!(lease.reading().unwrap().1, Place(5, 0), "what the last turn read says nothing");
        assert_eq!(renew(&lease, 4, "b", 20), Renewed::Anew);
    }

    #[test]
    fn how_long_it_has_been_held_is_counted_from_its_beginning() {
        let lease = Lease::lapsed();
        let second = Duration::from_secs(1);
        renew(&lease, 0, "a", 0);
        assert!(!lease.is_held_for(second, after(&lease, 500)));
        renew(&lease, 0, "a", 500);
        assert!(lease.is_held_for(second, after(&lease, 1_100)));
        renew(&lease, 0, "b", 1_200);
        assert!(!lease.is_held_for(second, after(&lease, 1_300)));
    }

    #[test]
    fn places_are_ordered_as_redis_orders_them() {
        assert_eq!(Place::read("17-3"), Some(Place(17, 3)));
        assert_eq!(Place(17, 3).to_string(), "17-3");
        assert!(Place(9, 9) < Place(10, 0) && Place(10, 0) < Place(10, 1));
        assert_eq!(Place::read("x"), None);
    }
}
