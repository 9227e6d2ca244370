//! Changing routes, and hearing of it.

use super::{route, to};
use authz_router::{Change, Route, RouteStore};
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

pub(super) async fn nobody_has_routed_anything(store: &Arc<dyn RouteStore>) {
    assert!(store.routes().await.unwrap().is_empty());
    assert!(store.route_changes(10).await.unwrap().is_empty());
}

fn after(change: &Change) -> Route {
    let Change { kind, account, to, at, by, reason, .. } = change.clone();
    Route { kind, account, to: to.unwrap(), at, by, reason }
}

pub(super) async fn a_route_is_listed_and_its_change_is_kept(store: &Arc<dyn RouteStore>) {
    let steps = [
        (Some("acme"), to("graph", Some("spicedb")), None),
        (None, to("graph", None), None),
        (Some("acme"), to("spicedb", Some("graph")), Some(to("graph", Some("spicedb")))),
        (Some("acme"), to("spicedb", None), Some(to("spicedb", Some("graph")))),
        (Some("zeta"), to("proxy", None), None),
    ];
    let mut kept = Vec::new();
    for (account, to, from) in steps {
        let change = route(store, account, Some(to)).await;
        assert_eq!(change.from, from);
        kept.insert(0, change);
    }
    assert_eq!(store.routes().await.unwrap(), [3, 1, 0].map(|place| after(&kept[place])));
    assert_eq!(store.route_changes(10).await.unwrap(), kept);
    assert_eq!(store.route_changes(2).await.unwrap(), kept[..2]);
}

pub(super) async fn a_route_that_is_taken_away_is_gone_and_its_change_is_kept(store: &Arc<dyn RouteStore>) {
    let of_all = route(store, None, Some(to("graph", None))).await;
    route(store, Some("acme"), Some(to("spicedb", None))).await;
    let gone = route(store, Some("acme"), None).await;
    assert_eq!((&gone.from, &gone.to), (&Some(to("spicedb", None)), &None));
    assert_eq!(store.routes().await.unwrap(), [after(&of_all)]);
    let again = route(store, Some("acme"), None).await;
    assert_eq!((&again.from, &again.to), (&None, &None), "there was none any more");
    assert_eq!(store.route_changes(2).await.unwrap(), [again, gone]);
}

pub(super) async fn of_many_who_change_one_route_each_finds_what_another_left(store: &Arc<dyn RouteStore>) {
    let places = [Some(to("a", None)), Some(to("b", Some("a"))), None];
    join_all((0..12).map(|turn| route(store, Some("acme"), places[turn % 3].clone()))).await;
    let changes = store.route_changes(100).await.unwrap();
    assert_eq!(changes.len(), 12);
    let mut before = None;
    for change in changes.into_iter().rev() {
        assert_eq!(change.from, before);
        before = change.to;
    }
}

pub(super) async fn whoever_listens_hears_a_change(store: &Arc<dyn RouteStore>) {
    route(store, None, Some(to("a", None))).await;
    let mut ears = [store.listen_for_routes().await.unwrap(), store.listen_for_routes().await.unwrap()];
    // Other cases on one database are heard, too, until they are done.
    for ear in &mut ears {
        let quiet = async { while timeout(Duration::from_millis(100), ear.hear()).await.is_ok() {} };
        timeout(Duration::from_secs(20), quiet).await.unwrap();
    }
    route(store, None, None).await;
    for ear in &mut ears {
        timeout(Duration::from_secs(10), ear.hear()).await.unwrap().unwrap();
    }
}
