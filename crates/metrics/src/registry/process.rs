//! The process's instruments, and those of its database connections.

use super::{Instrument, Label, QUICK, Values, counter, gauge, histogram};
use metrics::Unit;

/// What statements begin with.
pub const VERBS: &[&str] = &["select", "insert", "update", "delete", "with", "other"];

/// How long statements took.
pub const SQL_DURATION: Instrument = histogram(
    "taskgate_sql_statement_duration_seconds",
    QUICK,
    Unit::Seconds,
    &[Label::of("statement", VERBS)],
    "How long statements took in the database and on the way, by the word they begin with.",
);
/// Connections of the pool.
pub const SQL_CONNECTIONS: Instrument = gauge(
    "taskgate_sql_connections",
    Unit::Count,
    &[Label::of("state", &["used", "idle"])],
    "Connections of this gateway's pool.",
);
/// The most there may be.
pub const SQL_CONNECTIONS_MOST: Instrument = gauge(
    "taskgate_sql_connections_limit",
    Unit::Count,
    &[],
    "The most connections the pool may hold: `database.max_connections`.",
);
/// Which build this is.
pub const BUILD: Instrument = gauge(
    "taskgate_build_info",
    Unit::Count,
    &[Label { name: "version", values: Values::Known("this program's version") }],
    "1, with the version of the program that runs.",
);

const CPU: Instrument = counter("process_cpu_seconds_total", &[], "Processor time used, in whole seconds.").seconds();
const DESCRIPTORS: Instrument = gauge("process_open_fds", Unit::Count, &[], "File descriptors that are open.");
const DESCRIPTORS_MOST: Instrument =
    gauge("process_max_fds", Unit::Count, &[], "The most file descriptors that may be open.");
const VIRTUAL: Instrument = gauge("process_virtual_memory_bytes", Unit::Bytes, &[], "Virtual memory.");
const VIRTUAL_MOST: Instrument =
    gauge("process_virtual_memory_max_bytes", Unit::Bytes, &[], "The most virtual memory there may be.");
const RESIDENT: Instrument = gauge("process_resident_memory_bytes", Unit::Bytes, &[], "Resident memory.");
const STARTED: Instrument =
    gauge("process_start_time_seconds", Unit::Seconds, &[], "When the process started, in seconds since 1970.");
const THREADS: Instrument = gauge("process_threads", Unit::Count, &[], "Threads of the process.");

/// Those of the database.
pub const SQL: &[Instrument] = &[SQL_DURATION, SQL_CONNECTIONS, SQL_CONNECTIONS_MOST];
/// Those of the process. Their names but the first are those that every Prometheus client gives.
pub const PROCESS: &[Instrument] =
    &[BUILD, CPU, DESCRIPTORS, DESCRIPTORS_MOST, VIRTUAL, VIRTUAL_MOST, RESIDENT, STARTED, THREADS];
