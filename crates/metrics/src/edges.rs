//! What callers ask and are answered, counted where the answer leaves.

use crate::{
    handles::{add, known, record, shift},
    registry::edges::{
        CODES, FAILURES, GRAPHQL_DURATION, GRAPHQL_OPERATIONS, HTTP_DURATION, HTTP_REQUESTS, HTTP_UNDER_WAY, METHODS,
        OTHER,
    },
};
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
    add(&FAILURES, [edge, of(CODES, code)], 1);
}

/// An HTTP request that is being answered. It is counted when this is dropped, whoever drops it: one that was
/// not [answered](Answering::answered) by then was given up by its caller.
#[derive(Debug)]
pub struct Answering {
    method: &'static str,
    route: &'static str,
    since: Instant,
    status: &'static str,
}

impl Answering {
    /// A request arrives: with this method, for the route of this template, if there is one.
    #[must_use]
    pub fn begin(method: &str, route: Option<&str>) -> Self {
        shift(&HTTP_UNDER_WAY, [], 1.0);
        let route = route.map_or(OTHER, known);
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
        let Self { method, route, since, status } = *self;
        shift(&HTTP_UNDER_WAY, [], -1.0);
        record(&HTTP_DURATION, [method, route], since.elapsed().as_secs_f64());
        add(&HTTP_REQUESTS, [method, route, status], 1);
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

/// A GraphQL operation that is being executed. It is counted when this is dropped: one that has not
/// [ended](Executing::end) by then took too long, or its caller hung up.
#[derive(Debug)]
pub struct Executing {
    operation: &'static str,
    since: Instant,
    outcome: &'static str,
}

impl Executing {
    /// An operation begins. Only the name of a document that the deployment trusts is told apart: a caller could
    /// make up any other.
    #[must_use]
    pub fn begin(trusted: Option<&str>) -> Self {
        Self { operation: trusted.map_or(OTHER, known), since: Instant::now(), outcome: "gone" }
    }

    /// It is over.
    pub fn end(mut self, executed: Executed) {
        self.outcome = match executed {
            Executed::Done => "done",
            Executed::Partly => "partial",
            Executed::Refused => "refused",
        };
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        let Self { operation, since, outcome } = *self;
        record(&GRAPHQL_DURATION, [operation], since.elapsed().as_secs_f64());
        add(&GRAPHQL_OPERATIONS, [operation, outcome], 1);
    }
}
