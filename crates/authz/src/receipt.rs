//! What a request has written, as far as freshness goes.

use crate::engine::ConsistencyToken;
use std::sync::{Arc, Mutex, PoisonError};

/// The last token that an engine has given for a write of a request. Clones are one. Writes of a request follow one
/// another, so whoever asks the same engine at least as fresh knows of all of them; to another engine it is a foreign
/// token, which means now.
#[derive(Clone, Debug, Default)]
pub struct Receipt(Arc<Mutex<Option<ConsistencyToken>>>);

impl Receipt {
    /// Something was written. Without a token every answer of that engine knows of it.
    pub fn note(&self, token: Option<&ConsistencyToken>) {
        if let Some(token) = token {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        }
    }

    /// How fresh to ask to know of all that was written; none, when any answer does.
    #[must_use]
    pub fn token(&self) -> Option<ConsistencyToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
