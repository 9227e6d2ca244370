//! The dual write as it is configured, the task that finishes what it left, and what operators compare
//! both sides with.

use crate::{config, storage::Storage};
use chrono::{TimeDelta, Utc};
use dual_write::{Circuit, DualWrite, Inspector, LEDGER_VERSION, Reconciler, RetryPolicy, RowScan};
use instruments::DualWriteCounts;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};

/// How many intents one sweep takes on.
const BATCH: u32 = 64;
/// How often what other versions have left is told of.
const TELLING: Duration = Duration::from_mins(10);

/// The dual write between the engine and the rows of `storage`, counted.
fn dual_write(settings: &config::DualWrite, storage: &Storage) -> Arc<DualWrite> {
    let retry = RetryPolicy {
        retries: settings.retries,
        base: Duration::from_millis(settings.base_delay_ms),
        cap: Duration::from_millis(settings.max_delay_ms),
        jitter: true,
        attempt_timeout: Duration::from_millis(settings.attempt_timeout_ms),
    };
    let patience = TimeDelta::milliseconds(settings.patience_ms.into());
    let circuit = Circuit::new(settings.circuit_failures, Duration::from_millis(settings.circuit_cooldown_ms));
    let observer = Arc::new(DualWriteCounts);
    let (engine, ledger) = (Arc::new(storage.engine.router.clone()), Arc::clone(&storage.ledger));
    Arc::new(DualWrite { retry, circuit, patience, observer, ..DualWrite::new(engine, ledger) })
}

/// What compares and repairs both sides of `storage`.
#[must_use]
pub fn inspector(settings: &config::DualWrite, storage: &Storage) -> Arc<Inspector> {
    let (rows, registrations) = (Arc::clone(&storage.rows), Arc::clone(&storage.engine.registrations));
    Arc::new(Inspector::new(dual_write(settings, storage), rows, registrations))
}

/// What finishes or undoes what is overdue.
#[must_use]
pub fn reconciler(dual_write: &Arc<DualWrite>) -> Reconciler {
    let patience = dual_write.patience;
    Reconciler { dual_write: Arc::clone(dual_write), grace: patience, lease: patience, batch: BATCH }
}

/// Sweeps the ledger every so often, until it is dropped. It may be cut off at any moment: what it was
/// doing is due again when its claim ends, here or at another gateway.
pub struct Sweeper(JoinHandle<()>);

impl Sweeper {
    /// Begins to sweep up after the dual write of `inspector`, about every `interval`.
    #[must_use]
    pub fn start(inspector: Arc<Inspector>, interval: Duration) -> Self {
        let reconciler = reconciler(&inspector.dual_write);
        Self(tokio::spawn(async move {
            let mut told: Option<Instant> = None;
            loop {
                // Gateways that start together do not sweep together.
                tokio::time::sleep(interval.mul_f64(rand::random_range(0.5..1.5))).await;
                while sweep(&reconciler).await >= BATCH {}
                measure(&reconciler, &*inspector.rows).await;
                if told.is_none_or(|told| told.elapsed() > TELLING) {
                    told = Some(Instant::now());
                    tell_of_newer(&reconciler).await;
                }
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How much there was to do.
async fn sweep(reconciler: &Reconciler) -> u32 {
    let swept = reconciler.sweep().await;
    instruments::swept(swept.as_ref().ok());
    match swept {
        Ok(swept) => {
            if swept.all() > 0 {
                tracing::info!(?swept, "dual writes were reconciled");
            }
            swept.all()
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "dual writes could not be reconciled");
            0
        }
    }
}

/// Says how much is left, and what comparisons have found: whichever process made them. What cannot be read
/// keeps its last value, and the sweep before it has failed.
async fn measure(reconciler: &Reconciler, rows: &dyn RowScan) {
    if let Ok(backlog) = reconciler.dual_write.ledger.backlog().await {
        instruments::backlog(&backlog, Utc::now());
    }
    if let Ok(tallies) = rows.tallies().await {
        instruments::tallies(&tallies);
    }
}

/// Intents of a newer version mean what this program does not know: it leaves them alone, and says so.
async fn tell_of_newer(reconciler: &Reconciler) {
    let newer = reconciler.dual_write.ledger.backlog().await.map_or(0, |backlog| backlog.newer);
    if newer > 0 {
        tracing::warn!(newer, known = LEDGER_VERSION, "intents of a newer version are left to newer gateways");
    }
}
