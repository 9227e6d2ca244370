//! What every engine whose relationships can be read must tell.

mod paged;

use crate::{Readable, fresh};
use authz::{Kind, Registration, Relationship, ResourceRef};
use std::sync::Arc;

suite! { $ relationships(Readable) {
    paged: [
        all_that_was_written_is_told_and_nothing_else,
        a_page_holds_whole_resources_in_the_order_of_their_ids,
        what_is_forgotten_is_not_told,
        kinds_are_read_apart_and_the_end_is_empty,
    ],
} }

/// An id behind which little else comes.
fn resource(kind: Kind) -> ResourceRef {
    ResourceRef { kind, id: fresh("~read").into() }
}

async fn register(readable: &Readable, resource: &ResourceRef) -> Vec<Relationship> {
    let parent = (resource.kind == Kind::Task).then(|| ResourceRef { kind: Kind::Agent, id: "a1".into() });
    let owner = authz::Principal::service_account("robot");
    let registration = Registration { resource: resource.clone(), owner, tenant: "acme".into(), parent };
    readable.engine.register(&registration).await.unwrap();
    registration.relationships()
}

/// All that is told of a resource, sorted.
async fn told(readable: &Readable, resource: &ResourceRef) -> Vec<Relationship> {
    // Just before it: ids end in a digit or a letter.
    let before: Arc<str> = resource.id[..resource.id.len() - 1].into();
    let page = readable.relationships.page(resource.kind, Some(&before), 1_000).await.unwrap();
    let mut told: Vec<_> = page.into_iter().filter(|edge| edge.resource == *resource).collect();
    told.sort();
    told
}
