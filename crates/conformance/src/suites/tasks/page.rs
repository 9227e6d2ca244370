//! Lists of tasks, page by page.

use super::{every_task, listed, private_tasks, sorted, walked};
use crate::{Cast, World, may};
use authz::{Direction, Role, Start, Task};
use tasks::{Order, TaskId, Transition};

const ORDERS: [Order; 5] = [Order::UpdatedAt, Order::CreatedAt, Order::Name, Order::Status, Order::Id];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// Tasks that differ in name, status and times, with ties in each.
async fn mixed(cast: &Cast<'_>) -> Vec<TaskId> {
    let names = [None, Some("b"), Some(""), Some("B"), None, Some("ä"), Some("a b"), None];
    let ids = private_tasks(cast, names.len(), |place, new| new.name = names[place].map(Into::into)).await;
    for id in [&ids[5], &ids[1], &ids[4]] {
        let update = may(&cast.owner, id).await;
        cast.world.tasks.transition(&Transition::complete(&update, None)).await.unwrap().unwrap();
    }
    ids
}

pub(super) async fn every_order_is_the_same_in_pages_of_any_size(world: &World) {
    let cast = world.cast().await;
    let ids = mixed(&cast).await;
    let scope = cast.owner.scope().await.unwrap();
    for order in ORDERS {
        for direction in DIRECTIONS {
            let query = sorted(order, direction);
            let rows = world.tasks.page(&scope, &query).await.unwrap().rows;
            let keys: Vec<_> = rows.iter().map(|task| order.after(task)).map(|after| (after.key, after.id)).collect();
            let strictly = |pair: &[_]| match direction {
                Direction::Ascending => pair[0] < pair[1],
                Direction::Descending => pair[0] > pair[1],
            };
            assert!(keys.windows(2).all(strictly), "{order:?} {direction:?}: {keys:?}");
            let all: Vec<_> = rows.into_iter().map(|task| task.id).collect();
            assert_eq!(all.len(), ids.len());
            for size in [1, 2, 3, 8, 9] {
                assert_eq!(walked(world, &scope, query.clone(), size).await, all, "{order:?} {direction:?} by {size}");
            }
        }
    }
}

pub(super) async fn pages_can_be_counted_instead(world: &World) {
    let cast = world.cast().await;
    mixed(&cast).await;
    let scope = cast.owner.scope().await.unwrap();
    for direction in DIRECTIONS {
        let mut query = sorted(Order::Name, direction);
        let all = listed(world, &scope, &query).await;
        for size in [1_u32, 3, 8] {
            let mut found = Vec::new();
            for skip in (0..all.len() as u64).step_by(size as usize) {
                query.window.limit = size;
                query.window.start = Start::Skip(skip);
                let page = world.tasks.page(&scope, &query).await.unwrap();
                found.extend(page.rows.into_iter().map(|task| task.id));
                assert_eq!(page.more, found.len() < all.len());
            }
            assert_eq!(found, all);
        }
        query.window.start = Start::Skip(8);
        assert!(world.tasks.page(&scope, &query).await.unwrap().rows.is_empty());
    }
}

pub(super) async fn hidden_tasks_leave_no_holes(world: &World) {
    let hidden: [fn(usize) -> bool; 4] =
        [|place| place < 4, |place| (4..8).contains(&place), |place| place >= 8, |place| place % 5 != 3];
    for hidden in hidden {
        let cast = world.cast().await;
        let ids = private_tasks(&cast, 12, |_, _| ()).await;
        let mut seen: Vec<_> = Vec::new();
        for (_, id) in ids.iter().enumerate().filter(|(place, _)| !hidden(*place)) {
            let share = may(&cast.owner, id).await;
            cast.owner.share::<Task>(&share, Role::Viewer, cast.viewer.principal()).await.unwrap();
            seen.push(id.clone());
        }
        let scope = cast.viewer.scope().await.unwrap();
        for direction in DIRECTIONS {
            for order in [Order::Id, Order::CreatedAt, Order::Status] {
                for size in [1, 2, 4, 12] {
                    assert_eq!(walked(world, &scope, sorted(order, direction), size).await, seen);
                }
            }
            seen.reverse();
        }
    }
}

pub(super) async fn rows_that_go_between_pages_are_not_missed(world: &World) {
    let cast = world.cast().await;
    let ids = private_tasks(&cast, 6, |_, _| ()).await;
    let scope = cast.owner.scope().await.unwrap();
    let mut query = every_task();
    query.window.limit = 2;
    let first = world.tasks.page(&scope, &query).await.unwrap();
    query.window.start = Start::After(query.order.after(first.rows.last().unwrap()));
    for gone in [&ids[1], &ids[2]] {
        world.remove_task(&may(&cast.owner, gone).await).await.unwrap();
    }
    let second = world.tasks.page(&scope, &query).await.unwrap();
    assert_eq!(second.rows.into_iter().map(|task| task.id).collect::<Vec<_>>(), ids[3..5]);
    assert!(second.more);
}

pub(super) async fn no_page_is_longer_than_asked(world: &World) {
    let cast = world.cast().await;
    let ids = private_tasks(&cast, 3, |_, _| ()).await;
    let scope = cast.owner.scope().await.unwrap();
    for limit in 0..5 {
        let mut query = every_task();
        query.window.limit = limit;
        let page = world.tasks.page(&scope, &query).await.unwrap();
        assert_eq!(page.rows.len(), ids.len().min(limit as usize));
        assert_eq!(page.more, limit < 3);
    }
}
