//! Committing cursors.

use crate::{Cast, World, may};
use authz::{Permit, Task, action::Execute};
use futures::future::join_all;
use std::collections::HashSet;
use tasks::TaskId;
use trackers::{Change, Commit, StoreError, Tracker};

/// A task with its tracker, as the agent's own runtime sees them.
struct Reader<'c> {
    cast: &'c Cast<'c>,
    task: TaskId,
    tracker: String,
    permit: Permit<Task, Execute>,
}

impl<'c> Reader<'c> {
    async fn new(cast: &'c Cast<'c>) -> Self {
        let new = cast.new_task();
        let tracker = new.tracker_id.clone();
        let task = cast.task_from(new).await.id;
        let permit = may(&cast.runtime, &task).await;
        Self { cast, task, tracker, permit }
    }

    async fn commit(&self, commit: Commit) -> Result<Tracker, StoreError> {
        let committed = self.cast.world.trackers.commit(&self.permit, &self.tracker, commit).await?;
        let committed = committed.unwrap();
        assert_eq!(committed, self.now().await);
        Ok(committed)
    }

    async fn move_to(&self, event: &str) -> Result<Tracker, StoreError> {
        self.commit(cursor(event)).await
    }

    async fn now(&self) -> Tracker {
        let located = self.cast.world.trackers.locate(&self.tracker).await.unwrap().unwrap();
        located.into_inner(&may(&self.cast.viewer, &self.task).await).unwrap()
    }

    async fn event(&self) -> String {
        self.cast.event(&self.task).await.id
    }
}

fn cursor(event: &str) -> Commit {
    Commit { last_processed_event_id: Some(event.to_owned()), ..Commit::default() }
}

pub(super) async fn a_cursor_moves_forwards_or_stays(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let events = [reader.event().await, reader.event().await, reader.event().await];
    for place in [0, 0, 2, 2] {
        let moved = reader.move_to(&events[place]).await.unwrap();
        assert_eq!(moved.last_processed_event_id.as_ref(), Some(&events[place]));
    }
    let kept = reader.commit(Commit::default()).await.unwrap();
    assert_eq!(kept.last_processed_event_id.as_ref(), Some(&events[2]));
}

pub(super) async fn a_cursor_never_moves_backwards(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let events = [reader.event().await, reader.event().await, reader.event().await];
    reader.move_to(&events[1]).await.unwrap();
    let refused = reader.move_to(&events[0]).await.err();
    assert!(matches!(&refused, Some(StoreError::Backwards { id }) if *id == events[0]), "{refused:?}");
    assert_eq!(reader.now().await.last_processed_event_id.as_ref(), Some(&events[1]));
    reader.move_to(&events[2]).await.unwrap();
}

pub(super) async fn an_event_of_elsewhere_is_unknown(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let reader = Reader::new(&cast).await;
    let sibling = cast.event(&cast.task().await).await.id;
    let foreign = elsewhere.event(&elsewhere.task().await).await.id;
    for event in [sibling, foreign, "no event".into(), String::new()] {
        let refused = reader.move_to(&event).await.err();
        assert!(matches!(&refused, Some(StoreError::UnknownEvent { id }) if *id == event), "{refused:?}");
    }
    assert_eq!(reader.now().await.last_processed_event_id, None);
}

pub(super) async fn a_cursor_whose_event_is_gone_accepts_any(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let (first, second) = (reader.event().await, reader.event().await);
    reader.move_to(&second).await.unwrap();
    (world.forget_event)(second.clone()).await;
    assert_eq!(reader.now().await.last_processed_event_id.as_ref(), Some(&second));
    let gone = reader.move_to(&second).await.err();
    assert!(matches!(gone, Some(StoreError::UnknownEvent { .. })), "{gone:?}");
    assert_eq!(reader.move_to(&first).await.unwrap().last_processed_event_id, Some(first));
}

pub(super) async fn absent_and_null_are_told_apart(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let set = |text: &str| Change::Set(text.to_owned());
    let steps = [
        (set("busy"), set("ünder way"), Some("busy"), Some("ünder way")),
        (Change::Keep, Change::Keep, Some("busy"), Some("ünder way")),
        (Change::Clear, Change::Keep, None, Some("ünder way")),
        (set(""), Change::Clear, Some(""), None),
        (Change::Clear, Change::Clear, None, None),
    ];
    let event = reader.event().await;
    reader.move_to(&event).await.unwrap();
    for (status, status_reason, status_after, reason_after) in steps {
        let after = reader.commit(Commit { last_processed_event_id: None, status, status_reason }).await.unwrap();
        assert_eq!((after.status.as_deref(), after.status_reason.as_deref()), (status_after, reason_after));
        assert_eq!(after.last_processed_event_id.as_ref(), Some(&event));
    }
}

pub(super) async fn a_refused_commit_changes_nothing(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let (first, second) = (reader.event().await, reader.event().await);
    let before = reader.commit(Commit { status: Change::Set("done".into()), ..cursor(&second) }).await.unwrap();
    let with_status = |commit| Commit { status: Change::Set("changed".into()), status_reason: Change::Clear, ..commit };
    for commit in [with_status(cursor(&first)), with_status(cursor("no event"))] {
        assert!(reader.commit(commit).await.is_err());
        assert_eq!(reader.now().await, before);
    }
    let nul = Commit { status: Change::Set("\0".into()), ..cursor(&second) };
    let refused = reader.commit(nul).await.err();
    assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    assert_eq!(reader.now().await, before);
}

pub(super) async fn a_commit_that_changes_nothing_leaves_no_trace(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let commit = Commit { status: Change::Set("done".into()), ..cursor(&reader.event().await) };
    let new = reader.now().await;
    let before = reader.commit(commit.clone()).await.unwrap();
    assert!(before.updated_at > new.updated_at && before.created_at == new.created_at);
    for nothing in [commit, Commit::default(), Commit { status_reason: Change::Clear, ..Commit::default() }] {
        assert_eq!(reader.commit(nothing).await.unwrap(), before);
    }
}

pub(super) async fn a_tracker_of_another_task_is_not_there(world: &World) {
    let cast = world.cast().await;
    let (reader, other) = (Reader::new(&cast).await, Reader::new(&cast).await);
    let before = other.now().await;
    let change = || Commit { status: Change::Set("changed".into()), ..Commit::default() };
    for id in [other.tracker.as_str(), "no tracker"] {
        assert_eq!(world.trackers.commit(&reader.permit, id, change()).await.unwrap(), None);
    }
    assert_eq!(other.now().await, before);
    world.remove_task(&may(&cast.owner, &other.task).await).await.unwrap();
    assert_eq!(world.trackers.commit(&other.permit, &other.tracker, change()).await.unwrap(), None);
}

pub(super) async fn of_many_commits_the_furthest_stays(world: &World) {
    let cast = world.cast().await;
    let reader = Reader::new(&cast).await;
    let mut events = Vec::new();
    for _ in 0..8 {
        events.push(reader.event().await);
    }
    for round in 0..events.len() {
        events.rotate_left(round);
        let commits = events.iter().map(|event| world.trackers.commit(&reader.permit, &reader.tracker, cursor(event)));
        for commit in join_all(commits).await {
            assert!(matches!(commit, Ok(Some(_)) | Err(StoreError::Backwards { .. })), "{commit:?}");
        }
        let furthest = events.iter().max();
        assert_eq!(reader.now().await.last_processed_event_id.as_ref(), furthest);
    }
}

pub(super) async fn a_tracker_is_locked_under_its_task(world: &World) {
    let cast = world.cast().await;
    let (reader, other) = (Reader::new(&cast).await, cast.task().await);
    let located = world.trackers.locate(&reader.tracker).await.unwrap().unwrap();
    assert_eq!(located.owner(), &reader.task);
    assert!(located.open(&may(&cast.viewer, &other).await).is_none());
    assert_eq!(located.open(&may(&cast.viewer, &reader.task).await).unwrap().agent_id, cast.agent);
    assert!(world.trackers.locate("no tracker").await.unwrap().is_none());
    let second = Reader::new(&cast).await;
    let ids = [reader.tracker.as_str(), "no tracker", &second.tracker, &reader.tracker];
    let all = world.trackers.locate_all(&ids).await.unwrap();
    let owners: HashSet<_> = all.iter().map(|(_, tracker)| tracker.owner().clone()).collect();
    assert_eq!((all.len(), owners), (2, [reader.task.clone(), second.task.clone()].into()));
    assert!(world.trackers.locate_all(&[]).await.unwrap().is_empty());
    assert!(matches!(world.trackers.locate_all(&["a\u{0}"]).await, Err(StoreError::Unstorable)));
}
