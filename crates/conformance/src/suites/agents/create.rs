//! Making agents and getting them.

use crate::{
    Cast, World, fresh, may,
    world::{new_agent, object},
};
use agents::{AcpType, InputType, NewAgent, Status, StoreError};
use authz::{Agent, ConsistencyToken, Id, Principal, action::Read};
use futures::future::join_all;
use serde_json::json;

pub(super) async fn a_new_agent_is_ready_and_as_given(world: &World) {
    let cast = world.cast().await;
    let metadata = json!({"version": "1.0", "list": [1, null]});
    let full = NewAgent {
        acp_type: AcpType::Sync,
        registration_metadata: Some(object(metadata.clone())),
        input_type: Some(InputType::Json),
        creator: Some(Principal::user(fresh("user"))),
        ..new_agent()
    };
    let bare = NewAgent { acp_type: AcpType::Agentic, acp_url: None, ..new_agent() };
    for (new, metadata) in [(full, Some(metadata)), (bare, None)] {
        let made = world.create_agent(&cast.owner, new.clone()).await.unwrap();
        let read = may::<Agent, Read>(&cast.owner, &new.id).await;
        let got = world.agents.get(&[&read]).await.unwrap().remove(0);
        let update = may(&cast.owner, &new.id).await;
        for agent in [&made, &got] {
            assert_eq!((&agent.id, &agent.name, &agent.description), (&new.id, &new.name, &new.description));
            assert_eq!((agent.status, agent.acp_type, agent.input_type), (Status::Ready, new.acp_type, new.input_type));
            assert_eq!(agent.registration_metadata, metadata);
            assert_eq!((&agent.status_reason, &agent.production_deployment_id), (&None, &None));
            assert_eq!(agent.acp_url.open(&update), Some(&new.acp_url));
            assert!(agent.created_at == agent.updated_at && agent.registered_at.is_some());
        }
        assert_eq!((got.created_at, got.registered_at), (made.created_at, made.registered_at));
    }
}

/// Tries to make an agent that cannot be made, and looks for anything left behind.
async fn refused(cast: &Cast<'_>, new: NewAgent) -> StoreError {
    let create = may(&cast.owner, &cast.tenant).await;
    let id = new.id.clone();
    let registration = cast.owner.registration_of_agent(&create, &id);
    let registered = cast.world.registered(&registration).await;
    let intent = registered.intent().clone();
    let error = cast.world.agents.create(&create, new, registered).await.err().unwrap();
    let read = may::<Agent, Read>(&cast.owner, &id).await;
    assert!(cast.world.agents.get(&[&read]).await.unwrap().is_empty());
    assert!(cast.world.dual_write.ledger.close(&intent).await.unwrap(), "the intent is still the maker's to undo");
    cast.world.engine.deregister(&registration.resource).await.unwrap();
    error
}

pub(super) async fn a_name_is_taken_in_its_tenant_only(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let named = || NewAgent { name: "same-name".into(), ..new_agent() };
    world.create_agent(&cast.owner, named()).await.unwrap();
    let error = refused(&cast, named()).await;
    assert!(matches!(&error, StoreError::NameTaken { name } if name == "same-name"), "{error:?}");
    world.create_agent(&elsewhere.owner, named()).await.unwrap();
}

pub(super) async fn of_many_creates_of_one_name_one_wins(world: &World) {
    let cast = world.cast().await;
    let create = || world.create_agent(&cast.owner, NewAgent { name: "one".into(), ..new_agent() });
    let made = join_all((0..6).map(|_| create())).await;
    let lost: Vec<_> = made.into_iter().filter_map(Result::err).collect();
    assert_eq!(lost.len(), 5);
    assert!(lost.iter().all(|lost| matches!(lost, StoreError::NameTaken { .. })), "{lost:?}");
}

pub(super) async fn text_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let bad = [
        NewAgent { description: "\0".into(), ..new_agent() },
        NewAgent { acp_url: Some("http://\0".into()), ..new_agent() },
        NewAgent { registration_metadata: Some(object(json!({"a": ["\0"]}))), ..new_agent() },
    ];
    for new in bad {
        let error = refused(&cast, new).await;
        assert!(matches!(error, StoreError::Unstorable), "{error:?}");
    }
}

pub(super) async fn only_permitted_agents_that_exist_are_got(world: &World) {
    let cast = world.cast().await;
    let (other, unseen, gone) =
        (world.agent(&cast.owner).await, world.agent(&cast.owner).await, Id::new(fresh("agent")));
    let registration = cast.owner.registration_of_agent(&may(&cast.owner, &cast.tenant).await, &gone);
    world.engine.register(&registration).await.unwrap();
    let mut permits = Vec::new();
    for id in [&other, &gone, &cast.agent] {
        permits.push(may::<Agent, Read>(&cast.owner, id).await);
    }
    let got = world.agents.get(&permits.iter().collect::<Vec<_>>()).await.unwrap();
    let mut ids: Vec<_> = got.into_iter().map(|agent| agent.id).collect();
    ids.sort();
    assert_eq!(ids, [cast.agent.clone(), other]);
    assert!(!ids.contains(&unseen));
    assert!(world.agents.get(&[]).await.unwrap().is_empty());
    world.engine.deregister(&registration.resource).await.unwrap();
}

pub(super) async fn a_name_leads_to_an_id_within_its_tenant(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let new = new_agent();
    let (id, name) = (new.id.clone(), new.name.clone());
    world.create_agent(&cast.owner, new).await.unwrap();
    let found = world.agents.id_by_name(&cast.tenant, &name).await.unwrap();
    assert_eq!(found.map(|row| row.id), Some(id));
    assert_eq!(world.agents.id_by_name(&elsewhere.tenant, &name).await.unwrap(), None);
    assert_eq!(world.agents.id_by_name(&cast.tenant, &name.to_uppercase()).await.unwrap(), None);
}

pub(super) async fn a_name_says_how_fresh_to_ask_about_what_it_leads_to(world: &World) {
    let cast = world.cast().await;
    for token in [None, Some(ConsistencyToken::new("GhUKEzE2NjU="))] {
        let (new, create) = (new_agent(), may(&cast.owner, &cast.tenant).await);
        let name = new.name.clone();
        let registered = world.registered(&cast.owner.registration_of_agent(&create, &new.id)).await;
        world.agents.create(&create, new, registered.at(token.clone())).await.unwrap();
        let found = world.agents.id_by_name(&cast.tenant, &name).await.unwrap().unwrap();
        assert_eq!(found.token, token);
    }
}

pub(super) async fn without_an_open_intent_there_is_no_agent(world: &World) {
    let cast = world.cast().await;
    let (new, create) = (new_agent(), may(&cast.owner, &cast.tenant).await);
    let registered = world.registered(&cast.owner.registration_of_agent(&create, &new.id)).await;
    assert!(world.dual_write.ledger.close(registered.intent()).await.unwrap());
    let (id, name) = (new.id.clone(), new.name.clone());
    let error = world.agents.create(&create, new, registered).await.err().unwrap();
    assert!(matches!(error, StoreError::Superseded), "{error:?}");
    assert!(world.agents.get(&[&may::<Agent, Read>(&cast.owner, &id).await]).await.unwrap().is_empty());
    assert_eq!(world.agents.id_by_name(&cast.tenant, &name).await.unwrap(), None);
}
