//! The dual write as it is configured, and the task that finishes what it left.

use crate::config;
use authz::Authorizer;
use chrono::TimeDelta;
use dual_write::{Circuit, DualWrite, LEDGER_VERSION, Ledger, Reconciler, RetryPolicy};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};

/// How many intents one sweep takes on.
const BATCH: u32 = 64;
/// How often what other versions have left is told of.
const TELLING: Duration = Duration::from_mins(10);

/// The dual write between `engine` and the rows beside `ledger`.
pub fn dual_write(
    settings: &config::DualWrite,
    engine: Arc<dyn Authorizer>,
    ledger: Arc<dyn Ledger>,
) -> Arc<DualWrite> {
    let retry = RetryPolicy {
        retries: settings.retries,
        base: Duration::from_millis(settings.base_delay_ms),
        cap: Duration::from_millis(settings.max_delay_ms),
        jitter: true,
        attempt_timeout: Duration::from_millis(settings.attempt_timeout_ms),
    };
    let patience = TimeDelta::milliseconds(settings.patience_ms.into());
    let circuit = Circuit::new(settings.circuit_failures, Duration::from_millis(settings.circuit_cooldown_ms));
    Arc::new(DualWrite { retry, circuit, patience, ..DualWrite::new(engine, ledger) })
}

/// Sweeps the ledger every so often, until it is dropped. It may be cut off at any moment: what it was
/// doing is due again when its claim ends, here or at another gateway.
pub struct Sweeper(JoinHandle<()>);

impl Sweeper {
    /// Begins to sweep up after `dual_write`, about every `interval`.
    #[must_use]
    pub fn start(dual_write: Arc<DualWrite>, interval: Duration) -> Self {
        let patience = dual_write.patience;
        let reconciler = Reconciler { dual_write, grace: patience, lease: patience, batch: BATCH };
        Self(tokio::spawn(async move {
            let mut told: Option<Instant> = None;
            loop {
                // Gateways that start together do not sweep together.
                tokio::time::sleep(interval.mul_f64(rand::random_range(0.5..1.5))).await;
                while sweep(&reconciler).await >= BATCH {}
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
    match reconciler.sweep().await {
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

/// Intents of a newer version mean what this program does not know: it leaves them alone, and says so.
async fn tell_of_newer(reconciler: &Reconciler) {
    let newer = reconciler.dual_write.ledger.backlog().await.map_or(0, |backlog| backlog.newer);
    if newer > 0 {
        tracing::warn!(newer, known = LEDGER_VERSION, "intents of a newer version are left to newer gateways");
    }
}
