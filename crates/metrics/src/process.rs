//! The process and its database connections.

use crate::{
    handles::record,
    registry::process::{BUILD, SQL_CONNECTIONS, SQL_CONNECTIONS_MOST, SQL_DURATION, VERBS},
};
use metrics::gauge;

/// Says which build this is.
pub fn build(version: &'static str) {
    gauge!(BUILD.name, "version" => version).set(1.0);
}

/// Says how many connections of a pool are used and idle, and how many there may be.
pub fn connections(used: u32, idle: u32, most: u32) {
    gauge!(SQL_CONNECTIONS.name, "state" => "used").set(used);
    gauge!(SQL_CONNECTIONS.name, "state" => "idle").set(idle);
    gauge!(SQL_CONNECTIONS_MOST.name).set(most);
}

/// Records how long a statement took, in seconds; `begins` is its first word, in any case.
pub fn statement(begins: &str, seconds: f64) {
    let verb = VERBS.iter().copied().find(|verb| begins.eq_ignore_ascii_case(verb)).unwrap_or("other");
    record(&SQL_DURATION, [verb], seconds);
}
