//! The engine suite on the decision cache around an agentex-auth service, which is asked on somebody's behalf.

use crate::common::{Apart, held, redis, settings, shared};
use authz::{Authorizer, Behalf, Id};
use authz_proxy::{AuthzProxy, Settings};
use authz_service::Service;
use cache_redis::DecisionCache;
use std::{
    future::ready,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// One for all cases.
static SERVICE: LazyLock<Service> = LazyLock::new(Service::start);

fn engine() -> Arc<dyn Authorizer> {
    let settings = Settings { timeout: Duration::from_secs(20), ..Settings::new(&SERVICE.url) };
    Arc::new(AuthzProxy::new(settings).expect("these settings can be meant"))
}

/// The cache as somebody of an account is answered.
fn of(tenant: &str, cache: &DecisionCache) -> Arc<dyn Authorizer> {
    let behalf = Behalf { tenant: Id::new(tenant), claims: None };
    cache.on_behalf(&behalf).expect("more than the principal matters to it").engine
}

fn in_process() -> impl Future<Output = Arc<dyn Authorizer>> {
    ready(of("acme", &DecisionCache::in_process(engine(), &settings())))
}

/// Reads at one node on somebody's behalf what was written at the other on somebody else's.
async fn two_nodes() -> Arc<dyn Authorizer> {
    let redis = redis();
    let (one, other) = (shared(engine(), &redis), shared(engine(), &redis));
    held(&one).await;
    held(&other).await;
    Arc::new(Apart { writes: of("acme", &one), reads: of("other", &other) })
}

mod process {
    use super::in_process;
    conformance::authorizer!(in_process);
    conformance::corpus!(in_process);
}

mod apart {
    use super::two_nodes;
    conformance::authorizer!(two_nodes);
    conformance::corpus!(two_nodes);
}
