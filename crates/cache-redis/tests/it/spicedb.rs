//! The engine suite on the decision cache around a real `SpiceDB` that may answer from a while ago.

use crate::common::{Apart, redis};
use authz::Authorizer;
use authz_spicedb::{Settings, SpiceDb};
use cache_redis::DecisionCache;
use std::{sync::Arc, time::Duration};

/// Longer than `SpiceDB` answers from one moment, and than that moment may be old.
const WINDOW: Duration = Duration::from_secs(12);

#[tokio::test]
async fn two_nodes_on_it_are_as_good_as_the_embedded_engine() {
    let endpoint = std::env::var("TEST_SPICEDB_URL");
    let settings = Settings {
        endpoint: endpoint.expect("TEST_SPICEDB_URL names no server: run these tests with `tests/run`"),
        token: std::env::var("TEST_SPICEDB_TOKEN").ok().map(Into::into),
        timeout: Duration::from_secs(20),
        stale_reads: true,
        traceparent: None,
    };
    let (engine, redis) = (SpiceDb::new(&settings).unwrap(), redis());
    engine.write_schema().await.unwrap();
    let settings = cache_redis::Settings { engine: "spicedb".into(), window: WINDOW, ..crate::common::settings() };
    let node = || DecisionCache::shared(Arc::new(engine.clone()), &settings, &redis).unwrap();
    let both: Arc<dyn Authorizer> = Arc::new(Apart::new(node(), node()).await);
    // From then on they ask as fast as can be what nobody has written to.
    tokio::time::sleep(WINDOW).await;
    conformance::suites::authorizer::every_case(&both).await;
}
