//! Ending agents.

use crate::{
    World, may,
    world::{new_agent, new_api_key},
};
use agents::{AgentId, NewAgent, Query};
use api_keys::AgentKey;
use authz::{
    Agent, ApiKey, Direction, Gate, Permit, ResourceRef, Start, Task, Window,
    action::{Create, Delete, Read, Update},
};
use futures::future::join;

/// Ends an agent as the gateway does, short of deregistering.
async fn end(world: &World, gate: &Gate, agent: &AgentId) -> Option<agents::Deleted> {
    let delete = may::<Agent, Delete>(gate, agent).await;
    world.agents.delete(&delete, &world.dual_write.ending()).await.unwrap()
}

pub(super) async fn deleting_ends_the_agent_and_its_keys_and_frees_its_name(world: &World) {
    let cast = world.cast().await;
    let (new, bystander) = (new_agent(), cast.api_key().await);
    let (id, name) = (new.id.clone(), new.name.clone());
    let made = world.create_agent(&cast.owner, new).await.unwrap();
    let key = new_api_key(&cast.tenant);
    let (digest, key_name, key_type) = (key.digest, key.name.clone(), key.key_type);
    let key = world.create_api_key(&cast.owner, &id, key).await.unwrap();
    let bearer = world.api_keys.bearer(&digest).await.unwrap().unwrap();
    assert_eq!((bearer.agent, bearer.tenant), (id.clone(), cast.tenant.clone()));

    let deleted = end(world, &cast.owner, &id).await.unwrap();
    assert_eq!((&deleted.agent.id, &deleted.agent.name, deleted.agent.status), (&id, &name, made.status));
    let gone: Vec<_> = deleted.keys.iter().map(|gone| (gone.resource.clone(), gone.made_at)).collect();
    assert_eq!(gone, [(ResourceRef::of(&key.id), key.created_at)]);

    let read = may::<Agent, Read>(&cast.owner, &id).await;
    assert!(world.agents.get(&[&read]).await.unwrap().is_empty());
    assert_eq!(world.agents.id_by_name(&cast.tenant, &name).await.unwrap(), None);
    let window = Window { limit: 1000, start: Start::First, direction: Direction::Ascending };
    let query = Query { task: None, order: agents::Order::Id, window };
    let listed = world.agents.page(&cast.owner.scope().await.unwrap(), &query).await.unwrap();
    assert_eq!(listed.rows.iter().map(|agent| &agent.id).collect::<Vec<_>>(), [&cast.agent]);

    assert_eq!(world.api_keys.bearer(&digest).await.unwrap(), None);
    let read_key = may::<ApiKey, Read>(&cast.owner, &key.id).await;
    assert!(world.api_keys.get(&read_key).await.unwrap().is_none());
    for agent in [AgentKey::Id(id.as_str()), AgentKey::Name(&name)] {
        assert_eq!(world.api_keys.id_by_name(&cast.tenant, agent, &key_name, key_type).await.unwrap(), None);
    }
    let bystander = may::<ApiKey, Read>(&cast.owner, &bystander.id).await;
    assert!(world.api_keys.get(&bystander).await.unwrap().is_some(), "another agent's key");

    let again = world.create_agent(&cast.owner, NewAgent { name: name.clone(), ..new_agent() }).await.unwrap();
    let found = world.agents.id_by_name(&cast.tenant, &name).await.unwrap();
    assert_eq!(found.map(|row| row.id), Some(again.id));
}

pub(super) async fn the_tasks_of_a_deleted_agent_stay_with_all_they_own(world: &World) {
    let cast = world.cast().await;
    let new = cast.new_task();
    let tracker = new.tracker_id.clone();
    let task = cast.task_from(new).await.id;
    let event = cast.event(&task).await.id;
    end(world, &cast.owner, &cast.agent).await.unwrap();
    assert_eq!(cast.read(&task).await.unwrap().id, task);
    assert!(world.trackers.locate(&tracker).await.unwrap().is_some());
    assert!(world.events.locate(&event).await.unwrap().is_some());
    let read = may::<Task, Read>(&cast.owner, &task).await;
    assert_eq!(world.agents.of_tasks(&[&read]).await.unwrap(), [], "nobody works on it any more");

    // No task is made on it, and its tasks can be ended.
    let refused = world.create_task(&cast.owner, &cast.agent, cast.new_task()).await;
    assert!(matches!(refused, Err(tasks::StoreError::NoSuchAgent)));
    let update = may::<Task, Update>(&cast.editor, &task).await;
    assert!(world.tasks.transition(&tasks::Transition::fail(&update, None)).await.unwrap().is_some());
    let delete = may::<Task, _>(&cast.owner, &task).await;
    assert!(world.remove_task(&delete).await.unwrap().is_some());
}

pub(super) async fn deleting_twice_is_deleting_once(world: &World) {
    let cast = world.cast().await;
    assert!(end(world, &cast.owner, &cast.agent).await.is_some());
    assert!(end(world, &cast.owner, &cast.agent).await.is_none());
}

/// Whichever of the two comes first, no key is left of an agent that is gone.
pub(super) async fn of_a_delete_and_the_making_of_a_key_nothing_is_left(world: &World) {
    for _ in 0..10 {
        let cast = world.cast().await;
        let create: Permit<Agent, Create> = may(&cast.owner, &cast.agent).await;
        let new = new_api_key(&cast.tenant);
        let digest = new.digest;
        let registered = world.registered(&cast.owner.registration_of_api_key(&create, &new.id)).await;
        let id = new.id.clone();
        let (made, deleted) =
            join(world.api_keys.create(&create, new, registered), end(world, &cast.owner, &cast.agent)).await;
        let gone = deleted.unwrap().keys;
        assert_eq!(gone.len(), usize::from(made.is_ok()), "a key was left behind, or went that was not there");
        assert!(gone.iter().all(|gone| gone.resource == ResourceRef::of(&id)));
        assert_eq!(world.api_keys.bearer(&digest).await.unwrap(), None);
    }
}
