//! The edges' instruments: what callers asked over HTTP and in GraphQL, and what they were answered.

use super::{Instrument, Label, QUICK, Values, counter, gauge, histogram};
use metrics::Unit;

/// Methods that are told apart; others are `other`.
pub const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"];
/// Classes of answers; `gone` is a caller who hung up before there was one.
pub const STATUSES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];
/// The codes of failures, as callers hear them (README, *When it says no*).
pub const CODES: &[&str] = &[
    "UNAUTHENTICATED",
    "NOT_FOUND",
    "FORBIDDEN",
    "BAD_USER_INPUT",
    "FAILED_PRECONDITION",
    "ALREADY_EXISTS",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "UNAVAILABLE",
    "INTERNAL",
    "RATE_LIMITED",
    "BAD_REQUEST",
    "METHOD_NOT_ALLOWED",
    "NOT_ACCEPTABLE",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "GRAPHQL_LIMIT_EXCEEDED",
    "PERSISTED_QUERY_NOT_FOUND",
    "PERSISTED_QUERY_NOT_SUPPORTED",
    "DOCUMENT_NOT_TRUSTED",
    "other",
];
/// The value of a label that stands for whatever is not told apart.
pub const OTHER: &str = "other";

const METHOD: Label = Label::of("method", METHODS);
const ROUTE: Label = Label {
    name: "route",
    values: Values::Known(
        "a route's template, such as `/tasks/{task_id}`; `other` for a path that there is no route of",
    ),
};
const OPERATION: Label = Label {
    name: "operation",
    values: Values::Known(
        "the name of an operation in a document that the deployment trusts, asked for by its id or where only such are answered; `other` for all that callers wrote themselves",
    ),
};

/// HTTP requests that were answered, or given up.
pub const HTTP_REQUESTS: Instrument = counter(
    "taskgate_http_requests_total",
    &[METHOD, ROUTE, Label::of("status", STATUSES)],
    "HTTP requests by the class of their answer; `gone` when the caller hung up before there was one.",
)
.when_counted();
/// How long they took.
pub const HTTP_DURATION: Instrument = histogram(
    "taskgate_http_request_duration_seconds",
    QUICK,
    Unit::Seconds,
    &[METHOD, ROUTE],
    "How long HTTP requests took, from their head to the head of the answer.",
);
/// Those that are being answered.
pub const HTTP_UNDER_WAY: Instrument =
    gauge("taskgate_http_requests_under_way", Unit::Count, &[], "HTTP requests that are being answered.");
/// GraphQL operations that were executed or refused.
pub const GRAPHQL_OPERATIONS: Instrument = counter(
    "taskgate_graphql_operations_total",
    &[OPERATION, Label::of("outcome", &["done", "partial", "refused", "gone"])],
    "GraphQL operations: `done` without an error, `partial` with some in their fields, `refused` before any field was resolved, `gone` when they took too long or the caller hung up. What is no operation yet, such as a text that is no GraphQL, is among the failures only.",
)
.when_counted();
/// How long they took.
pub const GRAPHQL_DURATION: Instrument = histogram(
    "taskgate_graphql_operation_duration_seconds",
    QUICK,
    Unit::Seconds,
    &[OPERATION],
    "How long GraphQL operations took, from the document to the data; a batch counts each.",
);
/// Failures that callers were told of.
pub const FAILURES: Instrument = counter(
    "taskgate_failures_total",
    &[Label::of("edge", &["rest", "graphql"]), Label::of("code", CODES)],
    "Failures that callers were told of, by their code; in GraphQL each failed field is one. `NOT_FOUND`, `FORBIDDEN` and `UNAUTHENTICATED` are denials.",
);

/// All of them.
pub const ALL: &[Instrument] =
    &[HTTP_REQUESTS, HTTP_DURATION, HTTP_UNDER_WAY, GRAPHQL_OPERATIONS, GRAPHQL_DURATION, FAILURES];
