//! The two dual writes, step by step.

use crate::{
    Circuit, Event, Intent, Ledger, LedgerError, Mode, Observer, Op, RetryPolicy, Silent, Stage, Switches,
    intent::fresh_id,
};
use authz::{Authorizer, ConsistencyToken, Ending, EngineError, Registered, Registration, Role};
use chrono::{TimeDelta, Utc};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Why something was not made. Nothing of it is left, or the reconciler will see to it.
#[derive(Debug, thiserror::Error)]
pub enum CreateError<E> {
    /// The ledger could not be written: nothing was begun.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The engine has been failing, and was not asked.
    #[error("the authorization engine has been failing; try again in {retry_after:?}")]
    CircuitOpen {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The engine did not register it.
    #[error(transparent)]
    Engine(EngineError),
    /// It took so long that reconcilers have taken over, and nothing was persisted.
    #[error("it took too long, and was given up")]
    Overtaken,
    /// The row was not persisted. This is the error to tell, whatever became of the undoing.
    #[error("the row was not persisted")]
    Persist(E),
}

/// Why relationships were not removed, or not known to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("there was no time for it")]
    Late,
}

/// What has become of an intent whose relationships were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It is settled.
    ForGood,
    /// It is looked at once more.
    ForNow,
}

/// Makes and ends things on both sides.
pub struct DualWrite {
    /// Where relationships are.
    pub engine: Arc<dyn Authorizer>,
    /// Where intents are.
    pub ledger: Arc<dyn Ledger>,
    /// How writes to the engine are retried.
    pub retry: RetryPolicy,
    /// When they are not even tried.
    pub circuit: Circuit,
    /// Who counts.
    pub observer: Arc<dyn Observer>,
    /// How long a maker has before the reconciler takes over: longer than any request may run.
    pub patience: TimeDelta,
    /// For which resources and accounts there are dual writes.
    pub switches: Arc<Switches>,
}

impl DualWrite {
    /// A dual write with the retries of agentex, a circuit that opens after ten failures in a row for
    /// five seconds, a minute's patience, nobody who counts, and every switch on.
    #[must_use]
    pub fn new(engine: Arc<dyn Authorizer>, ledger: Arc<dyn Ledger>) -> Self {
        Self {
            engine,
            ledger,
            retry: RetryPolicy::default(),
            circuit: Circuit::new(10, Duration::from_secs(5)),
            observer: Arc::new(Silent),
            patience: TimeDelta::minutes(1),
            switches: Arc::default(),
        }
    }

    /// Makes what `registration` registers: opens an intent, registers, and lets `persist` write the
    /// row. Two commits and one engine call when all goes well. A switch may say otherwise; see [`Mode`].
    pub async fn create<T, E, F>(
        &self,
        registration: &Registration,
        deadline: Option<Instant>,
        persist: impl FnOnce(Registered) -> F,
    ) -> Result<T, CreateError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let (begun, kind) = (Instant::now(), registration.resource.kind);
        let mode = self.switches.mode(kind, Some(&registration.tenant));
        if mode == Mode::On
            && let Err(retry_after) = self.circuit.admit()
        {
            self.observer.observe(Op::Register, kind, Event::Refused);
            return Err(CreateError::CircuitOpen { retry_after });
        }
        let outcome = self.make(registration, mode, deadline, persist).await;
        if mode != Mode::Off {
            self.observer.observe(Op::Register, kind, Event::Over { done: outcome.is_ok(), took: begun.elapsed() });
        }
        outcome
    }

    async fn make<T, E, F>(
        &self,
        registration: &Registration,
        mode: Mode,
        deadline: Option<Instant>,
        persist: impl FnOnce(Registered) -> F,
    ) -> Result<T, CreateError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let now = Utc::now();
        let intent = Intent::register(registration, now, now + self.patience);
        // After this, reconcilers may be undoing what is registered.
        let overdue = Instant::now() + self.patience.to_std().unwrap_or_default();
        let deadline = deadline.map_or(overdue, |deadline| deadline.min(overdue));
        self.ledger.open(&intent).await?;
        let registered = match mode {
            Mode::On => self
                .register(&self.retry, registration, deadline)
                .await
                .map(|token| Registered::by(intent.id.clone()).at(token)),
            Mode::Shadow => Ok(self.shadow(&intent, registration, deadline).await),
            Mode::Off => Ok(Registered::owing(intent.id.clone(), registration.clone())),
        };
        if Instant::now() >= overdue {
            // Others may have undone it already, and an attempt that was given up may apply after that.
            if mode != Mode::Off {
                self.clear_up(registration).await;
            }
            return Err(registered.map_or_else(CreateError::Engine, |_| CreateError::Overtaken));
        }
        let registered = match registered {
            Ok(registered) => registered,
            Err(error) => {
                self.undo(&intent).await;
                return Err(CreateError::Engine(error));
            }
        };
        let compares = mode == Mode::Shadow && registered.owed().is_none();
        match persist(registered).await {
            Ok(row) => {
                if compares {
                    self.compare(registration).await;
                }
                Ok(row)
            }
            Err(error) => {
                if mode == Mode::Off {
                    // Nothing was registered.
                    self.soon(&intent, async { Ok(self.ledger.settle(&intent.id).await?) }).await;
                } else {
                    self.undo(&intent).await;
                }
                Err(CreateError::Persist(error))
            }
        }
    }

    /// Registers once. If that fails, the row is persisted all the same, and its registration is owed.
    async fn shadow(&self, intent: &Intent, registration: &Registration, deadline: Instant) -> Registered {
        let once = RetryPolicy { retries: 0, ..self.retry };
        let written = match self.circuit.admit() {
            Ok(()) => self.register(&once, registration, deadline).await,
            Err(_) => Err(EngineError::Unavailable("the circuit is open".into())),
        };
        match written {
            Ok(token) => Registered::by(intent.id.clone()).at(token),
            Err(error) => {
                tracing::warn!(%error, resource = %registration.resource, "not registered in shadow; it is owed");
                Registered::owing(intent.id.clone(), registration.clone())
            }
        }
    }

    /// Whether the engine knows in shadow what it was told. Decides nothing, and an engine that does not answer
    /// has not said otherwise.
    async fn compare(&self, registration: &Registration) {
        let resource = &registration.resource;
        let asked = self.engine.holders(std::slice::from_ref(resource));
        let Ok(Ok(known)) = tokio::time::timeout(self.retry.attempt_timeout, asked).await else {
            tracing::warn!(%resource, "not compared in shadow: the engine did not answer");
            return;
        };
        let owner = known.iter().flatten().find(|holder| holder.role == Role::Owner);
        if owner.is_none_or(|owner| owner.principal != registration.owner) {
            tracing::warn!(%resource, "the engine does not know in shadow what it was told");
            self.observer.observe(Op::Register, resource.kind, Event::Mismatch);
        }
    }

    /// The ending of something, for the store to write down in the commit that removes the row.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let now = Utc::now();
        Ending {
            intent: fresh_id(),
            opened_at: now,
            due_at: now + self.patience,
            settled_before: now - self.patience,
            account: None,
        }
    }

    /// Finishes what [`DualWrite::ending`] began, after the row is gone. What cannot be finished soon
    /// is the reconciler's: the ending itself has happened, and its caller is waiting.
    pub async fn finish(&self, ended: &Intent) {
        if self.switches.mode(ended.resource.kind, ended.account.as_ref()) == Mode::Off {
            return;
        }
        let done = self.soon(ended, self.remove(ended, self.patience)).await;
        let took = (Utc::now() - ended.opened_at).to_std().unwrap_or_default();
        self.observer.observe(Op::Deregister, ended.resource.kind, Event::Over { done, took });
    }

    /// Takes back what may have been registered. What cannot be taken back soon is the reconciler's:
    /// the caller is waiting for the error that led here.
    async fn undo(&self, intent: &Intent) {
        let take_back = async {
            // Only an intent that is still open is undone: one that is gone was settled by a commit whose
            // answer was lost, and its row stands.
            if self.ledger.close(&intent.id).await? {
                self.remove(intent, self.patience).await?;
            }
            Ok(())
        };
        self.soon(intent, take_back).await;
    }

    /// Has the relationships of something removed that has no row, though nobody may have noted that any more.
    pub(crate) async fn clear_up(&self, registration: &Registration) {
        let now = Utc::now();
        let ending = self.ending().of(Arc::clone(&registration.tenant));
        let intent = Intent::deregister(registration.resource.clone(), &ending, Some(now));
        let remove = async {
            self.ledger.open(&intent).await?;
            self.remove(&intent, self.patience).await
        };
        self.soon(&intent, remove).await;
    }

    /// Does work that the reconciler will do if it fails, or takes longer than one attempt may. Whether it
    /// is done.
    async fn soon<T>(&self, intent: &Intent, work: impl Future<Output = Result<T, RemoveError>>) -> bool {
        let done = tokio::time::timeout(self.retry.attempt_timeout, work).await;
        let done = done.unwrap_or(Err(RemoveError::Late));
        if let Err(error) = &done {
            tracing::warn!(%error, intent = %intent.id, resource = %intent.resource, "relationships go late");
        }
        done.is_ok()
    }

    /// Removes the relationships of an intent that is not open. Then it is settled, or put off by
    /// `grace` for another look; which of the two.
    pub(crate) async fn remove(&self, intent: &Intent, grace: TimeDelta) -> Result<Removed, RemoveError> {
        let observe = |event: Event| self.observer.observe(Op::Deregister, intent.resource.kind, event);
        self.retry.run(None, observe, || self.engine.deregister(&intent.resource)).await?;
        if intent.needs_another_look() {
            self.ledger.postpone(&intent.id, Stage::Undone, Utc::now() + grace).await?;
            return Ok(Removed::ForNow);
        }
        self.ledger.settle(&intent.id).await?;
        Ok(Removed::ForGood)
    }

    async fn register(
        &self,
        retry: &RetryPolicy,
        registration: &Registration,
        deadline: Instant,
    ) -> Result<Option<ConsistencyToken>, EngineError> {
        let kind = registration.resource.kind;
        let observe = |event: Event| self.observer.observe(Op::Register, kind, event);
        let written = retry.run(Some(deadline), observe, || self.engine.register(registration)).await;
        self.circuit.learn(!written.as_ref().is_err_and(EngineError::is_transient));
        written
    }

    /// Registers what is owed, within `time`. Whether it was still owed; if not, its row may be gone, and so
    /// are its relationships.
    pub(crate) async fn make_up_for(&self, registration: &Registration, time: TimeDelta) -> Result<bool, RemoveError> {
        let deadline = Instant::now() + time.to_std().unwrap_or_default();
        self.register(&self.retry, registration, deadline).await?;
        let owed = self.ledger.settle_owed(&registration.resource).await?;
        if !owed {
            self.clear_up(registration).await;
        }
        Ok(owed)
    }
}
