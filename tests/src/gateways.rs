//! Two gateways on one database and one Redis, which keep decisions.

use crate::{As, Database, Server, Settings, World, documents, world::nobody};
use futures::future::join_all;
use serde_json::json;

/// The Redis that `tests/run` started.
#[must_use]
pub fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL is not set: run the tests with tests/run")
}

/// Settings with the decision cache on, whatever the engine, in a deployment of its own.
#[must_use]
pub fn with_cache(settings: Settings) -> Settings {
    settings
        .with("REDIS_URL", redis_url())
        .with("TASKGATE_CACHE__MODE", "redis")
        .with("TASKGATE_CACHE__PREFIX", format!("test-{}", nobody()))
}

/// Settings with the tests' SpiceDB as the engine, whose schema is written.
pub async fn with_spicedb(settings: Settings) -> Settings {
    let told = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with tests/run"));
    let settings = settings
        .with("TASKGATE_ENGINE", "spicedb")
        .with("TASKGATE_SPICEDB__ENDPOINT", told("TEST_SPICEDB_URL"))
        .with("TASKGATE_SPICEDB__TOKEN", told("TEST_SPICEDB_TOKEN"));
    let mut command = settings.command();
    let written = tokio::task::spawn_blocking(move || command.args(["schema", "write"]).output().unwrap());
    let written = written.await.unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    settings
}

/// What a gateway counts under a name and these labels, in all.
pub async fn counted(server: &Server, name: &str) -> f64 {
    let answer = server.operator().get("/metrics").await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    text.lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Two gateways.
#[derive(Debug)]
pub struct Gateways {
    /// The one that roles are given and taken at.
    pub here: World,
    /// The one that is read at.
    pub there: World,
}

impl Gateways {
    /// Starts both with the same settings, on a new database.
    pub async fn start(settings: Settings) -> Self {
        let database = Database::create().await;
        let settings = with_cache(settings);
        let here = World::on(settings.clone().start_on(database.clone()).await);
        let there = World::on(settings.start_on(database).await);
        Self { here, there }
    }

    async fn unshare(&self, task: &str, with: &As) {
        let variables = json!({ "id": task, "principal": with.principal, "role": "VIEWER" });
        self.here.owner.gql(documents::UNSHARE_TASK, variables).await.data();
    }

    /// Gives a role here, reads there, takes it away here, and reads there: `tries` times for each of `abreast`
    /// tasks. Panics when what was taken away is read.
    pub async fn revoke(&self, abreast: usize, tries: usize) {
        let viewer = &self.there.server.viewer();
        join_all((0..abreast).map(|_| async move {
            let task = &self.here.secret().await;
            let path = &format!("/tasks/{task}");
            for attempt in 0..tries {
                self.here.share(task, viewer, "VIEWER").await;
                viewer.get(path).await.expect(200);
                viewer.get(path).await.expect(200);
                self.unshare(task, viewer).await;
                assert_eq!(viewer.get(path).await.status, 404, "read after it was taken away, try {attempt}");
            }
        }))
        .await;
    }
}
