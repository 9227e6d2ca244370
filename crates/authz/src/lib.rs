//! Who may do what to which resource.
//!
//! One rule holds the house up: **no permit, no data**. A store method on task data takes a
//! [`Permit`] (or a [`Scope`] for lists), never a bare id; only a [`Gate`] mints one; and the permit
//! carries the id that was checked, so checking one id and using another cannot be written.
//!
//! This crate knows nothing of HTTP, SQL or any engine's wire. Engines implement [`Authorizer`].
//!
//! A permit cannot be forged:
//!
//! ```compile_fail,E0451
//! use authz::{Id, Permit, Task, action::Read};
//! fn forge(permit: Permit<Task, Read>) -> Permit<Task, Read> { Permit { id: Id::new("t2"), ..permit } }
//! ```
//!
//! A permit to read is not a permit to update:
//!
//! ```compile_fail,E0308
//! use authz::{Permit, Task, action::{Read, Update}};
//! fn rename(_: &Permit<Task, Update>) {}
//! fn handler(read: &Permit<Task, Read>) { rename(read) }
//! ```
//!
//! A permit on an agent is not a permit on a task:
//!
//! ```compile_fail,E0308
//! use authz::{Agent, Permit, Task, action::Read};
//! fn get(_: &Permit<Task, Read>) {}
//! fn handler(agent: &Permit<Agent, Read>) { get(agent) }
//! ```
//!
//! An action that does not exist on a resource has no permit:
//!
//! ```compile_fail,E0277
//! use authz::{Agent, Gate, Target, action::Cancel};
//! async fn handler(gate: &Gate, agent: &Target<Agent>) { let _ = gate.permit::<Agent, Cancel>(agent).await; }
//! ```
//!
//! A guarded value opens only for the permit it names, and cannot be printed:
//!
//! ```compile_fail,E0308
//! use authz::{Guarded, Permit, Task, action::{Read, Share}};
//! fn leak<'a>(creator: &'a Guarded<String, Task, Share>, read: &Permit<Task, Read>) -> Option<&'a String> { creator.open(read) }
//! ```
//!
//! ```compile_fail,E0277
//! use authz::{Guarded, Task, action::Read};
//! fn log(secret: &Guarded<String, Task, Read>) -> String { format!("{secret:?}") }
//! ```
//!
//! A permit is spent where it was minted: it is not copied into a later request.
//!
//! ```compile_fail,E0599
//! use authz::{Permit, Task, action::Read};
//! fn keep(permit: &Permit<Task, Read>) -> Permit<Task, Read> { permit.clone() }
//! ```

pub mod action;
mod behalf;
mod denial;
mod engine;
pub mod explain;
mod gate;
mod intent;
mod paging;
mod permit;
mod principal;
mod receipt;
mod resource;
mod scan;
pub mod schema;
mod sieve;

pub use action::{Action, ActionSet};
pub use behalf::{Behalf, Bound, Claims, EVERY};
pub use denial::{By, Denial, DenialPolicy, Refusal, Requested};
pub use engine::{
    Authorizer, Beside, Check, Consistency, ConsistencyToken, Decision, EngineError, Extent, Holder, Lookup,
    Registration, Relationship,
};
pub use explain::{Explained, Explainer, RelationshipReader};
pub use gate::Gate;
pub use intent::{Ending, Gone, IntentId, Registered};
pub use paging::{After, Direction, Page, SortKey, Start, Window};
pub use permit::{Grants, Guarded, Named, Permit, Scope, Target};
pub use principal::{Principal, PrincipalKind, UnknownPrincipal};
pub use receipt::Receipt;
pub use resource::{Agent, Allows, ApiKey, BadId, Id, Kind, Resource, ResourceRef, Task, Tenant, UnknownResource};
pub use scan::{Known, RegistrationScan, RelationshipScan};
pub use schema::{Relation, Role};
pub use sieve::Sieve;
