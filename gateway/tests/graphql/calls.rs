//! What ports were called, and what comes of it.

use authz::{Consistency, ConsistencyToken};
use std::sync::{Arc, Mutex};

/// What comes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Fails,
    Hangs,
    Panics,
}

/// What has been called, in order.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<&'static str>>>, Arc<Mutex<Option<(&'static str, Trouble)>>>, Arc<Mutex<Freshness>>);

/// What the engine says of writes, and how fresh it was asked.
#[derive(Default)]
struct Freshness {
    given: Option<ConsistencyToken>,
    asked: Vec<Consistency>,
}

impl Calls {
    pub fn note(&self, call: &'static str) {
        self.0.lock().unwrap().push(call);
        let trouble = *self.1.lock().unwrap();
        assert!(trouble != Some((call, Trouble::Panics)), "SELECT secret FROM 10.0.0.7");
    }

    /// From now on, this call fails.
    pub fn fail(&self, call: &'static str) {
        *self.1.lock().unwrap() = Some((call, Trouble::Fails));
    }

    /// From now on, this call never ends.
    pub fn hang(&self, call: &'static str) {
        *self.1.lock().unwrap() = Some((call, Trouble::Hangs));
    }

    /// From now on, this call panics.
    pub fn panic(&self, call: &'static str) {
        *self.1.lock().unwrap() = Some((call, Trouble::Panics));
    }

    /// From now on the engine says this of how fresh to ask to know of what it is told.
    pub fn give(&self, token: &str) {
        self.2.lock().unwrap().given = Some(ConsistencyToken::new(token));
    }

    pub fn given(&self) -> Option<ConsistencyToken> {
        self.2.lock().unwrap().given.clone()
    }

    /// How fresh the engine was asked since this was last asked, in order.
    pub fn freshness(&self) -> Vec<Consistency> {
        std::mem::take(&mut self.2.lock().unwrap().asked)
    }

    pub fn asks(&self, consistency: &Consistency) {
        self.2.lock().unwrap().asked.push(consistency.clone());
    }

    /// What lies behind the port has gone away, if `call` is to fail. Nobody may be told why.
    pub async fn trouble(&self, call: &'static str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let trouble = *self.1.lock().unwrap();
        match trouble.filter(|(troubled, _)| *troubled == call) {
            Some((_, Trouble::Fails)) => Err("SELECT secret FROM 10.0.0.7".into()),
            Some((_, Trouble::Hangs)) => std::future::pending().await,
            Some((_, Trouble::Panics)) | None => Ok(()),
        }
    }

    /// The calls since this was last asked, sorted.
    pub fn take(&self) -> Vec<&'static str> {
        let mut calls = std::mem::take(&mut *self.0.lock().unwrap());
        calls.sort_unstable();
        calls
    }
}
