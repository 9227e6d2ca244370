//! What callers ask and are answered, counted where the answer leaves.

use crate::registry::edges::{
    CODES, FAILURES, GRAPHQL_DURATION, GRAPHQL_OPERATIONS, HTTP_DURATION, HTTP_REQUESTS, HTTP_UNDER_WAY, METHODS, OTHER,
};
use metrics::{SharedString, counter, gauge, histogram};
use std::time::Instant;

/// Which edge answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// REST.
    Rest,
    /// GraphQL.
    GraphQl,
}

/// The word of `known` that `word` is, or [`OTHER`].
fn of(known: &[&'static str], word: &str) -> &'static str {
    known.iter().copied().find(|known| *known == word).unwrap_or(OTHER)
}

/// Counts a failure that a caller is told of.
pub fn failed(edge: Edge, code: &str) {
    let edge = match edge {
        Edge::Rest => "rest",
        Edge::GraphQl => "graphql",
    };
    counter!(FAILURES.name, "edge" => edge, "code" => of(CODES, code)).increment(1);
}

/// An HTTP request that is being answered. It is counted when this is dropped, whoever drops it: one that was
/// not [answered](Answering::answered) by then was given up by its caller.
#[derive(Debug)]
pub struct Answering {
    method: &'static str,
    route: SharedString,
    since: Instant,
    status: &'static str,
}

impl Answering {
    /// A request arrives: with this method, for the route of this template, if there is one.
    #[must_use]
    pub fn begin(method: &str, route: Option<&str>) -> Self {
        gauge!(HTTP_UNDER_WAY.name).increment(1.0);
        let route = route.map_or(SharedString::const_str(OTHER), |route| SharedString::from_owned(route.to_owned()));
        Self { method: of(METHODS, method), route, since: Instant::now(), status: "gone" }
    }

    /// Its answer has this status.
    pub const fn answered(&mut self, status: u16) {
        self.status = match status {
            0..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let (method, route) = (self.method, self.route.clone());
        gauge!(HTTP_UNDER_WAY.name).decrement(1.0);
        histogram!(HTTP_DURATION.name, "method" => method, "route" => route.clone()).record(self.since.elapsed());
        counter!(HTTP_REQUESTS.name, "method" => method, "route" => route, "status" => self.status).increment(1);
    }
}

/// What came of a GraphQL operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executed {
    /// Every field has what was asked for.
    Done,
    /// Some fields failed.
    Partly,
    /// No field was resolved.
    Refused,
}

/// A GraphQL operation that is being executed.
#[derive(Debug)]
pub struct Executing {
    operation: SharedString,
    since: Instant,
}

impl Executing {
    /// An operation begins. Only the name of a document that the deployment trusts is told apart: a caller could
    /// make up any other.
    #[must_use]
    pub fn begin(trusted: Option<&str>) -> Self {
        let operation =
            trusted.map_or(SharedString::const_str(OTHER), |name| SharedString::from_owned(name.to_owned()));
        Self { operation, since: Instant::now() }
    }

    /// It is over.
    pub fn end(self, executed: Executed) {
        let outcome = match executed {
            Executed::Done => "done",
            Executed::Partly => "partial",
            Executed::Refused => "refused",
        };
        histogram!(GRAPHQL_DURATION.name, "operation" => self.operation.clone()).record(self.since.elapsed());
        counter!(GRAPHQL_OPERATIONS.name, "operation" => self.operation, "outcome" => outcome).increment(1);
    }
}
