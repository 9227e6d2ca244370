//! Reading all that it has been told.

use crate::{something, spicedb};
use authz::{
    Authorizer as _, Kind, Principal, Registration, Relation, Relationship, RelationshipScan as _, ResourceRef,
};
use authz_spicedb::SpiceDb;
use conformance::fresh;
use std::{sync::Arc, time::Duration};

async fn register(engine: &SpiceDb, task: &ResourceRef) -> Vec<Relationship> {
    let parent = Some(ResourceRef { kind: Kind::Agent, id: "a1".into() });
    let owner = Principal::service_account("robot");
    let registration = Registration { resource: task.clone(), owner, tenant: "acme".into(), parent };
    engine.register(&registration).await.expect("it is registered");
    registration.relationships()
}

fn task(id: &str) -> ResourceRef {
    ResourceRef { kind: Kind::Task, id: id.into() }
}

#[tokio::test]
async fn all_that_was_written_is_told_page_by_page_in_the_order_of_our_ids() {
    let engine = spicedb().await;
    // Behind whatever else there is. It writes some of these ids otherwise than we do.
    let stem = fresh("~scan");
    let ids = ["", "-B", "-Z", "-a", "-\u{e4}", ".a", "_a", "a b"].map(|end| format!("{stem}{end}"));
    let mut said = Vec::new();
    for id in ids.iter().rev() {
        said.extend(register(&engine, &task(id)).await);
    }
    let viewer = Relationship::held(task(&ids[3]), Relation::Viewer, &Principal::user("v"));
    engine.grant(std::slice::from_ref(&viewer)).await.expect("it is granted");
    said.push(viewer.clone());
    said.sort();
    let before: Arc<str> = stem[..stem.len() - 1].into();
    let read = async |scan: &authz_spicedb::Scan, limit| {
        let (mut after, mut all) = (Arc::clone(&before), Vec::new());
        loop {
            let page = scan.page(Kind::Task, Some(&after), limit).await.expect("it is read");
            let Some(last) = page.last() else { return all };
            assert!(page.iter().map(|edge| &edge.resource.id).is_sorted(), "{page:?}");
            let resources: std::collections::BTreeSet<_> = page.iter().map(|edge| &edge.resource).collect();
            assert!(resources.len() <= limit as usize);
            after = Arc::clone(&last.resource.id);
            all.extend(page.into_iter().filter(|edge| edge.resource.id.starts_with(&*stem)));
        }
    };
    for limit in [1, 3, 1_000] {
        let mut told = read(&engine.scan(Duration::ZERO), limit).await;
        assert!(told.iter().map(|edge| &edge.resource.id).is_sorted());
        told.sort();
        assert_eq!(told, said, "{limit} at a time");
    }
    // Ids that were listed a moment ago: what is told of them is of now.
    let scan = engine.scan(Duration::from_mins(1));
    assert_eq!(read(&scan, 2).await.len(), said.len());
    engine.revoke(&[viewer]).await.expect("it is revoked");
    for id in &ids[1..7] {
        engine.deregister(&task(id)).await.expect("it is deregistered");
    }
    let told = read(&scan, 2).await;
    assert_eq!(told.len(), 6, "the first and the last, and no page ended early: {told:?}");
    let page = scan.page(Kind::Task, Some(&before), 2).await.expect("it is read");
    assert_eq!(page.len(), 6, "a page is filled up behind what is gone");
}

#[tokio::test]
async fn kinds_are_read_apart_and_the_end_is_empty() {
    let engine = spicedb().await;
    let task = something(Kind::Task);
    register(&engine, &task).await;
    let scan = engine.scan(Duration::ZERO);
    let page = scan.page(Kind::Agent, None, 10_000).await.expect("it is read");
    assert!(page.iter().all(|edge| edge.resource.kind == Kind::Agent && edge.resource.id != task.id));
    assert_eq!(scan.page(Kind::Task, Some("~~~~"), 10).await.expect("it is read"), []);
    assert!(!scan.page(Kind::Task, None, 1).await.expect("it is read").is_empty(), "it begins at the start");
}
