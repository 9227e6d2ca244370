//! An authorization service on the agentex-auth HTTP wire, with the fields that `authz-proxy` adds to it. It decides
//! by the schema, with the embedded engine in memory, and does what it is told to: fail, stall, lie, be counted.
//!
//! For tests only. Whoever writes a real service can read here what each field asks for.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a service that cannot go on fails its test")]

mod answers;
mod told;

pub use told::{Call, Trouble};

use authz::{Authorizer as _, Kind, Principal, Relation, Relationship, ResourceRef};
use authz_graph::MemoryGraph;
use axum::{Router, extract::State, response::Response};
use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;
use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::sleep,
};

/// How long is waited for what is about to be.
const MOMENT: Duration = Duration::from_millis(5);

/// A running service. Ends when it is dropped.
pub struct Service {
    /// Where it listens.
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<Runtime>,
}

/// What all requests see.
#[derive(Default)]
struct Shared {
    graph: MemoryGraph,
    told: Mutex<Told>,
    busy: AtomicUsize,
    busiest: AtomicUsize,
}

/// What the service was told, and what it saw.
#[derive(Default)]
struct Told {
    callers: HashMap<String, Value>,
    trouble: Option<(String, Trouble)>,
    no_new_tasks: bool,
    calls: Vec<Call>,
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// A service that has heard of nobody and nothing, on a free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let running = Some(serve(listener, Arc::clone(&shared)));
        Self { url: format!("http://{address}"), address, shared, running }
    }

    /// What it decides by.
    #[must_use]
    pub fn graph(&self) -> MemoryGraph {
        self.shared.graph.clone()
    }

    /// Lets a user see these tasks, as somebody who may share them would have it.
    pub async fn let_see(&self, user: &str, tasks: &[String]) {
        let viewer = Principal::user(user);
        for tasks in tasks.chunks(1_000) {
            let seen = |task: &String| ResourceRef { kind: Kind::Task, id: task.as_str().into() };
            let told: Vec<_> =
                tasks.iter().map(|task| Relationship::held(seen(task), Relation::Viewer, &viewer)).collect();
            self.shared.graph.grant(&told).await.unwrap();
        }
    }

    /// Whoever brings `token`, as a bearer or as `x-api-key`, is this principal from now on.
    pub fn introduce(&self, token: &str, principal: Value) {
        self.shared.told().callers.insert(token.to_owned(), principal);
    }

    /// Whether it lets anybody make tasks at all, whatever the schema says.
    pub fn let_tasks_be_made(&self, may: bool) {
        self.shared.told().no_new_tasks = !may;
    }

    /// Calls whose path ends with `path` meet this trouble, until [`Service::recover`].
    pub fn suffer(&self, path: &str, trouble: Trouble) {
        self.shared.told().trouble = Some((path.to_owned(), trouble));
    }

    /// All is well again.
    pub fn recover(&self) {
        self.shared.told().trouble = None;
    }

    /// The calls that came since this was last asked, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.shared.told().calls)
    }

    /// The most calls that were under way at a time.
    #[must_use]
    pub fn busiest(&self) -> usize {
        self.shared.busiest.load(Ordering::SeqCst)
    }

    /// Goes away: what is under way is cut off, and connections are refused.
    pub async fn stop(&mut self) {
        self.end();
        while TcpStream::connect(self.address).await.is_ok() {
            sleep(MOMENT).await;
        }
    }

    /// Comes back, where it was and with what it knew.
    pub async fn come_back(&mut self) {
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(_) => sleep(MOMENT).await,
            }
        };
        self.running = Some(serve(listener, Arc::clone(&self.shared)));
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown_background();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves in a runtime of its own: when that ends, so do its connections.
fn serve(listener: TcpListener, shared: Arc<Shared>) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let router = Router::new().fallback(handle).with_state(shared);
    listener.set_nonblocking(true).unwrap();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        drop(axum::serve(listener, router).await);
    });
    runtime
}

/// Counts a call for as long as it is under way.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn new(shared: &Arc<Shared>) -> Self {
        let busy = shared.busy.fetch_add(1, Ordering::SeqCst) + 1;
        shared.busiest.fetch_max(busy, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: http::Request<axum::body::Body>) -> Response {
    let under_way = UnderWay::new(&shared);
    let (Parts { uri, headers, version, .. }, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = uri.path().to_owned();
    let trouble = {
        let mut told = shared.told();
        told.calls.push(Call { path: path.clone(), headers: headers.clone(), version, body: body.clone() });
        told.trouble.clone().filter(|(on, _)| path.ends_with(on.as_str()))
    };
    let answer = match trouble {
        Some((_, trouble)) => trouble.answer().await,
        None => None,
    };
    let answer = match answer {
        Some(answer) => answer,
        None => answers::answer(&shared, &path, &headers, &body).await,
    };
    drop(under_way);
    answer
}
