//! Keeps rows and relationships in step, though no transaction spans the two.
//!
//! Every write is an **intent** first, kept beside the rows. Making something is: open the intent;
//! register; persist the row *and settle the intent in one commit*. Ending something is: remove the
//! row *and open the intent in one commit*; deregister; settle. So at every moment an open intent says
//! which of the two sides may be ahead, and whoever finds it later can finish or undo it:
//!
//! | found | then |
//! | --- | --- |
//! | register, open, overdue | its maker is gone: nothing was persisted (that would have settled it), so it is closed to its maker and undone |
//! | undoing | deregister, and once more after [`Reconciler::grace`] if the thing is young, in case a registration that had timed out applies late |
//!
//! | a registration that is owed | register |
//!
//! Registrations are owed when [`Switches`] say so: dual writes are switched per kind of resource and per
//! account, while the program runs.
//!
//! What this cannot see, such as a relationship removed by hand, an [`Inspector`] finds by comparing both sides.
//!
//! Nothing here knows what a task or a database is.

mod circuit;
mod compare;
mod inspect;
mod intent;
mod ledger;
mod orphan;
mod reconcile;
mod retry;
mod saga;
mod scan;
mod switches;

pub use circuit::Circuit;
pub use compare::Pages;
pub use inspect::{COMPARED, Comparison, Explanation, Extract, Finding, Inspector, Repair, Step, Wait};
pub use intent::{Intent, Op, Stage};
pub use ledger::{Backlog, LEDGER_VERSION, Ledger, LedgerError, Owed};
pub use orphan::{Direction, Obstacle, Orphan, Remedy, Row, judge};
pub use reconcile::{Reconciler, Swept};
pub use retry::{Event, Observer, RetryPolicy, Silent};
pub use saga::{CreateError, DualWrite};
pub use scan::{RowScan, ScanError, Tally};
pub use switches::{
    Change, Ear, Mode, Order, Switch, SwitchError, SwitchStore, Switches, UnknownResource, switched_kind,
};
