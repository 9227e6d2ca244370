//! The status machine.

use crate::TaskId;
use authz::{
    Permit,
    action::{Cancel, Update},
};
use std::fmt;

/// Where a task stands. Words as in agentex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Being worked on.
    Running,
    /// Stopped for now; its next turn resumes it.
    Interrupted,
    /// Done.
    Completed,
    /// Broken.
    Failed,
    /// Ended by its owner.
    Canceled,
    /// Ended by an operator or an agent.
    Terminated,
    /// Out of time.
    TimedOut,
}

impl Status {
    /// Every status there is.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Interrupted,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::TimedOut,
    ];

    /// The word on wires and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Interrupted => "INTERRUPTED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Terminated => "TERMINATED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// The status behind a word, if it is one of ours.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing leads out of it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        Self::ALL.into_iter().all(|to| !to.sources().contains(&self))
    }

    /// From where a transition may lead here.
    #[must_use]
    pub const fn sources(self) -> &'static [Self] {
        match self {
            Self::Running => &[Self::Interrupted],
            Self::Interrupted => &[Self::Running],
            Self::Completed | Self::Failed | Self::Canceled | Self::Terminated | Self::TimedOut => {
                &[Self::Running, Self::Interrupted]
            }
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step along the status machine. It is made from the permit that the step needs, so a step
/// without its permit cannot be taken.
#[derive(Debug)]
pub struct Transition<'a> {
    task: &'a TaskId,
    to: Status,
    reason: String,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident: $action:ident => $to:ident, $default:literal;)*) => { $(
        $(#[$doc])* ///
        #[doc = concat!("Without a reason, or with an empty one: `", $default, "`.")]
        #[must_use]
        pub fn $name(permit: &'a Permit<authz::Task, $action>, reason: Option<String>) -> Self {
            let reason = reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| $default.to_owned());
            Self { task: permit.id(), to: Status::$to, reason }
        }
    )* };
}

impl<'a> Transition<'a> {
    steps! {
        /// The work is done.
        complete: Update => Completed, "Task completed";
        /// The work broke.
        fail: Update => Failed, "Task failed";
        /// The work was ended.
        terminate: Update => Terminated, "Task terminated";
        /// The work ran out of time.
        time_out: Update => TimedOut, "Task timed_out";
        /// The work stops for now.
        interrupt: Update => Interrupted, "Task interrupted";
        /// The owner ends the work.
        cancel: Cancel => Canceled, "Task canceled";
    }

    /// The task to move.
    #[must_use]
    pub const fn task(&self) -> &TaskId {
        self.task
    }

    /// Where to.
    #[must_use]
    pub const fn to(&self) -> Status {
        self.to
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Canceled, Completed, Failed, Interrupted, Running, Terminated, TimedOut};
    use super::*;

    #[test]
    fn the_whole_machine() {
        let leads: Vec<_> = Status::ALL
            .into_iter()
            .flat_map(|from| Status::ALL.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| to.sources().contains(from))
            .collect();
        let mut expected = vec![];
        for from in [Running, Interrupted] {
            expected.extend([Completed, Failed, Canceled, Terminated, TimedOut].map(|to| (from, to)));
        }
        expected.extend([(Running, Interrupted), (Interrupted, Running)]);
        assert_eq!(leads.len(), expected.len());
        assert!(expected.iter().all(|edge| leads.contains(edge)));
    }

    #[test]
    fn only_running_and_interrupted_are_open() {
        let open: Vec<_> = Status::ALL.into_iter().filter(|status| !status.is_terminal()).collect();
        assert_eq!(open, [Running, Interrupted]);
    }

    #[test]
    fn words_lead_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.as_str()), Some(status));
        }
        assert_eq!(Status::from_word("DELETED"), None);
    }
}
