//! Which authorization engine answers whom, and what a second one would have said.
//!
//! A deployment may have several engines at once. A [`Route`] says for one kind of resource, and for one account
//! or all, which of them answers, and which other one is asked in its *shadow*: compared and counted, never
//! waited for, never deciding. What nobody has routed goes to the default engine. Routes are replaced while the
//! program runs.
//!
//! | written | must reach, or the write has failed | is told in passing |
//! | --- | --- | --- |
//! | a registration | the engines that answer for its account | their shadows, and the default engine |
//! | a grant | the engines that answer for its account | everybody else in use: others may be let in |
//! | a revocation | every engine that answers anybody | the shadows |
//! | a deregistration | every engine in use | |
//!
//! An answer about a task can depend on what is known of its agent, and that on the tenant: an engine that answers
//! for tasks is told of all three. Whatever takes something away reaches every engine that could still let
//! somebody in. Whatever was missed in passing is counted, and made up for by [`copy`](Copying).
//!
//! An engine that a route names and that this program does not have is as good as down: nobody is let in.

mod copy;
mod fresh;
mod observe;
mod router;
mod routes;
mod shadow;
mod store;
mod view;

pub use copy::{Copied, Copying};
pub use observe::{Observer, Outcome, Silent, Skipped, Written};
pub use router::{InUse, Router};
pub use routes::{Destination, EngineName, Routes, UnknownEngine};
pub use shadow::Settings;
pub use store::{Change, Ear, Order, Route, RouteError, RouteStore};
