//! What the suites about operators' scans stand on.

use crate::World;
use authz::{Authorizer, RegistrationScan, RelationshipScan};
use dual_write::RowScan;
use std::sync::Arc;

/// An engine, and the same engine as operators read it.
pub struct Registry {
    /// What is written to.
    pub engine: Arc<dyn Authorizer>,
    /// What is read.
    pub registrations: Arc<dyn RegistrationScan>,
}

/// An engine, and the same engine as it is read to be copied.
pub struct Readable {
    /// What is written to.
    pub engine: Arc<dyn Authorizer>,
    /// What is read.
    pub relationships: Arc<dyn RelationshipScan>,
}

/// A world, and its rows as operators read them.
pub struct Scanned {
    /// Where rows are made.
    pub world: World,
    /// The rows.
    pub rows: Arc<dyn RowScan>,
}
