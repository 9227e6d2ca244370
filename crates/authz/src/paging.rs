//! How much of a [`crate::Scope`] to show at once.
//!
//! Pages are found by key, not by counting: the next page starts after the last row's sort key and
//! id, so rows that come and go between two pages are neither repeated nor skipped. `Skip` is there
//! for clients that speak in page numbers.

use std::sync::Arc;

/// Which way a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    #[default]
    Descending,
}

/// The value a list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortKey {
    /// A time, in microseconds since 1970 UTC.
    Time(i64),
    /// A number, such as a sequence id.
    Number(i64),
    /// A text, by its bytes. Absent is the empty text.
    Text(Arc<str>),
}

/// The place right behind a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct After {
    /// The row's sort key.
    pub key: SortKey,
    /// The row's id, which breaks ties in the direction of the list.
    pub id: Arc<str>,
}

/// Where a page starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// At the beginning.
    #[default]
    First,
    /// Right behind a row.
    After(After),
    /// Behind this many rows.
    Skip(u64),
}

/// A page to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// At most this many rows.
    pub limit: u32,
    /// From here.
    pub start: Start,
    /// In this direction.
    pub direction: Direction,
}

impl Window {
    /// The first rows, newest or largest first.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { limit, start: Start::First, direction: Direction::Descending }
    }
}

/// A page that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// Whether another row follows the last one.
    pub more: bool,
}

impl<T> Page<T> {
    /// No rows, and none to follow.
    #[must_use]
    pub const fn empty() -> Self {
        Self { rows: Vec::new(), more: false }
    }

    /// The page in `rows`, of which the store fetched one more than `limit` if there is one.
    #[must_use]
    pub fn cut(mut rows: Vec<T>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, more }
    }
}
