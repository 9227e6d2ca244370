//! Those who run the deployment. What they may see and mend belongs to no one tenant, so no relationship
//! gives it: the configuration does.

use authz::Principal;
use std::{fmt, sync::Arc};

/// The right to operate the deployment, and whose it is. Made from a caller the configuration names, or
/// for whoever runs the program's own commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator(Arc<str>);

impl Operator {
    pub(crate) fn named(principal: &Principal) -> Self {
        Self(principal.to_string().into())
    }

    /// Whoever runs a command of the program with the deployment's configuration: they hold the database.
    #[must_use]
    pub fn at_the_machine() -> Self {
        Self("command line".into())
    }
}

/// Who, for the log.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that is for operators only.
pub struct Operated<T>(T);

impl<T> Operated<T> {
    /// Keeps `inner` for operators.
    pub const fn new(inner: T) -> Self {
        Self(inner)
    }

    /// The thing, for an operator.
    pub const fn open(&self, _: &Operator) -> &T {
        &self.0
    }
}
