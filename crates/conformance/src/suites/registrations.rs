//! What every engine that can be read through must tell.

mod told;

use crate::{Registry, fresh};
use authz::{Kind, Known, Principal, Registration, ResourceRef};
use std::sync::Arc;

suite! { $ registrations(Registry) {
    told: [
        what_is_registered_is_known,
        what_is_not_said_is_not_known,
        all_that_is_said_is_told,
        what_was_never_heard_of_or_is_forgotten_is_not_known,
        pages_come_by_the_bytes_of_ids_behind_the_place,
        kinds_are_read_apart,
    ],
} }

/// An id behind which little else comes.
fn id() -> Arc<str> {
    fresh("~scan").into()
}

fn registration(resource: &ResourceRef) -> Registration {
    let parent = ResourceRef { kind: Kind::Agent, id: "a1".into() };
    let parent = Some(parent).filter(|_| resource.kind == Kind::Task);
    Registration { resource: resource.clone(), owner: Principal::user("alice"), tenant: "acme".into(), parent }
}

async fn registered(registry: &Registry, kind: Kind, id: &Arc<str>) -> ResourceRef {
    let resource = ResourceRef { kind, id: Arc::clone(id) };
    registry.engine.register(&registration(&resource)).await.unwrap();
    resource
}

async fn known(registry: &Registry, resource: &ResourceRef) -> Option<Known> {
    let mut known = registry.registrations.known(resource.kind, std::slice::from_ref(&resource.id)).await.unwrap();
    assert!(known.len() < 2);
    known.pop()
}
