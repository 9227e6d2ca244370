//! A gateway that is to fail, others that are not, the wire between, and the book of what was promised.

use crate::{As, Database, Server, Settings, documents, port_of, wire::Wire};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How long a maker has before reconcilers take over.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// How long one write to the engine may take.
pub const ATTEMPT: Duration = Duration::from_millis(300);

/// Tasks without all their relationships, and relationships without a task.
const ORPHANS: &str = "SELECT
    (SELECT count(*) FROM tasks LEFT JOIN LATERAL (SELECT count(*) AS edges FROM relationships
        WHERE resource_kind = 'task' AND resource_id = tasks.id AND relation IN ('owner', 'tenant', 'parent_agent')
    ) AS held ON true WHERE held.edges <> 3)
  + (SELECT count(*) FROM relationships WHERE resource_kind = 'task'
        AND NOT EXISTS (SELECT FROM tasks WHERE id = resource_id))";

/// Tasks that a reader of the table finds and the engine does not know.
const UNREGISTERED: &str = "SELECT count(*) FROM tasks WHERE NOT EXISTS (SELECT FROM relationships
    WHERE resource_kind = 'task' AND resource_id = tasks.id AND relation = 'owner')";

/// What callers were told.
#[derive(Debug, Default)]
pub struct Book {
    /// Tasks that were said to be made, and that nobody has asked to end.
    pub made: BTreeSet<String>,
    /// Tasks that were said to be ended.
    pub ended: BTreeSet<String>,
}

/// See the module.
pub struct Scene {
    /// Where both sides are kept.
    pub database: Database,
    /// Between the victim and the database.
    pub wire: Wire,
    /// What callers were told.
    pub book: Arc<Mutex<Book>>,
    /// They reconcile, and nothing happens to them.
    pub keepers: Vec<Server>,
    /// It does not reconcile, and everything happens to it.
    victim: Option<Server>,
    watch: tokio::task::JoinHandle<()>,
    unregistered: Arc<Mutex<i64>>,
}

fn settings(sweep_interval: Duration) -> Settings {
    let milliseconds = |time: Duration| time.as_millis().to_string();
    Settings::default()
        .with("TASKGATE_DUAL_WRITE__RETRIES", "1")
        .with("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "10")
        .with("TASKGATE_DUAL_WRITE__MAX_DELAY_MS", "50")
        .with("TASKGATE_DUAL_WRITE__ATTEMPT_TIMEOUT_MS", milliseconds(ATTEMPT))
        .with("TASKGATE_DUAL_WRITE__PATIENCE_MS", milliseconds(PATIENCE))
        .with("TASKGATE_DUAL_WRITE__SWEEP_INTERVAL_MS", milliseconds(sweep_interval))
}

impl Scene {
    /// With so many gateways that reconcile.
    pub async fn new(keepers: usize) -> Self {
        let database = Database::create().await;
        let mut all = vec![];
        for _ in 0..keepers {
            all.push(settings(Duration::from_millis(100)).start_on(database.clone()).await);
        }
        let wire = Wire::to(port_of(&database.url)).await;
        let victim = settings(Duration::from_hours(1))
            .with("TASKGATE_STORAGE", "url")
            .with("DATABASE_URL", wire.url(&database))
            .run(Some(database.clone()))
            .await;
        let unregistered = Arc::new(Mutex::new(0));
        let watch = tokio::spawn({
            let (database, unregistered) = (database.clone(), unregistered.clone());
            async move {
                loop {
                    *unregistered.lock().unwrap() += database.number(UNREGISTERED).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
        Self { database, wire, book: Arc::default(), keepers: all, victim: Some(victim), watch, unregistered }
    }

    /// The gateway that everything happens to.
    #[must_use]
    pub fn victim(&self) -> &Server {
        self.victim.as_ref().expect("it is up between two kills")
    }

    /// Kills the victim, and starts it again.
    pub async fn kill(&mut self) {
        let mut victim = self.victim.take().expect("it is up between two kills");
        victim.kill();
        self.wire.calm();
        self.victim = Some(victim.again().await);
    }

    /// A task of the owner's, made where nothing happens.
    pub async fn task(&self) -> String {
        let keeper = self.keepers.first().expect("somebody reconciles");
        let input = json!({ "input": { "agentId": keeper.demo.agent() } });
        let made = keeper.owner().gql(documents::CREATE_TASK, input).await.data();
        made["createTask"]["id"].as_str().expect("a task has an id").to_owned()
    }

    /// Whether something is left to reconcilers.
    pub async fn half_done(&self) -> i64 {
        self.database.number("SELECT count(*) FROM intents").await.min(1)
    }

    /// Waits for the reconcilers, and looks whether all is as it must be.
    pub async fn must_agree(&self) {
        let asked = Instant::now();
        while self.database.number("SELECT count(*) FROM intents").await > 0 {
            if asked.elapsed() > Duration::from_mins(1) {
                let left = self.database.rows("SELECT * FROM intents LIMIT 5").await;
                panic!("intents are never settled: {left:?}\n{}", self.keepers[0].log());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.database.number(ORPHANS).await, 0, "orphans are left");
        assert_eq!(*self.unregistered.lock().unwrap(), 0, "a task was visible before it was registered");
        let (made, ended) = {
            let book = self.book.lock().unwrap();
            (book.made.clone(), book.ended.clone())
        };
        assert_eq!(self.lacking(&made).await, 0, "an acknowledged task is lost");
        assert_eq!(usize::try_from(self.lacking(&ended).await), Ok(ended.len()), "an ended task is still there");
        let owner: As = self.keepers[0].owner();
        for (tasks, status) in [(&made, 200), (&ended, 404)] {
            for task in tasks.iter().take(20) {
                assert_eq!(owner.get(&format!("/tasks/{task}")).await.status, status);
            }
        }
    }

    /// How many of these tasks have no row.
    async fn lacking(&self, tasks: &BTreeSet<String>) -> i64 {
        if tasks.is_empty() {
            return 0;
        }
        let list = tasks.iter().map(|id| format!("('{id}')")).collect::<Vec<_>>().join(",");
        let lacking = "WHERE NOT EXISTS (SELECT FROM tasks WHERE tasks.id = told.id)";
        self.database.number(&format!("SELECT count(*) FROM (VALUES {list}) AS told(id) {lacking}")).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
