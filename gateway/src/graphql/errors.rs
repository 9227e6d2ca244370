//! The one place where errors of this edge get their codes.

use super::limits::TooMuch;
use crate::{Code, Failure};
use async_graphql::{ErrorExtensionValues, ServerError, Value, value};
use http::{HeaderMap, HeaderName};
use instruments::Edge;
use std::sync::Arc;
use uuid::Uuid;

/// A request that is not GraphQL over HTTP.
pub const BAD_REQUEST: &str = Code::BadRequest.as_str();
/// A method that is not for this operation.
pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
/// A body of another media type.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
/// No media type the caller accepts.
pub const NOT_ACCEPTABLE: &str = "NOT_ACCEPTABLE";
/// A query that is not GraphQL.
const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// A query that is not for this schema.
pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
/// A query beyond the limits.
pub const LIMIT_EXCEEDED: &str = "GRAPHQL_LIMIT_EXCEEDED";
/// A digest of no document that is here. Apollo's clients send the document then.
pub const PERSISTED_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
/// Documents cannot be left here. Apollo's clients then send them whole from now on.
pub const PERSISTED_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
/// A document that is not one of the trusted, where only they are answered.
pub const NOT_TRUSTED: &str = "DOCUMENT_NOT_TRUSTED";

/// The header with a request's id, of the request and of its answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const DETAILS: &str = "details";
/// When to try again, in seconds, among the details.
const RETRY_AFTER: &str = "retryAfter";
/// The longest id of a request that a caller may choose.
const LONGEST_ID: usize = 128;
/// The longest message of the parser's, in characters.
const LONGEST_MESSAGE: usize = 500;

/// An error with a code.
pub fn coded(code: &str, mut error: ServerError) -> ServerError {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code);
    error
}

/// An error of the request as a whole.
pub fn said(code: &str, message: &(impl ToString + ?Sized)) -> ServerError {
    coded(code, ServerError::new(message.to_string(), None))
}

/// A query that is not GraphQL. What is wrong is said with the line that it is on, of which so much is enough.
pub fn unparsed(error: impl Into<ServerError>) -> ServerError {
    let mut error = error.into();
    if let Some((end, _)) = error.message.char_indices().nth(LONGEST_MESSAGE) {
        error.message.truncate(end);
        error.message.push('…');
    }
    coded(PARSE_FAILED, error)
}

/// A failure of the request as a whole.
pub fn failed(failure: &Failure) -> ServerError {
    failure.log();
    timed(said(failure.code().as_str(), failure), failure)
}

/// A failure that [`settle`] will find.
pub fn of(failure: &Failure) -> ServerError {
    ServerError { source: Some(Arc::new(failure.clone())), ..ServerError::new(failure.to_string(), None) }
}

/// Beyond a limit, which the details name.
pub fn too_much(error: TooMuch) -> ServerError {
    let mut said = said(LIMIT_EXCEEDED, &error);
    let details = value!({ "limit": error.bound.as_str(), "most": (error.most) });
    said.extensions.get_or_insert_with(ErrorExtensionValues::default).set(DETAILS, details);
    ServerError { source: Some(Arc::new(error)), ..said }
}

/// Whether an error has this code.
pub fn is(error: &ServerError, code: &str) -> bool {
    let found = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    matches!(found, Some(Value::String(found)) if found == code)
}

/// The id of a request: what the caller or the server has called it, or a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    let named = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let named = named.filter(|id| (1..=LONGEST_ID).contains(&id.len()));
    named.map_or_else(|| Uuid::new_v4().to_string(), ToOwned::to_owned)
}

/// Says in an error, which now leaves, of which request it is, and counts it. Every error has details, if only empty ones.
pub fn stamp(error: &mut ServerError, request_id: &str) {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if let Some(Value::String(code)) = extensions.get("code") {
        instruments::failed(Edge::GraphQl, code);
    }
    extensions.set("requestId", request_id);
    if extensions.get(DETAILS).is_none() {
        extensions.set(DETAILS, value!({}));
    }
}

/// How long to wait before trying again, in seconds, as an error says it.
pub fn retry_after(error: &ServerError) -> Option<u64> {
    let Value::Object(details) = error.extensions.as_ref()?.get(DETAILS)? else { return None };
    let Value::Number(seconds) = details.get(RETRY_AFTER)? else { return None };
    seconds.as_u64()
}

/// Gives every error of an answer its code, and logs what is ours. Resolvers fail with a [`Failure`],
/// which the library carries as the error's source.
pub fn settle(errors: Vec<ServerError>) -> Vec<ServerError> {
    log(&errors);
    let settled = errors.into_iter().map(|error| {
        let (code, failure) = (code(&error), error.source::<Failure>().cloned());
        let error = coded(code, error);
        if let Some(failure) = failure { timed(error, &failure) } else { error }
    });
    settled.collect()
}

/// Says when trying again may help, as the header of that name does.
fn timed(mut error: ServerError, failure: &Failure) -> ServerError {
    if let Some(seconds) = failure.retry_after() {
        let details = value!({ "retryAfter": (seconds) });
        error.extensions.get_or_insert_with(ErrorExtensionValues::default).set(DETAILS, details);
    }
    error
}

fn code(error: &ServerError) -> &'static str {
    if error.source::<TooMuch>().is_some() {
        return LIMIT_EXCEEDED;
    }
    match error.source::<Failure>() {
        Some(failure) => failure.code().as_str(),
        // Only fields have a path, so this one was found before any was resolved.
        None if error.path.is_empty() => VALIDATION_FAILED,
        // An argument that is of its type's form and not of its type, such as a number too large.
        None => Code::BadUserInput.as_str(),
    }
}

/// One failed call fails the fields of a whole list, and is logged once.
fn log(errors: &[ServerError]) {
    let mut causes = Vec::new();
    for failure in errors.iter().filter_map(ServerError::source::<Failure>) {
        if let Failure::Unavailable(cause) | Failure::Internal(cause) = failure {
            if causes.iter().any(|known| Arc::ptr_eq(known, cause)) {
                continue;
            }
            causes.push(Arc::clone(cause));
        }
        failure.log();
    }
}
