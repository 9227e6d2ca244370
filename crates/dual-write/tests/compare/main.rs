//! Comparing both sides: what is found and mended, in pages, from wherever it was broken off.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by stopping")]

mod sides;

use authz::{Kind, Principal, Registration, ResourceRef};
use chrono::{TimeDelta, Utc};
use dual_write::{Direction, DualWrite, Extract, Inspector, Intent, Pages, Repair, Tally, Wait};
use sides::{Sides, id};
use std::sync::{Arc, atomic::Ordering};

fn inspector(sides: &Arc<Sides>, pages: Pages) -> Inspector {
    Inspector {
        rows: sides.clone(),
        registrations: sides.clone(),
        dual_write: Arc::new(DualWrite::new(sides.clone(), sides.clone())),
        grace: TimeDelta::minutes(1),
        pages,
    }
}

fn tasks() -> Extract {
    Extract { kind: Some(Kind::Task), ..Extract::default() }
}

type Found = Vec<(Arc<str>, Direction)>;

/// All that is found behind `after` in at most `steps` steps, and where to go on.
async fn found(inspector: &Inspector, after: Option<ResourceRef>, steps: usize) -> (Found, Option<ResourceRef>, bool) {
    let (mut found, mut comparison) = (vec![], inspector.compare(Extract { after, ..tasks() }));
    for _ in 0..steps {
        let step = comparison.step().await.unwrap();
        found.extend(step.orphans.into_iter().map(|orphan| (orphan.resource.id, orphan.direction)));
        if comparison.is_done() {
            break;
        }
    }
    (found, comparison.place().cloned(), comparison.is_done())
}

const SMALL: Pages = Pages { size: 16, differences: 5 };

#[tokio::test]
async fn every_orphan_is_found_once_in_order_and_pages_are_bounded() {
    for (count, rare, seed) in [(0, 9, 0), (1, 2, 1), (500, 2, 2), (2_000, 7, 3), (2_000, 400, 4), (16, 1000, 5)] {
        let (sides, orphans) = Sides::of(count, rare, seed);
        let (found, _, done) = found(&inspector(&sides, SMALL), None, usize::MAX).await;
        assert!(done);
        assert_eq!(found, orphans.into_iter().collect::<Vec<_>>(), "{count} {rare}");
        assert!(sides.largest.load(Ordering::Relaxed) <= SMALL.size);
        let needed = 2 * (count as usize).div_ceil(SMALL.size as usize / 2) + 4;
        assert!(sides.pages.load(Ordering::Relaxed) <= needed, "read more than once: {:?} of {needed}", sides.pages);
    }
}

#[tokio::test]
async fn a_comparison_broken_off_anywhere_goes_on_where_it_was() {
    let (sides, orphans) = Sides::of(700, 5, 11);
    let inspector = inspector(&sides, SMALL);
    for steps in [1, 2, 3, 7] {
        let (mut all, mut place) = (vec![], None);
        loop {
            let (some, behind, done) = found(&inspector, place, steps).await;
            all.extend(some);
            if done {
                break;
            }
            place = behind;
        }
        assert_eq!(all, orphans.iter().cloned().collect::<Vec<_>>(), "in {steps} steps at a time");
    }
}

#[tokio::test]
async fn sides_of_which_one_is_empty_are_read_to_their_end() {
    for rows in [true, false] {
        let sides = Arc::new(Sides::default());
        for number in 0..100 {
            if rows { sides.add_row(&id(number)) } else { sides.add_known(&id(number)) }
        }
        assert_eq!(found(&inspector(&sides, SMALL), None, usize::MAX).await.0.len(), 100);
    }
}

/// Repairs all that is found; what became of each.
async fn repaired(inspector: &Inspector) -> Vec<Repair> {
    let (mut repairs, mut comparison) = (vec![], inspector.compare(tasks()));
    while !comparison.is_done() {
        let step = comparison.step().await.unwrap();
        repairs.extend(inspector.repair(&step.orphans).await);
    }
    repairs
}

#[tokio::test]
async fn what_is_repaired_is_not_found_again_and_all_is_counted() {
    let (sides, orphans) = Sides::of(300, 6, 21);
    let inspector = inspector(&sides, SMALL);
    let repairs = repaired(&inspector).await;
    assert_eq!(repairs.len(), orphans.len());
    assert!(repairs.iter().all(|repair| matches!(repair, Repair::Done)));
    assert_eq!(found(&inspector, None, usize::MAX).await.0, []);
    let total = |of: fn(&Tally) -> u64| sides.tallies.lock().unwrap().iter().map(of).sum::<u64>();
    assert_eq!(
        (total(|tally| tally.found), total(|tally| tally.repaired)),
        (orphans.len() as u64, orphans.len() as u64)
    );
}

#[tokio::test]
async fn what_somebody_is_at_and_what_is_young_is_left_alone() {
    let sides = Arc::new(Sides::default());
    for number in 0..4 {
        sides.add_row(&id(number));
    }
    sides.add_known(&id(4));
    sides.rows.lock().unwrap().get_mut(&id(1)).unwrap().made_at = Some(Utc::now());
    sides.known.lock().unwrap().get_mut(&id(4)).unwrap().since = Some(Utc::now());
    let resource = ResourceRef { kind: Kind::Task, id: id(2) };
    let registration = Registration { resource, owner: Principal::user("u"), tenant: "acme".into(), parent: None };
    sides.intents.lock().unwrap().push(Intent::register(&registration, Utc::now(), Utc::now()));
    let inspector = inspector(&sides, SMALL);
    let all = found(&inspector, None, usize::MAX).await.0;
    assert_eq!(all, [(id(0), Direction::Row), (id(3), Direction::Row)]);
    for (number, wait) in [(0, None), (1, Some(Wait::Young)), (2, Some(Wait::Unsettled)), (4, Some(Wait::Young))] {
        let explained = inspector.explain(ResourceRef { kind: Kind::Task, id: id(number) }).await.unwrap();
        assert_eq!(explained.finding.unwrap().wait, wait, "{number}");
    }
}

#[tokio::test]
async fn an_account_sees_its_own_and_what_no_row_names_by_the_engine() {
    let sides = Arc::new(Sides::default());
    for number in 0..3 {
        sides.add_row(&id(number));
        sides.add_known(&id(number + 10));
    }
    sides.rows.lock().unwrap().get_mut(&id(1)).unwrap().tenant = Some("other".into());
    sides.known.lock().unwrap().get_mut(&id(11)).unwrap().tenants = vec!["other".into()];
    let inspector = inspector(&sides, SMALL);
    let mut comparison = inspector.compare(Extract { account: Some("other".into()), ..tasks() });
    let step = comparison.step().await.unwrap();
    let ids: Vec<_> = step.orphans.into_iter().map(|orphan| orphan.resource.id).collect();
    assert_eq!(ids, [id(1), id(11)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_repair_says_so_and_leaves_the_orphan_to_be_found_again() {
    let (sides, orphans) = Sides::of(40, 4, 31);
    let inspector = inspector(&sides, Pages { size: 100, differences: 100 });
    *sides.writes.lock().unwrap() = Some(2);
    let repairs = repaired(&inspector).await;
    let failed = repairs.iter().filter(|repair| matches!(repair, Repair::Failed(_))).count();
    assert!(failed > 0 && failed < orphans.len(), "{failed} of {}", orphans.len());
    assert_eq!(found(&inspector, None, usize::MAX).await.0.len(), failed);
    *sides.writes.lock().unwrap() = None;
    repaired(&inspector).await;
    assert_eq!(found(&inspector, None, usize::MAX).await.0, []);
}

#[tokio::test]
async fn kinds_are_compared_one_after_the_other_and_gone_on_with() {
    // These sides say the same of every kind; agents without a runtime are orphans all.
    let (sides, orphans) = Sides::of(30, 3, 41);
    let inspector = inspector(&sides, SMALL);
    let mut comparison = inspector.compare(Extract::default());
    let (mut seen, mut places) = (vec![], vec![]);
    while !comparison.is_done() {
        let step = comparison.step().await.unwrap();
        seen.extend(step.orphans.into_iter().map(|orphan| orphan.resource));
        places.push((comparison.place().cloned(), seen.len()));
    }
    let kinds: Vec<_> = seen.iter().map(|resource| resource.kind).collect();
    assert!(kinds.is_sorted(), "agents first");
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Task).count(), orphans.len());
    for (place, so_far) in places {
        let mut comparison = inspector.compare(Extract { after: place.clone(), ..Extract::default() });
        let mut rest = vec![];
        while !comparison.is_done() {
            rest.extend(comparison.step().await.unwrap().orphans.into_iter().map(|orphan| orphan.resource));
        }
        assert_eq!(rest, seen[so_far..], "behind {place:?}");
    }
    let agent = ResourceRef { kind: Kind::Agent, id: id(29) };
    let mut comparison = inspector.compare(Extract { after: Some(agent), ..tasks() });
    let mut all = 0;
    while !comparison.is_done() {
        all += comparison.step().await.unwrap().orphans.len();
    }
    assert_eq!(all, orphans.len(), "all tasks come behind an agent");
}
