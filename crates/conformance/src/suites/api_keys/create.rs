//! Making keys, and finding them.

use crate::{Cast, World, fresh, may, world::new_api_key};
use api_keys::{AgentKey, Bearer, KeyType, NewApiKey, StoreError};
use authz::{
    Agent, ApiKey, Id, Permit, Principal,
    action::{Create, Delete, Read},
};
use futures::future::join_all;

pub(super) async fn a_new_key_is_as_given_and_lets_its_agent_in(world: &World) {
    let cast = world.cast().await;
    let person = NewApiKey { creator: Some(Principal::user(fresh("user"))), ..new_api_key(&cast.tenant) };
    let machine = NewApiKey {
        key_type: KeyType::Internal,
        creator: Some(Principal::service_account(fresh("bot"))),
        ..new_api_key(&cast.tenant)
    };
    for new in [person, machine, new_api_key(&cast.tenant)] {
        let made = world.create_api_key(&cast.owner, &cast.agent, new.clone()).await.unwrap();
        let got = world.api_keys.get(&may::<ApiKey, Read>(&cast.owner, &new.id).await).await.unwrap().unwrap();
        let delete = may::<ApiKey, Delete>(&cast.owner, &new.id).await;
        for key in [&made, &got] {
            assert_eq!((&key.id, &key.agent_id, &key.name), (&new.id, &cast.agent, &new.name));
            assert_eq!((key.key_type, &key.prefix), (new.key_type, &new.prefix));
            assert_eq!(key.creator.open(&delete), Some(&new.creator));
        }
        assert_eq!(got.created_at, made.created_at);
        let bearer = world.api_keys.bearer(&new.digest).await.unwrap();
        assert_eq!(bearer, Some(Bearer { agent: cast.agent.clone(), tenant: cast.tenant.clone() }));
    }
}

pub(super) async fn a_key_nobody_has_lets_nobody_in(world: &World) {
    let cast = world.cast().await;
    cast.api_key().await;
    assert_eq!(world.api_keys.bearer(&new_api_key(&cast.tenant).digest).await.unwrap(), None);
}

/// Tries to make a key that cannot be made, and looks for anything left behind.
async fn refused(cast: &Cast<'_>, new: NewApiKey) -> StoreError {
    let create: Permit<Agent, Create> = may(&cast.owner, &cast.agent).await;
    let (id, digest) = (new.id.clone(), new.digest);
    let before = cast.world.api_keys.bearer(&digest).await.unwrap();
    let registration = cast.owner.registration_of_api_key(&create, &id);
    let registered = cast.world.registered(&registration).await;
    let intent = registered.intent().clone();
    let error = cast.world.api_keys.create(&create, new, registered).await.err().unwrap();
    let read = may::<ApiKey, Read>(&cast.owner, &id).await;
    assert!(cast.world.api_keys.get(&read).await.unwrap().is_none());
    assert_eq!(cast.world.api_keys.bearer(&digest).await.unwrap(), before);
    assert!(cast.world.dual_write.ledger.close(&intent).await.unwrap(), "the intent is still the maker's to undo");
    cast.world.engine.deregister(&registration.resource).await.unwrap();
    error
}

pub(super) async fn a_name_is_taken_among_the_keys_of_its_agent_and_type_only(world: &World) {
    let cast = world.cast().await;
    let named = |key_type| NewApiKey { name: "same name".into(), key_type, ..new_api_key(&cast.tenant) };
    world.create_api_key(&cast.owner, &cast.agent, named(KeyType::External)).await.unwrap();
    let error = refused(&cast, named(KeyType::External)).await;
    assert!(matches!(&error, StoreError::NameTaken { name } if name == "same name"), "{error:?}");
    world.create_api_key(&cast.owner, &cast.agent, named(KeyType::Internal)).await.unwrap();
    let other = world.agent(&cast.owner).await;
    world.create_api_key(&cast.owner, &other, named(KeyType::External)).await.unwrap();
}

pub(super) async fn a_key_is_one_agents_only(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let theirs = new_api_key(&elsewhere.tenant);
    let digest = theirs.digest;
    world.create_api_key(&elsewhere.owner, &elsewhere.agent, theirs).await.unwrap();
    let error = refused(&cast, NewApiKey { digest, ..new_api_key(&cast.tenant) }).await;
    assert!(matches!(error, StoreError::KeyTaken), "{error:?}");
    assert_eq!(world.api_keys.bearer(&digest).await.unwrap().unwrap().agent, elsewhere.agent);
}

pub(super) async fn of_many_creates_of_one_name_one_wins(world: &World) {
    let cast = world.cast().await;
    let named = || NewApiKey { name: "one".into(), ..new_api_key(&cast.tenant) };
    let made = join_all((0..6).map(|_| world.create_api_key(&cast.owner, &cast.agent, named()))).await;
    let lost: Vec<_> = made.into_iter().filter_map(Result::err).collect();
    assert_eq!(lost.len(), 5);
    assert!(lost.iter().all(|lost| matches!(lost, StoreError::NameTaken { .. })), "{lost:?}");
}

pub(super) async fn an_agent_that_is_not_there_has_no_keys(world: &World) {
    let cast = world.cast().await;
    // The agent is there, and the key is said to be of another tenant.
    let stray = NewApiKey { tenant: Id::new(fresh("tenant")), ..new_api_key(&cast.tenant) };
    let error = refused(&cast, stray).await;
    assert!(matches!(error, StoreError::NoSuchAgent), "{error:?}");
    // It was permitted, and is gone.
    let delete = may::<Agent, Delete>(&cast.owner, &cast.agent).await;
    world.agents.delete(&delete, &world.dual_write.ending()).await.unwrap().unwrap();
    let error = refused(&cast, new_api_key(&cast.tenant)).await;
    assert!(matches!(error, StoreError::NoSuchAgent), "{error:?}");
}

pub(super) async fn text_that_cannot_be_stored_is_refused(world: &World) {
    let cast = world.cast().await;
    let error = refused(&cast, NewApiKey { name: "a\0".into(), ..new_api_key(&cast.tenant) }).await;
    assert!(matches!(error, StoreError::Unstorable), "{error:?}");
    let (agent, nul) = (AgentKey::Id(cast.agent.as_str()), KeyType::External);
    for (agent, name) in [(agent, "\0"), (AgentKey::Id("\0"), "a"), (AgentKey::Name("\0"), "a")] {
        let error = world.api_keys.id_by_name(&cast.tenant, agent, name, nul).await.err().unwrap();
        assert!(matches!(error, StoreError::Unstorable), "{error:?}");
    }
}

pub(super) async fn without_an_open_intent_there_is_no_key(world: &World) {
    let cast = world.cast().await;
    let (new, create) = (new_api_key(&cast.tenant), may::<Agent, Create>(&cast.owner, &cast.agent).await);
    let registered = world.registered(&cast.owner.registration_of_api_key(&create, &new.id)).await;
    assert!(world.dual_write.ledger.close(registered.intent()).await.unwrap());
    let (id, digest) = (new.id.clone(), new.digest);
    let error = world.api_keys.create(&create, new, registered).await.err().unwrap();
    assert!(matches!(error, StoreError::Superseded), "{error:?}");
    assert!(world.api_keys.get(&may::<ApiKey, Read>(&cast.owner, &id).await).await.unwrap().is_none());
    assert_eq!(world.api_keys.bearer(&digest).await.unwrap(), None);
}

pub(super) async fn only_a_permitted_key_that_exists_is_got(world: &World) {
    let cast = world.cast().await;
    let (key, other) = (cast.api_key().await, cast.api_key().await);
    let got = world.api_keys.get(&may::<ApiKey, Read>(&cast.owner, &key.id).await).await.unwrap().unwrap();
    assert_eq!((got.id, got.name), (key.id, key.name));
    let gone = Id::new(fresh("key"));
    let create: Permit<Agent, Create> = may(&cast.owner, &cast.agent).await;
    let registration = cast.owner.registration_of_api_key(&create, &gone);
    world.engine.register(&registration).await.unwrap();
    assert!(world.api_keys.get(&may::<ApiKey, Read>(&cast.owner, &gone).await).await.unwrap().is_none());
    world.engine.deregister(&registration.resource).await.unwrap();
    assert!(world.api_keys.get(&may::<ApiKey, Read>(&cast.owner, &other.id).await).await.unwrap().is_some());
}

pub(super) async fn a_name_leads_to_an_id_by_either_key_of_the_agent(world: &World) {
    let (cast, elsewhere) = (world.cast().await, world.cast().await);
    let key = cast.api_key().await;
    let read = may::<Agent, Read>(&cast.owner, &cast.agent).await;
    let agent_name = world.agents.get(&[&read]).await.unwrap().remove(0).name;
    let (id, name) = (cast.agent.as_str(), agent_name.as_str());
    let find = async |tenant, agent, name: &str, key_type| {
        world.api_keys.id_by_name(tenant, agent, name, key_type).await.unwrap()
    };
    for agent in [AgentKey::Id(id), AgentKey::Name(name)] {
        assert_eq!(find(&cast.tenant, agent, &key.name, KeyType::External).await, Some(key.id.clone()));
        assert_eq!(find(&cast.tenant, agent, &key.name, KeyType::Internal).await, None);
        assert_eq!(find(&cast.tenant, agent, "no such name", KeyType::External).await, None);
    }
    // A name of an agent is one within a tenant; an id is one everywhere.
    assert_eq!(find(&elsewhere.tenant, AgentKey::Name(name), &key.name, KeyType::External).await, None);
    assert_eq!(find(&elsewhere.tenant, AgentKey::Id(id), &key.name, KeyType::External).await, Some(key.id));
    assert_eq!(find(&cast.tenant, AgentKey::Id(name), &key.name, KeyType::External).await, None);
    assert_eq!(find(&cast.tenant, AgentKey::Name(id), &key.name, KeyType::External).await, None);
}
