//! Reading page by page.

use super::{register, resource, told};
use crate::Readable;
use authz::{Kind, Principal, Relation, Relationship, ResourceRef};

pub(super) async fn all_that_was_written_is_told_and_nothing_else(readable: &Readable) {
    for kind in [Kind::Tenant, Kind::Agent, Kind::Task, Kind::ApiKey] {
        let thing = resource(kind);
        let mut said = register(readable, &thing).await;
        said.push(Relationship::held(thing.clone(), Relation::Viewer, &Principal::user("v")));
        readable.engine.grant(&said).await.unwrap();
        said.sort();
        assert_eq!(told(readable, &thing).await, said);
        let viewer = said.iter().filter(|edge| edge.relation == Relation::Viewer).cloned().collect::<Vec<_>>();
        readable.engine.revoke(&viewer).await.unwrap();
        said.retain(|edge| edge.relation != Relation::Viewer);
        assert_eq!(told(readable, &thing).await, said);
    }
}

pub(super) async fn a_page_holds_whole_resources_in_the_order_of_their_ids(readable: &Readable) {
    let stem = resource(Kind::Task).id;
    let ids = ["-B", "-Z", "-a", "-ä", "_a"].map(|end| format!("{stem}{end}"));
    for id in ids.iter().rev() {
        let task = ResourceRef { kind: Kind::Task, id: id.as_str().into() };
        assert_eq!(register(readable, &task).await.len(), 3);
    }
    let (mut after, mut seen) = (stem.clone(), Vec::new());
    while seen.len() < ids.len() {
        let page = readable.relationships.page(Kind::Task, Some(&after), 1).await.unwrap();
        assert!(page.iter().all(|edge| edge.resource == page[0].resource), "{page:?}");
        after = page[0].resource.id.clone();
        if after.starts_with(&*stem) {
            assert_eq!(page.len(), 3, "{page:?}");
            seen.push(after.to_string());
        }
    }
    assert_eq!(seen, ids);
    let page = readable.relationships.page(Kind::Task, Some(&stem), 1_000).await.unwrap();
    let order: Vec<_> = page.iter().map(|edge| edge.resource.id.clone()).collect();
    assert!(order.is_sorted(), "{order:?}");
}

pub(super) async fn what_is_forgotten_is_not_told(readable: &Readable) {
    let task = resource(Kind::Task);
    register(readable, &task).await;
    readable.engine.deregister(&task).await.unwrap();
    assert_eq!(told(readable, &task).await, []);
}

pub(super) async fn kinds_are_read_apart_and_the_end_is_empty(readable: &Readable) {
    let task = resource(Kind::Task);
    register(readable, &task).await;
    let agent = ResourceRef { kind: Kind::Agent, id: task.id };
    assert_eq!(told(readable, &agent).await, []);
    assert_eq!(readable.relationships.page(Kind::Task, Some("~~~~"), 10).await.unwrap(), []);
    assert!(!readable.relationships.page(Kind::Task, None, 1).await.unwrap().is_empty(), "it begins at the start");
}
