//! Lists for those who hold too much to be named, with an engine that nobody can join with: what a page costs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/many.rs"]
mod many;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/server.rs"]
mod server;

use authz::{
    Action, ActionSet, Authorizer, Beside, Check, Consistency, ConsistencyToken, Decision, DenialPolicy, Direction,
    EngineError, Extent, Gate, Holder, Id, Kind, Lookup, Principal, Registration, Relationship, ResourceRef, Scope,
    Start, Task, Window, action::Read,
};
use many::{expected, query, tasks};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tasks::{Order, Query, TaskStore as _};

/// Who holds these tasks is known elsewhere. Counts what it is asked.
#[derive(Default)]
struct Elsewhere {
    held: BTreeSet<Arc<str>>,
    /// Among whose relationships beside the rows they are, if that is known.
    among: Option<&'static str>,
    down: AtomicBool,
    checks: AtomicUsize,
    lookups: AtomicUsize,
}

#[async_trait::async_trait]
impl Authorizer for Elsewhere {
    async fn check(&self, _: &Principal, checks: &[Check], _: &Consistency) -> Result<Vec<Decision>, EngineError> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            return Err(EngineError::TimedOut);
        }
        let decide = |check: &Check| {
            let allowed = self.held.contains(&check.resource.id);
            Decision { allowed: if allowed { check.actions } else { ActionSet::empty() } }
        };
        Ok(checks.iter().map(decide).collect())
    }

    async fn lookup(
        &self,
        _: &Principal,
        _: Kind,
        _: Action,
        most: Option<usize>,
        _: &Consistency,
    ) -> Result<Lookup, EngineError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        if let Some(holder) = self.among.filter(|_| most.is_some()) {
            let beside = Beside::to_find(&Principal::user(holder), Kind::Task, Action::Read);
            return Ok(Lookup::Among(Extent::Beside(beside.unwrap())));
        }
        let few = most.is_none_or(|most| self.held.len() <= most);
        Ok(if few { Lookup::ids(self.held.clone()) } else { Lookup::TooMany })
    }

    async fn register(&self, _: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn deregister(&self, _: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn grant(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn revoke(&self, _: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        Ok(None)
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        Ok(vec![Vec::new(); resources.len()])
    }
}

impl Elsewhere {
    async fn scope(self: &Arc<Self>) -> Scope<Task, Read> {
        Gate::new(Principal::user("reader"), Id::new("tenant"), self.clone(), DenialPolicy::Hide).scope().await.unwrap()
    }

    /// What it has been asked since it was last looked at: checks and look-ups.
    fn asked(&self) -> (usize, usize) {
        (self.checks.swap(0, Ordering::Relaxed), self.lookups.swap(0, Ordering::Relaxed))
    }
}

/// A page costs a look-up and few checks, however much is held and wherever it stands; only where six checks
/// have met too little is there another look-up, of all. No page is cut and none has holes.
#[tokio::test]
async fn a_page_costs_six_checks_and_two_look_ups_at_most() {
    let (scratch, pool, store) = tasks().await;
    for (holder, bound) in [("all", 1), ("thin", 2), ("few", 6), ("old", 6)] {
        let held = expected(&pool, holder, "true", "id", Direction::Ascending).await;
        let held = held.into_iter().map(Into::into).collect();
        let engine = Arc::new(Elsewhere { held, ..Elsewhere::default() });
        for direction in [Direction::Ascending, Direction::Descending] {
            let key = "to_char(updated_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')";
            let all = expected(&pool, holder, "true", key, direction).await;
            let mut query = query(Order::UpdatedAt, direction, 50);
            for shown in all.chunks(50).take(4) {
                let page = store.page(&engine.scope().await, &query).await.unwrap();
                assert_eq!(page.rows.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), shown, "{holder}");
                let (checks, lookups) = engine.asked();
                assert!(checks <= bound && lookups <= if checks < 6 { 1 } else { 2 }, "{holder}: {checks}, {lookups}");
                query.window.start = Start::After(query.order.after(page.rows.last().unwrap()));
            }
            // The last page, by counting: far from the beginning.
            let skip = all.len() - 20;
            let window = Window { limit: 50, start: Start::Skip(skip as u64), direction };
            let page = store.page(&engine.scope().await, &Query { window, ..query }).await.unwrap();
            assert_eq!(page.rows.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), all[skip..], "{holder}");
            assert!(!page.more);
            let (checks, lookups) = engine.asked();
            assert!(checks <= 6 && lookups <= 2, "{holder}: {checks}, {lookups}");
        }
    }
    scratch.drop().await;
}

/// Where it is known among which rows they are, a page costs one check, whatever share of all rows they are; and where
/// much of what is known is out of date, not more than without.
#[tokio::test]
async fn among_known_rows_a_page_costs_one_check() {
    let (scratch, pool, store) = tasks().await;
    // Who holds what, beside the rows and in truth.
    for (beside, holder) in [("few", "few"), ("thin", "thin"), ("old", "old"), ("all", "all"), ("all", "few")] {
        let held = expected(&pool, holder, "true", "id", Direction::Ascending).await;
        let held = held.into_iter().map(Into::into).collect();
        let engine = Arc::new(Elsewhere { held, among: Some(beside), ..Elsewhere::default() });
        for (order, key) in [(Order::UpdatedAt, "updated_at"), (Order::CreatedAt, "created_at")] {
            let key = format!("to_char({key} AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')");
            let all = expected(&pool, holder, "true", &key, Direction::Descending).await;
            let mut query = query(order, Direction::Descending, 50);
            for (number, shown) in all.chunks(50).take(4).enumerate() {
                let page = store.page(&engine.scope().await, &query).await.unwrap();
                assert_eq!(page.rows.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), shown, "{holder}");
                assert_eq!(page.more, (number + 1) * 50 < all.len(), "{holder}");
                let (checks, lookups) = engine.asked();
                let most = if beside == holder { (1, 1) } else { (6, 2) };
                assert!(checks <= most.0 && lookups <= most.1, "{holder}: {checks}, {lookups}");
                query.window.start = Start::After(query.order.after(page.rows.last().unwrap()));
            }
            let skip = all.len() - 20;
            let window = Window { limit: 50, start: Start::Skip(skip as u64), direction: Direction::Descending };
            let page = store.page(&engine.scope().await, &Query { window, ..query }).await.unwrap();
            assert_eq!(page.rows.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), all[skip..], "{holder}");
            assert!(!page.more);
            engine.asked();
        }
    }
    scratch.drop().await;
}

/// Ids that are named are looked for in one statement: there is no ceiling at the 32,768th.
#[tokio::test]
async fn any_number_of_ids_can_be_named() {
    let (scratch, pool, store) = tasks().await;
    let mut held: BTreeSet<Arc<str>> = (0..100_000).map(|n| format!("nothing-{n}").into()).collect();
    held.extend(expected(&pool, "few", "true", "id", Direction::Ascending).await.into_iter().map(Into::into));
    let engine = Arc::new(Elsewhere { held, ..Elsewhere::default() });
    let page = store.page(&engine.scope().await, &query(Order::Id, Direction::Ascending, 100)).await.unwrap();
    let all = expected(&pool, "few", "true", "id", Direction::Ascending).await;
    assert_eq!(page.rows.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), all);
    scratch.drop().await;
}

#[tokio::test]
async fn an_engine_that_goes_away_half_way_leaves_no_page() {
    let (scratch, _, store) = tasks().await;
    let engine =
        Arc::new(Elsewhere { held: (1..=2_000).map(|n| format!("task-{n}").into()).collect(), ..Elsewhere::default() });
    let scope = engine.scope().await;
    engine.down.store(true, Ordering::Relaxed);
    let page = store.page(&scope, &query(Order::Id, Direction::Ascending, 100)).await;
    let error = page.err().unwrap();
    assert!(matches!(error, tasks::StoreError::Unavailable(_)), "{error:?}");
    scratch.drop().await;
}
