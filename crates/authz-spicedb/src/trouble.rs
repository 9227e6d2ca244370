//! What `SpiceDB` reports, in the port's words. None of it is ever a denial.

use authz::EngineError;
use tonic::{Code, Status};

/// Why a call has no answer.
pub fn failed(status: Status) -> EngineError {
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => EngineError::TimedOut,
        Code::Unavailable | Code::ResourceExhausted | Code::Aborted | Code::Internal | Code::Unknown => {
            EngineError::Unavailable(Box::new(status))
        }
        // Trying again would not help: a schema that is not ours, a credential that is not taken.
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => EngineError::Malformed(format!("{:?}: {}", status.code(), status.message())),
    }
}

/// An answer that is none.
pub fn nonsense(what: &str) -> EngineError {
    EngineError::Malformed(what.to_owned())
}
