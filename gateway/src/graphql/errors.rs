//! The one place where errors of this edge get their codes.

use crate::Failure;
use async_graphql::{ErrorExtensionValues, ServerError, Value};
use std::sync::Arc;

/// A request that is not GraphQL over HTTP.
pub const BAD_REQUEST: &str = "BAD_REQUEST";
/// A method that is not for this operation.
pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
/// A body of another media type.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
/// No media type the caller accepts.
pub const NOT_ACCEPTABLE: &str = "NOT_ACCEPTABLE";
/// A query that is not GraphQL.
pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// A query that is not for this schema, or beyond its limits.
pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

/// When to try again, in seconds, among an error's extensions.
const RETRY_AFTER: &str = "retryAfter";

/// An error with a code.
pub fn coded(code: &str, mut error: ServerError) -> ServerError {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code);
    error
}

/// An error of the request as a whole.
pub fn said(code: &str, message: &(impl ToString + ?Sized)) -> ServerError {
    coded(code, ServerError::new(message.to_string(), None))
}

/// A failure of the request as a whole.
pub fn failed(failure: &Failure) -> ServerError {
    failure.log();
    timed(said(failure.code().as_str(), failure), failure)
}

/// How long to wait before trying again, in seconds, as an error says it.
pub fn retry_after(error: &ServerError) -> Option<u64> {
    let Value::Number(seconds) = error.extensions.as_ref()?.get(RETRY_AFTER)? else { return None };
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
        error.extensions.get_or_insert_with(ErrorExtensionValues::default).set(RETRY_AFTER, seconds);
    }
    error
}

fn code(error: &ServerError) -> &'static str {
    match error.source::<Failure>() {
        Some(failure) => failure.code().as_str(),
        // Only fields have a path, so this one was found before any was resolved.
        None if error.path.is_empty() => VALIDATION_FAILED,
        // An argument that is of its type's form and not of its type, such as a number too large.
        None => crate::Code::BadUserInput.as_str(),
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
