//! How far a long scan has come, on a terminal; nowhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error. It draws nothing when that is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar for about `expected` rows, which may be unknown (0) and may be wrong.
    pub(super) fn new(expected: u64) -> Self {
        let (bar, template) = if expected == 0 {
            (ProgressBar::new_spinner(), "{spinner} {pos} rows compared, {msg} ({per_sec}, {elapsed})")
        } else {
            (ProgressBar::new(expected), "{bar:32} {pos} of about {len} rows, {msg} ({per_sec}, {eta} left)")
        };
        // A template that cannot be read leaves the plain bar.
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// So many rows have been compared, so many orphans found.
    pub(super) fn at(&self, rows: u64, orphans: u64) {
        if self.0.length().is_some_and(|length| rows > length) {
            self.0.set_length(rows);
        }
        self.0.set_message(format!("{orphans} orphans"));
        self.0.set_position(rows);
    }

    /// Does something that writes, with the bar out of its way.
    pub(super) fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How far a copy has come. It draws nothing when standard error is no terminal.
pub(super) struct Copied(ProgressBar);

impl Copied {
    /// A copy that has not begun.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        Self(match ProgressStyle::with_template("{spinner} {pos} resources copied, {msg} ({per_sec}, {elapsed})") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// So many resources have been copied, with so many relationships.
    pub(super) fn at(&self, resources: u64, relationships: u64) {
        self.0.set_message(format!("{relationships} relationships"));
        self.0.set_position(resources);
    }

    /// Takes it away.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
