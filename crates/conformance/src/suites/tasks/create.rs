//! Making tasks and getting them.

use crate::{Cast, World, fresh, may, world::object};
use authz::{
    Agent, ConsistencyToken, Id, Principal, Registered, Relation, Relationship, ResourceRef, Task, Tenant, action::Read,
};
use futures::future::join_all;
use serde_json::json;
use tasks::{CREATED, NewTask, Status, StoreError};

pub(super) async fn a_new_task_is_running_with_one_tracker(world: &World) {
    let cast = world.cast().await;
    let new = NewTask { name: Some(fresh("name")), ..cast.new_task() };
    let made = cast.task_from(new.clone()).await;
    assert_eq!((&made.id, &made.name), (&new.id, &new.name));
    assert_eq!(made.status, Some(Status::Running));
    assert_eq!(made.status_reason.as_deref(), Some(CREATED));
    assert!(made.created_at.is_some() && made.created_at == made.updated_at);
    assert_eq!((made.cleaned_at, made.params, made.metadata), (None, None, None));

    let read = may::<Task, Read>(&cast.viewer, &new.id).await;
    let trackers = world.trackers.of_tasks(&[&read]).await.unwrap();
    assert_eq!(trackers.len(), 1);
    let tracker = &trackers[0];
    assert_eq!((&tracker.id, &tracker.task_id, &tracker.agent_id), (&new.tracker_id, &new.id, &cast.agent));
    assert_eq!((&tracker.status, &tracker.status_reason, &tracker.last_processed_event_id), (&None, &None, &None));
    assert_eq!(world.agents.of_tasks(&[&read]).await.unwrap(), [(new.id, cast.agent.clone())]);
}

pub(super) async fn what_was_given_comes_back(world: &World) {
    let cast = world.cast().await;
    let params = json!({"deep": {"list": [1, 2.5, -7, "ä🦀", true, null, {}]}, "": "empty key", "big": u64::MAX});
    let metadata = json!({"a": {"b": ["c"]}, "quote": "\" \\ \n '", "low": i64::MIN});
    for (params, metadata) in [(Some(params), Some(metadata)), (Some(json!({})), Some(json!({}))), (None, None)] {
        let new =
            NewTask { params: params.clone().map(object), metadata: metadata.clone().map(object), ..cast.new_task() };
        let made = cast.task_from(new).await;
        let got = cast.read(&made.id).await.unwrap();
        for task in [&made, &got] {
            assert_eq!((&task.params, &task.metadata), (&params, &metadata));
        }
        assert_eq!((got.created_at, got.updated_at), (made.created_at, made.updated_at));
    }
}

pub(super) async fn creators_that_are_people_or_bots_are_kept(world: &World) {
    let cast = world.cast().await;
    let (person, bot) = (Principal::user(fresh("user")), Principal::service_account(fresh("bot")));
    let cases = [
        (Some(person.clone()), Some(person)),
        (Some(bot.clone()), Some(bot)),
        (Some(Principal::agent(&cast.agent)), None),
        (None, None),
    ];
    for (creator, kept) in cases {
        let made = cast.task_from(NewTask { creator, ..cast.new_task() }).await;
        let update = may(&cast.editor, &made.id).await;
        assert_eq!(made.creator.open(&update), Some(&kept));
        assert_eq!(cast.read(&made.id).await.unwrap().creator.open(&update), Some(&kept));
    }
}

/// Tries to make a task that cannot be made, and looks for anything left behind.
async fn refused(cast: &Cast<'_>, agent: &Id<Agent>, new: NewTask) -> StoreError {
    let (world, id, tracker) = (cast.world, new.id.clone(), new.tracker_id.clone());
    let execute = may::<Agent, _>(&cast.owner, agent).await;
    let registration = cast.owner.registration_of_task(&execute, &id);
    let registered = world.registered(&registration).await;
    let intent = registered.intent().clone();
    let error = world.tasks.create(&execute, new, registered).await.err().unwrap();
    let read = may::<Task, Read>(&cast.owner, &id).await;
    assert!(world.tasks.get(&[&read]).await.unwrap().is_empty());
    assert!(world.trackers.of_tasks(&[&read]).await.unwrap().is_empty());
    assert!(world.trackers.locate(&tracker).await.unwrap().is_none());
    assert!(world.agents.of_tasks(&[&read]).await.unwrap().is_empty());
    assert!(world.dual_write.ledger.close(&intent).await.unwrap(), "the intent is still the maker's to undo");
    world.engine.deregister(&registration.resource).await.unwrap();
    error
}

pub(super) async fn a_name_is_taken_in_its_tenant_only(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let named = |cast: &Cast<'_>| NewTask { name: Some("the same".into()), ..cast.new_task() };
    let first = cast.task_from(named(&cast)).await;
    let error = refused(&cast, &cast.agent, named(&cast)).await;
    assert!(matches!(&error, StoreError::NameTaken { name } if name == "the same"), "{error:?}");
    let other = elsewhere.task_from(named(&elsewhere)).await;
    assert_ne!(first.id, other.id);
    assert_eq!(cast.read(&first.id).await.unwrap().name.as_deref(), Some("the same"));
    for _ in 0..2 {
        cast.task().await;
    }
}

pub(super) async fn of_many_creates_of_one_name_one_wins(world: &World) {
    let cast = world.cast().await;
    let create =
        || world.create_task(&cast.owner, &cast.agent, NewTask { name: Some("one".into()), ..cast.new_task() });
    let made = join_all((0..8).map(|_| create())).await;
    let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert!(lost.into_iter().all(|lost| matches!(lost, Err(StoreError::NameTaken { .. }))));
}

pub(super) async fn an_agent_of_another_tenant_is_refused(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    // The owner may run the foreign agent, and is a member over there, too: it is the store that says no.
    let (owner, foreign) = (cast.owner.principal(), &elsewhere.agent);
    let edges = [
        Relationship::held(ResourceRef::of(foreign), Relation::Owner, owner),
        Relationship::held(ResourceRef::of::<Tenant>(&elsewhere.tenant), Relation::Member, owner),
    ];
    world.engine.grant(&edges).await.unwrap();
    let error = refused(&cast, foreign, cast.new_task()).await;
    assert!(matches!(error, StoreError::NoSuchAgent), "{error:?}");
}

pub(super) async fn an_agent_that_is_gone_is_refused(world: &World) {
    let cast = world.cast().await;
    let gone = Id::new(fresh("agent"));
    let registration = cast.owner.registration_of_agent(&may(&cast.owner, &cast.tenant).await, &gone);
    world.engine.register(&registration).await.unwrap();
    let error = refused(&cast, &gone, cast.new_task()).await;
    assert!(matches!(error, StoreError::NoSuchAgent), "{error:?}");
    world.engine.deregister(&registration.resource).await.unwrap();
}

pub(super) async fn text_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let (good, key, value) = (cast.new_task(), json!({"a\0b": 1}), json!({"list": [{"deep": "\0"}]}));
    let bad = [
        NewTask { name: Some("nul\0".into()), ..good.clone() },
        NewTask { params: Some(object(key.clone())), ..good.clone() },
        NewTask { params: Some(object(value.clone())), ..good.clone() },
        NewTask { metadata: Some(object(key)), ..good.clone() },
        NewTask { metadata: Some(object(value)), ..good.clone() },
    ];
    for new in bad {
        let error = refused(&cast, &cast.agent, new).await;
        assert!(matches!(error, StoreError::Unstorable), "{error:?}");
    }
    cast.task_from(good).await;
}

pub(super) async fn only_permitted_tasks_that_exist_are_got(world: &World) {
    let cast = world.cast().await;
    let (one, two, unseen) = (cast.task().await, cast.task().await, cast.task().await);
    let gone = Id::new(fresh("task"));
    let execute = may::<Agent, _>(&cast.owner, &cast.agent).await;
    let registration = cast.owner.registration_of_task(&execute, &gone);
    world.engine.register(&registration).await.unwrap();
    let mut permits = Vec::new();
    for id in [&one, &gone, &two] {
        permits.push(may::<Task, Read>(&cast.owner, id).await);
    }
    let got = world.tasks.get(&permits.iter().collect::<Vec<_>>()).await.unwrap();
    let mut ids: Vec<_> = got.into_iter().map(|task| task.id).collect();
    ids.sort();
    assert_eq!(ids, [one, two]);
    assert!(!ids.contains(&unseen));
    assert!(world.tasks.get(&[]).await.unwrap().is_empty());
    world.engine.deregister(&registration.resource).await.unwrap();
}

pub(super) async fn a_name_leads_to_an_id_within_its_tenant(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let id_of = |tenant: &Id<Tenant>, name: &'static str| {
        let tenant = tenant.clone();
        async move { world.tasks.id_by_name(&tenant, name).await.unwrap().map(|row| row.id) }
    };
    let made = cast.task_from(NewTask { name: Some("Näme / 1".into()), ..cast.new_task() }).await;
    cast.task().await;
    assert_eq!(id_of(&cast.tenant, "Näme / 1").await, Some(made.id.clone()));
    assert_eq!(id_of(&cast.tenant, "näme / 1").await, None);
    assert_eq!(id_of(&cast.tenant, "").await, None);
    assert_eq!(id_of(&elsewhere.tenant, "Näme / 1").await, None);
    world.remove_task(&may(&cast.owner, &made.id).await).await.unwrap();
    assert_eq!(id_of(&cast.tenant, "Näme / 1").await, None);
    cast.task_from(NewTask { name: Some("Näme / 1".into()), ..cast.new_task() }).await;
}

pub(super) async fn a_name_says_how_fresh_to_ask_about_what_it_leads_to(world: &World) {
    let cast = world.cast().await;
    let execute = may::<Agent, _>(&cast.owner, &cast.agent).await;
    for token in [None, Some(ConsistencyToken::new("GhUKEzE2NjU="))] {
        let name = fresh("name");
        let new = NewTask { name: Some(name.clone()), ..cast.new_task() };
        let registered = world.registered(&cast.owner.registration_of_task(&execute, &new.id)).await;
        world.tasks.create(&execute, new, registered.at(token.clone())).await.unwrap();
        let found = world.tasks.id_by_name(&cast.tenant, &name).await.unwrap().unwrap();
        assert_eq!(found.token, token);
    }
}

pub(super) async fn without_an_open_intent_there_is_no_task(world: &World) {
    let cast = world.cast().await;
    let (new, execute) = (cast.new_task(), may::<Agent, _>(&cast.owner, &cast.agent).await);
    let registration = cast.owner.registration_of_task(&execute, &new.id);
    let registered = world.registered(&registration).await;
    let (intent, ledger) = (registered.intent().clone(), &world.dual_write.ledger);
    assert!(ledger.close(&intent).await.unwrap());
    let error = world.tasks.create(&execute, new.clone(), registered).await.err().unwrap();
    assert!(matches!(error, StoreError::Superseded), "{error:?}");
    assert!(cast.read(&new.id).await.is_none());

    // Settled is not open, either: a registration makes one row.
    let registered = world.registered(&registration).await;
    let again = Registered::by(registered.intent().clone());
    world.tasks.create(&execute, new.clone(), registered).await.unwrap();
    assert!(!ledger.close(again.intent()).await.unwrap(), "settled with the row");
    let error = world.tasks.create(&execute, cast.new_task(), again).await.err().unwrap();
    assert!(matches!(error, StoreError::Superseded), "{error:?}");
}
