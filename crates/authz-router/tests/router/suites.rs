//! The engine suite through routers: callers cannot tell a router from an engine.

use crate::engines::{Stage, Trouble};
use authz::{Authorizer, Id};
use authz_graph::MemoryGraph;
use authz_router::{Router, Settings};
use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

mod alone {
    use super::*;

    fn engine() -> Ready<Arc<dyn Authorizer>> {
        ready(Arc::new(Router::alone(Arc::new(MemoryGraph::new()))))
    }

    conformance::authorizer!(engine);
    conformance::corpus!(engine);
}

mod at_another_engine {
    use super::*;

    fn engine() -> Ready<Arc<dyn Authorizer>> {
        ready(Stage::new(&[("all", "b")]).router.of(&Id::new("acme")))
    }

    conformance::authorizer!(engine);
    conformance::corpus!(engine);
}

mod in_a_shadow {
    use super::*;

    fn engine() -> Ready<Arc<dyn Authorizer>> {
        ready(Stage::new(&[("all", "a/b")]).router.of(&Id::new("acme")))
    }

    conformance::authorizer!(engine);
    conformance::corpus!(engine);
}

mod with_a_shadow_that_fails {
    use super::*;

    fn engine() -> Ready<Arc<dyn Authorizer>> {
        let stage = Stage::new(&[("all", "a/b")]);
        stage.b.is(Trouble::OnlyForgets);
        ready(stage.of("acme"))
    }

    conformance::authorizer!(engine);
    conformance::corpus!(engine);
}

/// Each kind is answered for by another engine, and answers of one depend on what was said of another.
mod with_kinds_apart {
    use super::*;

    fn engine() -> Ready<Arc<dyn Authorizer>> {
        let routes = [("tenant", "a"), ("agent", "b/c"), ("task", "c"), ("api_key", "a/c")];
        let settings = Settings { timeout: Duration::from_secs(5), abreast: 1 };
        ready(Stage::with(&routes, settings).router.of(&Id::new("acme")))
    }

    conformance::authorizer!(engine);
    conformance::corpus!(engine);
}
