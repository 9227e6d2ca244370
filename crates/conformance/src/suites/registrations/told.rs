//! What is told of what was written.

use super::{Registry, id, known, registered, registration};
use crate::fresh;
use authz::{Kind, Known, Principal, Relation, Relationship, ResourceRef};
use std::sync::Arc;

pub(super) async fn what_is_registered_is_known(registry: &Registry) {
    let task = registered(registry, Kind::Task, &id()).await;
    let told = known(registry, &task).await.unwrap();
    assert_eq!(told, Known { since: told.since, ..whole(&task) });
    let agent = registered(registry, Kind::Agent, &id()).await;
    let told = known(registry, &agent).await.unwrap();
    assert_eq!(told, Known { since: told.since, runtime: true, parents: vec![], ..whole(&agent) });
    registry.engine.register(&registration(&task)).await.unwrap();
    assert_eq!(known(registry, &task).await.unwrap().tenants.len(), 1, "registering twice is registering once");
}

pub(super) async fn what_is_not_said_is_not_known(registry: &Registry) {
    let task = registered(registry, Kind::Task, &id()).await;
    let viewer = Relationship::held(task.clone(), Relation::Viewer, &Principal::user("v"));
    registry.engine.grant(&[viewer]).await.unwrap();
    registry.engine.revoke(&registration(&task).relationships()).await.unwrap();
    let told = known(registry, &task).await.unwrap();
    assert_eq!(told, Known { id: task.id.clone(), since: told.since, ..Known::default() }, "only a viewer");
}

pub(super) async fn all_that_is_said_is_told(registry: &Registry) {
    let task = registered(registry, Kind::Task, &id()).await;
    let more = [("z", Kind::Tenant, Relation::Tenant), ("z", Kind::Agent, Relation::ParentAgent)].map(
        |(id, kind, relation)| Relationship::between(task.clone(), relation, &ResourceRef { kind, id: id.into() }),
    );
    registry.engine.grant(&more).await.unwrap();
    let told = known(registry, &task).await.unwrap();
    let sorted = |first: &str| [first, "z"].map(Arc::from).to_vec();
    assert_eq!((told.tenants, told.parents), (sorted("acme"), sorted("a1")));
}

pub(super) async fn what_was_never_heard_of_or_is_forgotten_is_not_known(registry: &Registry) {
    let task = registered(registry, Kind::Task, &id()).await;
    registry.engine.deregister(&task).await.unwrap();
    for id in [task.id, "\0".into(), "".into(), fresh("nothing").into()] {
        assert_eq!(known(registry, &ResourceRef { kind: Kind::Task, id }).await, None);
    }
    assert_eq!(registry.registrations.known(Kind::Task, &[]).await.unwrap(), []);
}

pub(super) async fn pages_come_by_the_bytes_of_ids_behind_the_place(registry: &Registry) {
    let stem = id();
    // By their bytes; a language's order would differ.
    let ids: Vec<Arc<str>> = ["-B", "-Z", "-a", "-b", "-ä", "_a"].map(|end| format!("{stem}{end}").into()).to_vec();
    for id in ids.iter().rev() {
        registered(registry, Kind::Task, id).await;
    }
    let page = async |after: &str, limit| {
        let page = registry.registrations.page(Kind::Task, Some(after), limit).await.unwrap();
        page.into_iter().map(|known| known.id).collect::<Vec<_>>()
    };
    let mine = |page: Vec<Arc<str>>| page.into_iter().filter(|id| id.starts_with(&*stem)).collect::<Vec<_>>();
    assert_eq!(mine(page(&stem, 1_000).await), ids);
    assert_eq!(mine(page(&ids[2], 1_000).await), ids[3..]);
    assert_eq!(page(&stem, 2).await.len(), 2);
    let last = page("~~~~", 10).await;
    assert_eq!(last, [] as [Arc<str>; 0], "behind the end there is nothing");
    let first = registry.registrations.page(Kind::Task, None, 1).await.unwrap();
    assert_eq!(first.len(), 1, "without a place it begins at the start");
}

pub(super) async fn kinds_are_read_apart(registry: &Registry) {
    let id = id();
    registered(registry, Kind::Task, &id).await;
    assert_eq!(known(registry, &ResourceRef { kind: Kind::Agent, id: id.clone() }).await, None);
    let page = registry.registrations.page(Kind::Agent, Some(&id[..id.len() - 1]), 1_000).await.unwrap();
    assert!(page.iter().all(|known| known.id != id));
}

fn whole(resource: &ResourceRef) -> Known {
    let (tenants, parents) = (vec!["acme".into()], vec!["a1".into()]);
    Known { id: resource.id.clone(), owned: true, runtime: false, tenants, parents, since: None }
}
