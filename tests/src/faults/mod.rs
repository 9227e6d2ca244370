//! Faults on purpose: gateways that die, answers that do not come, callers who hang up. And what must be
//! true afterwards: each row has its relationships, nothing else has any, and what was acknowledged stands.

mod hangups;
mod kills;
mod scene;
mod steps;
mod troubles;

pub use hangups::{hang_up_at_any_moment, hang_up_at_every_step};
pub use kills::{kill_at_every_step, kill_under_load, pause_at_every_step};
pub use scene::{Book, Scene};
pub use steps::{Op, Tally, step};
pub use troubles::{between_two_reconcilers, trouble_the_engine};
