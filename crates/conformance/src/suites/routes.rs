//! What every store of routes must do. Each case has routes of its own.

mod changing;

use crate::fresh;
use authz::Kind;
use authz_router::{Change, Destination, EngineName, Order, RouteStore};
use std::sync::Arc;

suite! { $ routes(Arc<dyn RouteStore>) {
    changing: [
        nobody_has_routed_anything,
        a_route_is_listed_and_its_change_is_kept,
        a_route_that_is_taken_away_is_gone_and_its_change_is_kept,
        of_many_who_change_one_route_each_finds_what_another_left,
        whoever_listens_hears_a_change,
    ],
} }

fn to(engine: &str, shadow: Option<&str>) -> Destination {
    let name = |text| EngineName::parse(text).unwrap();
    Destination { engine: name(engine), shadow: shadow.map(name) }
}

/// Changes the route of tasks.
async fn route(store: &Arc<dyn RouteStore>, account: Option<&str>, to: Option<Destination>) -> Change {
    let order = Order {
        kind: Kind::Task,
        account: account.map(Arc::from),
        to,
        by: "user:operator".into(),
        reason: fresh("because"),
    };
    let change = store.route(&order).await.unwrap();
    assert_eq!((change.kind, &change.account, &change.to), (order.kind, &order.account, &order.to));
    assert_eq!((&change.by, &change.reason), (&order.by, &order.reason));
    change
}
