//! Decisions that are kept: nobody reads what was taken from them, at any gateway.

use blackbox::{
    Settings, Storage, World,
    gateways::{Gateways, counted, with_cache},
};
use serde_json::json;

#[tokio::test]
async fn what_is_taken_away_at_one_gateway_is_never_read_at_another() {
    let gateways = Gateways::start(Settings::default()).await;
    gateways.revoke(4, 75).await;
    let there = &gateways.there.server;
    let kept = counted(there, "taskgate_cache_hits_total").await;
    assert!(kept >= 150.0, "{kept}: the second read of each try is not the engine's");
    assert!(counted(&gateways.here.server, "taskgate_cache_evictions_total").await >= 600.0);
}

#[tokio::test]
async fn a_gateway_that_hangs_delays_a_revoke_and_shows_nothing_when_it_goes_on() {
    let gateways = Gateways::start(Settings::default().with("TASKGATE_CACHE__LEASE_MS", "1000")).await;
    let (here, there) = (&gateways.here, &gateways.there.server);
    let (task, viewer) = (here.task().await, there.viewer());
    let path = format!("/tasks/{task}");
    viewer.get(&path).await.expect(200);
    viewer.get(&path).await.expect(200);
    there.pause();
    let began = std::time::Instant::now();
    let variables = json!({ "id": task, "principal": viewer.principal, "role": "VIEWER" });
    here.owner.gql(blackbox::documents::UNSHARE_TASK, variables).await.data();
    let took = began.elapsed().as_secs_f64();
    there.go_on();
    assert_eq!(viewer.get(&path).await.status, 404);
    assert!(took < 3.0, "{took}");
}

#[tokio::test]
async fn readiness_says_what_is_kept_and_whether_redis_answers() {
    let told = async |settings: Settings| {
        let server = settings.start(Storage::Memory).await;
        let mut told = server.anonymous().get("/readyz").await.expect(200)["checks"]["cache"].clone();
        for _ in 0..100 {
            if told["status"] == "ok" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            told = server.anonymous().get("/readyz").await.expect(200)["checks"]["cache"].clone();
        }
        told
    };
    assert_eq!(told(Settings::default()).await, json!({ "kind": "off", "status": "ok" }));
    let process = Settings::default().with("TASKGATE_CACHE__MODE", "process");
    assert_eq!(told(process).await, json!({ "kind": "in process (one node only)", "status": "ok" }));
    assert_eq!(told(with_cache(Settings::default())).await, json!({ "kind": "redis", "status": "ok" }));
    // Away, it does not make the gateway unready: `told` has seen 200.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = with_cache(Settings::default()).with("REDIS_URL", format!("redis://{nowhere}/"));
    assert_eq!(told(away).await, json!({ "kind": "redis", "status": "unavailable" }));
}

#[tokio::test]
async fn without_redis_everything_works_as_without_a_cache() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = with_cache(Settings::default().with("TASKGATE_CACHE__LEASE_MS", "200"))
        .with("REDIS_URL", format!("redis://{nowhere}/"));
    let world = World::with(away, Storage::Url).await;
    let (task, viewer) = (world.task().await, world.server.viewer());
    viewer.get(&format!("/tasks/{task}")).await.expect(200);
    world.owner.delete(&format!("/tasks/{task}")).await.expect(200);
    assert_eq!(viewer.get(&format!("/tasks/{task}")).await.status, 404);
}
