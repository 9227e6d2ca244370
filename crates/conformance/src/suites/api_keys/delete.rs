//! Ending keys.

use crate::{World, may, world::new_api_key};
use api_keys::NewApiKey;
use authz::{
    ApiKey,
    action::{Delete, Read},
};

pub(super) async fn a_deleted_key_lets_nobody_in_and_frees_its_name(world: &World) {
    let cast = world.cast().await;
    let new = new_api_key(&cast.tenant);
    let (digest, name, stays) = (new.digest, new.name.clone(), new_api_key(&cast.tenant));
    let staying = stays.digest;
    let key = world.create_api_key(&cast.owner, &cast.agent, new).await.unwrap();
    world.create_api_key(&cast.owner, &cast.agent, stays).await.unwrap();
    let delete = may::<ApiKey, Delete>(&cast.owner, &key.id).await;
    let last = world.api_keys.delete(&delete, &world.dual_write.ending()).await.unwrap().unwrap();
    assert_eq!((&last.id, &last.name, &last.prefix), (&key.id, &key.name, &key.prefix));
    assert_eq!(world.api_keys.bearer(&digest).await.unwrap(), None);
    assert!(world.api_keys.get(&may::<ApiKey, Read>(&cast.owner, &key.id).await).await.unwrap().is_none());
    assert!(world.api_keys.bearer(&staying).await.unwrap().is_some());
    let again = NewApiKey { name, digest, ..new_api_key(&cast.tenant) };
    world.create_api_key(&cast.owner, &cast.agent, again).await.unwrap();
}

pub(super) async fn deleting_twice_is_deleting_once(world: &World) {
    let cast = world.cast().await;
    let key = cast.api_key().await;
    let delete = may::<ApiKey, Delete>(&cast.owner, &key.id).await;
    assert!(world.api_keys.delete(&delete, &world.dual_write.ending()).await.unwrap().is_some());
    assert!(world.api_keys.delete(&delete, &world.dual_write.ending()).await.unwrap().is_none());
}
