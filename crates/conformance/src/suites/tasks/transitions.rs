//! Moving tasks along their status machine.

use crate::{Cast, World, may};
use authz::{
    Permit, Task,
    action::{Cancel, Update},
};
use futures::future::join_all;
use tasks::{Status, StoreError, TaskId, Transition};

/// The permits that the steps need.
struct Steps {
    update: Permit<Task, Update>,
    cancel: Permit<Task, Cancel>,
}

/// Everywhere a step leads.
const REACHED: [Status; 6] =
    [Status::Completed, Status::Failed, Status::Terminated, Status::TimedOut, Status::Interrupted, Status::Canceled];

impl Steps {
    async fn of(cast: &Cast<'_>, task: &TaskId) -> Self {
        Self { update: may(&cast.editor, task).await, cancel: may(&cast.owner, task).await }
    }

    fn to(&self, status: Status, reason: Option<&str>) -> Transition<'_> {
        let reason = reason.map(ToOwned::to_owned);
        match status {
            Status::Completed => Transition::complete(&self.update, reason),
            Status::Failed => Transition::fail(&self.update, reason),
            Status::Terminated => Transition::terminate(&self.update, reason),
            Status::TimedOut => Transition::time_out(&self.update, reason),
            Status::Interrupted => Transition::interrupt(&self.update, reason),
            Status::Canceled => Transition::cancel(&self.cancel, reason),
            Status::Running => panic!("no step leads to {status}"),
        }
    }
}

pub(super) async fn the_whole_status_machine(world: &World) {
    let cast = world.cast().await;
    for from in Status::ALL {
        for to in REACHED {
            let task = cast.task().await;
            let steps = Steps::of(&cast, &task).await;
            if from != Status::Running {
                world.tasks.transition(&steps.to(from, None)).await.unwrap().unwrap();
            }
            let before = cast.read(&task).await.unwrap();
            assert_eq!(before.status, Some(from));
            let moved = world.tasks.transition(&steps.to(to, Some("because"))).await;
            let after = cast.read(&task).await.unwrap();
            if to.sources().contains(&from) {
                let moved = moved.unwrap().unwrap();
                assert_eq!((moved.status, moved.updated_at), (after.status, after.updated_at));
                assert_eq!((after.status, after.status_reason.as_deref()), (Some(to), Some("because")));
                assert!(after.updated_at > before.updated_at);
            } else {
                let error = moved.err().unwrap();
                let named = matches!(error, StoreError::WrongStatus { from: f, to: t } if f == from && t == to);
                assert!(named, "{from} to {to}: {error:?}");
                let state = |task: tasks::Task| (task.status, task.status_reason, task.updated_at);
                assert_eq!(state(after), state(before));
            }
        }
    }
}

pub(super) async fn reasons_are_kept_or_supplied(world: &World) {
    let cast = world.cast().await;
    for (given, kept) in [(Some("ünter\nbrochen"), "ünter\nbrochen"), (Some(""), "Task failed"), (None, "Task failed")]
    {
        let task = cast.task().await;
        let steps = Steps::of(&cast, &task).await;
        let moved = world.tasks.transition(&steps.to(Status::Failed, given)).await.unwrap().unwrap();
        assert_eq!(moved.status_reason.as_deref(), Some(kept));
    }
    let task = cast.task().await;
    let steps = Steps::of(&cast, &task).await;
    let refused = world.tasks.transition(&steps.to(Status::Failed, Some("\0"))).await.err();
    assert!(matches!(refused, Some(StoreError::Unstorable)), "{refused:?}");
    assert_eq!(cast.read(&task).await.unwrap().status, Some(Status::Running));
}

pub(super) async fn of_many_transitions_one_wins(world: &World) {
    let cast = world.cast().await;
    for _ in 0..5 {
        let task = cast.task().await;
        let steps = Steps::of(&cast, &task).await;
        let ends: Vec<_> = REACHED.into_iter().filter(|to| to.is_terminal()).map(|to| steps.to(to, None)).collect();
        let moved = join_all(ends.iter().map(|end| world.tasks.transition(end))).await;
        let won: Vec<_> = moved.iter().filter_map(|moved| moved.as_ref().ok()).collect();
        assert_eq!(won.len(), 1);
        let winner = won[0].as_ref().unwrap().status;
        assert_eq!(cast.read(&task).await.unwrap().status, winner);
        for lost in moved.iter().filter_map(|moved| moved.as_ref().err()) {
            assert!(matches!(lost, StoreError::WrongStatus { from, .. } if Some(*from) == winner), "{lost:?}");
        }
    }
}

pub(super) async fn a_task_that_is_gone_does_not_move(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let steps = Steps::of(&cast, &task).await;
    world.remove_task(&may(&cast.owner, &task).await).await.unwrap();
    assert!(world.tasks.transition(&steps.to(Status::Completed, None)).await.unwrap().is_none());
}
