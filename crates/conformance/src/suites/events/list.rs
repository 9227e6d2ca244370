//! Lists of events.

use crate::{Cast, World, may};
use authz::{Agent, Task, action::Read};
use conversations::{Event, EventQuery};
use tasks::TaskId;

async fn page(cast: &Cast<'_>, task: &TaskId, query: &EventQuery) -> Option<Vec<Event>> {
    let (task, agent) =
        (may::<Task, Read>(&cast.viewer, task).await, may::<Agent, Read>(&cast.owner, &cast.agent).await);
    cast.world.events.page(&task, &agent, query).await.unwrap()
}

async fn events(cast: &Cast<'_>, task: &TaskId, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(cast.event(task).await);
    }
    events
}

pub(super) async fn events_come_oldest_first_and_no_more_than_asked(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    assert_eq!(page(&cast, &task, &EventQuery::default()).await, Some(vec![]));
    let events = events(&cast, &task, 5).await;
    for (limit, count) in [(None, 5), (Some(0), 0), (Some(2), 2), (Some(5), 5), (Some(1000), 5)] {
        let found = page(&cast, &task, &EventQuery { after: None, limit }).await.unwrap();
        assert_eq!(found, events[..count]);
    }
}

pub(super) async fn events_come_strictly_behind_the_one_named(world: &World) {
    let cast = world.cast().await;
    let task = cast.task().await;
    let events = events(&cast, &task, 4).await;
    for (place, event) in events.iter().enumerate() {
        for limit in [None, Some(2)] {
            let end = limit.map_or(4, |limit| (place + 1 + limit as usize).min(4));
            let query = EventQuery { after: Some(event.id.clone()), limit };
            assert_eq!(page(&cast, &task, &query).await.unwrap(), events[place + 1..end]);
        }
    }
}

pub(super) async fn an_event_of_elsewhere_is_no_place_to_start(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    events(&cast, &task, 2).await;
    let foreign = cast.event(&other).await.id;
    for after in [foreign, "no event".into(), String::new()] {
        assert_eq!(page(&cast, &task, &EventQuery { after: Some(after), limit: None }).await, None);
    }
}

pub(super) async fn events_of_others_are_not_shown(world: &World) {
    let cast = world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    let event = cast.event(&task).await;
    cast.event(&other).await;
    assert_eq!(page(&cast, &task, &EventQuery::default()).await, Some(vec![event]));
    let (read, idle) = (may::<Task, Read>(&cast.viewer, &task).await, world.agent(&cast.owner).await);
    let idle = may::<Agent, Read>(&cast.owner, &idle).await;
    assert_eq!(world.events.page(&read, &idle, &EventQuery::default()).await.unwrap(), Some(vec![]));
}
