//! What a principal may spend: GraphQL's complexity, by the second.
//!
//! A bucket for each principal of each tenant fills at a steady rate up to its brim, and every operation takes
//! its cost out of it before it is executed. The bound on one operation says how much can be asked at once; this
//! one, how much in a while.

use async_trait::async_trait;
use authz::{Id, Principal, Tenant};
use moka::sync::Cache;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many principals' buckets are kept. One that is forgotten is full again.
const PRINCIPALS: u64 = 100_000;
/// The least time that an idle bucket is kept.
const IDLE: Duration = Duration::from_mins(1);

/// Not enough is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budget is spent for {retry_after:?}")]
pub struct Overspent {
    /// When there will be enough.
    pub retry_after: Duration,
}

/// Where budgets are kept.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Takes `cost` out of what the principal has left in this tenant, or nothing when that is too little.
    async fn spend(&self, tenant: &Id<Tenant>, principal: &Principal, cost: u64) -> Result<(), Overspent>;
}

/// How fast buckets fill, and up to where.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The brim, in complexity.
    pub burst: u32,
    /// What runs in every second, in complexity; not 0.
    pub per_second: u32,
}

impl Rate {
    /// How long a bucket takes to fill.
    fn whole(self) -> Duration {
        Duration::from_secs_f64(f64::from(self.burst) / f64::from(self.per_second))
    }
}

/// A bucket: how much is missing, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    missing: f64,
    at: Instant,
}

impl Bucket {
    const fn full(now: Instant) -> Self {
        Self { missing: 0.0, at: now }
    }

    fn take(&mut self, rate: Rate, cost: u64, now: Instant) -> Result<(), Overspent> {
        let refilled = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(rate.per_second);
        *self = Self { missing: (self.missing - refilled).max(0.0), at: now.max(self.at) };
        #[expect(clippy::cast_precision_loss, reason = "a cost is far below 2⁵³")]
        let missing = self.missing + cost as f64;
        let over = missing - f64::from(rate.burst);
        if over > 0.0 {
            return Err(Overspent { retry_after: Duration::from_secs_f64(over / f64::from(rate.per_second)) });
        }
        self.missing = missing;
        Ok(())
    }
}

/// Budgets in this process. Each gateway has its own.
pub struct Buckets {
    rate: Rate,
    buckets: Cache<String, Arc<Mutex<Bucket>>>,
}

impl Buckets {
    /// Full ones.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        // A bucket must not be forgotten while it fills, or waiting would pay.
        let idle = IDLE.max(rate.whole());
        Self { rate, buckets: Cache::builder().max_capacity(PRINCIPALS).time_to_idle(idle).build() }
    }
}

#[async_trait]
impl Budget for Buckets {
    async fn spend(&self, tenant: &Id<Tenant>, principal: &Principal, cost: u64) -> Result<(), Overspent> {
        let now = Instant::now();
        let bucket = self.buckets.get_with(format!("{tenant} {principal}"), || Arc::new(Mutex::new(Bucket::full(now))));
        // Nothing panics while it holds the lock, so a poisoned lock is whole.
        bucket.lock().unwrap_or_else(PoisonError::into_inner).take(self.rate, cost, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 100, per_second: 10 };

    #[test]
    fn a_bucket_empties_and_says_when_there_is_enough() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(bucket.take(RATE, 60, start), Ok(()));
        assert_eq!(bucket.take(RATE, 60, start), Err(Overspent { retry_after: Duration::from_secs(2) }));
        assert_eq!(bucket.take(RATE, 40, start), Ok(()), "what was refused took nothing");
        let later = start + Duration::from_secs(6);
        assert_eq!(bucket.take(RATE, 61, later), Err(Overspent { retry_after: Duration::from_millis(100) }));
        assert_eq!(bucket.take(RATE, 60, later), Ok(()));
    }

    #[test]
    fn a_bucket_does_not_fill_above_its_brim() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert!(bucket.take(RATE, 101, start + Duration::from_hours(1)).is_err());
        assert_eq!(bucket.take(RATE, 100, start + Duration::from_hours(1)), Ok(()));
        assert!(bucket.take(RATE, 1, start).is_err(), "a clock that goes back fills nothing");
    }

    #[tokio::test]
    async fn principals_and_tenants_spend_their_own() {
        let buckets = Buckets::new(Rate { burst: 10, per_second: 1 });
        let (a, b) = (Id::new("a"), Id::new("b"));
        let (alice, bob) = (Principal::user("alice"), Principal::user("bob"));
        assert!(buckets.spend(&a, &alice, 10).await.is_ok());
        assert!(buckets.spend(&a, &alice, 10).await.is_err());
        assert!(buckets.spend(&a, &bob, 10).await.is_ok());
        assert!(buckets.spend(&b, &alice, 10).await.is_ok());
    }
}
