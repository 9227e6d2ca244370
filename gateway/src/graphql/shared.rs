//! What the nodes of one list find out once for all of them.
//!
//! The first field that needs a thing finds it for the whole list, in one call; the others wait for
//! it. No timer decides when a batch is full: the list itself is the batch.

use crate::Failure;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Something found at most once, and the failure to find it likewise.
pub struct Once<V>(OnceCell<Result<V, Failure>>);

impl<V> Once<V> {
    /// Not found yet.
    pub const fn later() -> Self {
        Self(OnceCell::const_new())
    }

    /// Found already.
    pub fn known(value: V) -> Self {
        Self(OnceCell::new_with(Some(Ok(value))))
    }

    /// The thing, found by `find` if nobody has yet.
    pub async fn get<F>(&self, find: impl FnOnce() -> F) -> Result<&V, Failure>
    where
        F: Future<Output = Result<V, Failure>>,
    {
        // In a box: it is found by one of thousands who ask, and all of them would be as large as what finds it.
        self.0.get_or_init(|| Box::pin(find())).await.as_ref().map_err(Clone::clone)
    }
}

/// Things found at most once for each set of arguments, of which a query names but a few.
pub struct PerArguments<K, V>(Mutex<Vec<(K, Arc<Once<V>>)>>);

impl<K: PartialEq, V: Clone> PerArguments<K, V> {
    /// Nothing found yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The thing for these arguments, found by `find` if nobody has yet.
    pub async fn get<F>(&self, key: K, find: impl FnOnce() -> F) -> Result<V, Failure>
    where
        F: Future<Output = Result<V, Failure>>,
    {
        let once = self.once(key);
        once.get(find).await.cloned()
    }

    fn once(&self, key: K) -> Arc<Once<V>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, once)) = all.iter().find(|(known, _)| *known == key) {
            return Arc::clone(once);
        }
        let once = Arc::new(Once::later());
        all.push((key, Arc::clone(&once)));
        once
    }
}
