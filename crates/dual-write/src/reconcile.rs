//! Finishes or undoes what was begun and not settled.

use crate::{DualWrite, Intent, LedgerError, Owed, Stage, saga::Removed};
use chrono::TimeDelta;
use std::sync::Arc;

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Intents whose work is done, and that are settled.
    pub settled: u32,
    /// Intents that were undone, and will be looked at once more.
    pub undone: u32,
    /// Registrations that were owed, and are made up for.
    pub registered: u32,
    /// Intents and owed registrations whose work failed again, and that stay.
    pub left: u32,
}

impl Swept {
    /// How many there were.
    #[must_use]
    pub const fn all(&self) -> u32 {
        self.settled + self.undone + self.registered + self.left
    }
}

/// Sweeps the ledger. Any number may run at once: a claim keeps others off an intent.
pub struct Reconciler {
    /// The dual write whose leftovers these are.
    pub dual_write: Arc<DualWrite>,
    /// How long after an undoing a registration that timed out may still apply.
    pub grace: TimeDelta,
    /// For how long a claim keeps other reconcilers off.
    pub lease: TimeDelta,
    /// How many intents one sweep takes on.
    pub batch: u32,
}

impl Reconciler {
    /// One sweep over what is due.
    pub async fn sweep(&self) -> Result<Swept, LedgerError> {
        let due = self.dual_write.ledger.claim(self.batch, self.lease).await?;
        let mut swept = Swept::default();
        for intent in due {
            self.see_to(&intent, &mut swept).await?;
        }
        for owed in self.dual_write.ledger.claim_owed(self.batch, self.lease).await? {
            self.make_up_for(&owed, &mut swept).await;
        }
        Ok(swept)
    }

    async fn make_up_for(&self, owed: &Owed, swept: &mut Swept) {
        match self.dual_write.make_up_for(&owed.registration, self.lease).await {
            Ok(true) => swept.registered += 1,
            // Its row was ended meanwhile.
            Ok(false) => swept.settled += 1,
            Err(error) => {
                tracing::warn!(%error, resource = %owed.registration.resource, "a registration stays owed");
                swept.left += 1;
            }
        }
    }

    async fn see_to(&self, intent: &Intent, swept: &mut Swept) -> Result<(), LedgerError> {
        let ledger = &self.dual_write.ledger;
        // Its maker is overdue. From here on its commit cannot succeed; if it just has, the intent is gone.
        if intent.stage == Stage::Open && !ledger.close(&intent.id).await? {
            swept.settled += 1;
            return Ok(());
        }
        match self.dual_write.remove(intent, self.grace).await {
            Ok(Removed::ForGood) => swept.settled += 1,
            Ok(Removed::ForNow) => swept.undone += 1,
            Err(error) => {
                tracing::warn!(%error, intent = %intent.id, "an intent stays");
                swept.left += 1;
            }
        }
        Ok(())
    }
}
