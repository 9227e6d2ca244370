//! The engine suite over HTTP, on a service that decides by the schema.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use authz::Authorizer;
use authz_proxy::{AuthzProxy, Settings};
use authz_service::Service;
use std::{
    future::ready,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// One for all cases.
static SERVICE: LazyLock<Service> = LazyLock::new(Service::start);

fn engine() -> impl Future<Output = Arc<dyn Authorizer>> {
    let settings = Settings { timeout: Duration::from_secs(20), ..Settings::new(&SERVICE.url) };
    ready(Arc::new(AuthzProxy::new(settings).expect("these settings can be meant")) as Arc<dyn Authorizer>)
}

conformance::authorizer!(engine);
conformance::corpus!(engine);
