//! Trying again.

use crate::world::{PATIENCE, task, world};
use authz::{EngineError, Kind};
use chrono::Utc;
use dual_write::{DualWrite, Event, Mode, Observer, Op, RetryPolicy, Switch};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// An engine whose registrations all fail in one way, and who counts them.
struct Failing {
    error: fn() -> EngineError,
    events: Mutex<Vec<Event>>,
}

impl Observer for Failing {
    fn observe(&self, _: Op, _: Kind, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

#[tokio::test(start_paused = true)]
async fn w5_three_retries_and_only_when_they_may_help() {
    let cases: [(fn() -> EngineError, usize); 3] = [
        (|| EngineError::Unavailable("503".into()), 3),
        (|| EngineError::TimedOut, 3),
        (|| EngineError::Malformed("garbage".into()), 0),
    ];
    for (error, retries) in cases {
        let failing = Failing { error, events: Mutex::default() };
        let write = || async { Err::<(), _>((failing.error)()) };
        let observe = |event| failing.observe(Op::Register, Kind::Task, event);
        let outcome = RetryPolicy::default().run(None, observe, write).await.unwrap_err();
        let mut expected = vec![Event::Attempt];
        for _ in 0..retries {
            expected.extend([Event::Retry { class: outcome.class() }, Event::Attempt]);
        }
        expected.push(Event::Failure { class: outcome.class() });
        assert_eq!(*failing.events.lock().unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_retries() {
    let started = tokio::time::Instant::now();
    let deadline = Some(started + Duration::from_millis(150));
    let write = || async { Err::<(), _>(EngineError::TimedOut) };
    RetryPolicy::default().run(deadline, |_| {}, write).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(160), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_an_attempt_that_hangs() {
    let started = tokio::time::Instant::now();
    let deadline = Some(started + Duration::from_secs(1));
    let outcome =
        RetryPolicy::default().run(deadline, |_| {}, std::future::pending::<Result<(), _>>).await.unwrap_err();
    assert!(matches!(outcome, EngineError::TimedOut));
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

/// The engine of the model never says who holds what.
#[tokio::test(start_paused = true)]
async fn an_engine_that_cannot_be_compared_with_is_no_mismatch() {
    let (world, _) = world(1, 0, PATIENCE);
    let heard = Arc::new(Failing { error: || EngineError::TimedOut, events: Mutex::default() });
    let dual_write = DualWrite { observer: heard.clone(), ..DualWrite::new(world.clone(), world.clone()) };
    let (by, reason) = (String::new(), String::new());
    let shadow = Switch { kind: Kind::Task, account: None, mode: Mode::Shadow, at: Utc::now(), by, reason };
    dual_write.switches.replace(vec![shadow]);
    let registration = task(1);
    let made = dual_write
        .create(&registration, None, |registered| world.persist(registration.resource.clone(), "it", registered))
        .await;
    assert!(made.is_ok());
    let events = heard.events.lock().unwrap();
    assert!(events.contains(&Event::Success) && !events.contains(&Event::Mismatch), "{events:?}");
}
