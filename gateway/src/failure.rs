//! What can go wrong, once, for both edges: a status and a stable code for each kind of failure.
//!
//! Messages speak to the caller and name nothing of what lies behind the gateway; causes go to the
//! log, where the failure is answered.

use authz::{By, Denial, Refusal, Requested};
use authz_router::RouteError;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use dual_write::{CreateError, LedgerError, ScanError, SwitchError};
use http::{HeaderValue, StatusCode, header};
use instruments::Edge;
use serde_json::json;
use std::{error::Error, io, sync::Arc, time::Duration};

type Cause = Arc<dyn Error + Send + Sync>;

/// The stable code of a failure: GraphQL's `extensions.code`, REST's `x-error-code` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// No credential, or one that is nobody's.
    Unauthenticated,
    /// Not there, or not for this caller.
    NotFound,
    /// Visible, but not for this caller to do this to.
    Forbidden,
    /// It is no request that could be meant, whatever it is for.
    BadRequest,
    /// The request is not of the form this operation takes.
    BadUserInput,
    /// The request is well-formed, and the present state does not allow it.
    FailedPrecondition,
    /// A name is taken.
    AlreadyExists,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is of a kind that is not read.
    UnsupportedMediaType,
    /// The caller has asked for too much in too short a time.
    RateLimited,
    /// Something behind the gateway cannot be reached. Trying again may help.
    Unavailable,
    /// A fault of the gateway's own.
    Internal,
}

impl Code {
    /// The word on wires.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::NotFound => "NOT_FOUND",
            Self::Forbidden => "FORBIDDEN",
            Self::BadRequest => "BAD_REQUEST",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::BadUserInput => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BadRequest | Self::FailedPrecondition => StatusCode::BAD_REQUEST,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a request was not answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// No credential, or one that is nobody's.
    #[error("Unauthorized")]
    Unauthenticated,
    /// The gate said no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// It is for those who operate the deployment.
    #[error("only operators of the deployment may do this")]
    NotOperator,
    /// It is no request that could be meant, whatever it is for.
    #[error("{0}")]
    BadRequest(String),
    /// The request is not of the form this operation takes.
    #[error("{0}")]
    Invalid(String),
    /// The present state does not allow it.
    #[error("{0}")]
    Precondition(String),
    /// A name is taken.
    #[error("{0}")]
    AlreadyExists(String),
    /// The body is too large.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The largest body, in bytes.
        limit: usize,
    },
    /// The body is of a kind that is not read.
    #[error("the request body must be JSON: `application/json`")]
    UnsupportedMediaType,
    /// The caller has asked for too much in too short a time.
    #[error("you have asked for too much in too short a time; try again in {} s", whole_seconds(.retry_after))]
    Overspent {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Something behind the gateway cannot be reached.
    #[error("the service is temporarily unavailable; try again shortly")]
    Unavailable(#[source] Cause),
    /// Something behind the gateway has been failing, and is left alone for a while.
    #[error("the service is temporarily unavailable; try again in {} s", whole_seconds(.retry_after))]
    Suspended {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A fault of the gateway's own.
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl Failure {
    /// A request of the wrong form.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Something that cannot be reached.
    #[must_use]
    pub fn unavailable(cause: Cause) -> Self {
        Self::Unavailable(cause)
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Denied(Denial::Hidden { .. }) => Code::NotFound,
            Self::Denied(Denial::Forbidden { .. }) | Self::NotOperator => Code::Forbidden,
            Self::BadRequest(_) => Code::BadRequest,
            Self::Invalid(_) => Code::BadUserInput,
            Self::Precondition(_) => Code::FailedPrecondition,
            Self::AlreadyExists(_) => Code::AlreadyExists,
            Self::TooLarge { .. } => Code::PayloadTooLarge,
            Self::UnsupportedMediaType => Code::UnsupportedMediaType,
            Self::Overspent { .. } => Code::RateLimited,
            Self::Unavailable(_) | Self::Suspended { .. } => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// How long to wait before trying again, in seconds, when that may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        if let Self::Suspended { retry_after } | Self::Overspent { retry_after } = self {
            return Some(whole_seconds(retry_after));
        }
        (self.code() == Code::Unavailable).then_some(1)
    }

    /// Writes the cause of a failure of ours to the log. Called once, where the failure is answered.
    pub fn log(&self) {
        match self {
            Self::Unavailable(cause) => tracing::warn!(cause = chain(&**cause), "a dependency is unavailable"),
            Self::Internal(cause) => tracing::error!(cause = chain(&**cause), "internal error"),
            Self::Unauthenticated
            | Self::Denied(_)
            | Self::NotOperator
            | Self::BadRequest(_)
            | Self::Invalid(_)
            | Self::Precondition(_)
            | Self::AlreadyExists(_)
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType
            | Self::Overspent { .. }
            | Self::Suspended { .. } => {}
        }
    }
}

/// At least one, and never too early.
fn whole_seconds(wait: &Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

/// An error and its sources, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// REST's answer, with the bodies that agentex gives.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.log();
        let (code, message, retry_after) = (self.code(), self.to_string(), self.retry_after());
        instruments::failed(Edge::Rest, code.as_str());
        let status = code.status();
        let body = match code {
            Code::Unauthenticated => json!({ "detail": message }),
            Code::BadUserInput => json!({ "status_code": 10422, "message": message, "data": null }),
            Code::NotFound
            | Code::Forbidden
            | Code::BadRequest
            | Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::PayloadTooLarge
            | Code::UnsupportedMediaType
            | Code::RateLimited
            | Code::Unavailable
            | Code::Internal => json!({ "message": message, "code": status.as_u16(), "data": null }),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert("x-error-code", HeaderValue::from_static(code.as_str()));
        if code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(denial) => Self::Denied(denial),
            Refusal::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl<E: Into<Self>> From<CreateError<E>> for Failure {
    fn from(error: CreateError<E>) -> Self {
        match error {
            CreateError::Ledger(error) => Self::Unavailable(Arc::new(error)),
            CreateError::CircuitOpen { retry_after } => Self::Suspended { retry_after },
            CreateError::Engine(error) => Self::Unavailable(Arc::new(error)),
            CreateError::Overtaken => Self::Unavailable(Arc::new(io::Error::from(io::ErrorKind::TimedOut))),
            CreateError::Persist(error) => error.into(),
        }
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<SwitchError> for Failure {
    fn from(error: SwitchError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<tasks::StoreError> for Failure {
    fn from(error: tasks::StoreError) -> Self {
        use tasks::StoreError as E;
        match error {
            E::NameTaken { .. } => Self::AlreadyExists(error.to_string()),
            E::NoSuchAgent | E::WrongStatus { .. } => Self::Precondition(error.to_string()),
            E::Unstorable => Self::Invalid(error.to_string()),
            E::Superseded | E::Unavailable(_) => Self::Unavailable(Arc::new(error)),
            E::Corrupt { .. } => Self::Internal(Arc::new(error)),
        }
    }
}

impl From<agents::StoreError> for Failure {
    fn from(error: agents::StoreError) -> Self {
        use agents::StoreError as E;
        match error {
            E::NameTaken { .. } => Self::AlreadyExists(error.to_string()),
            E::Unstorable => Self::Invalid(error.to_string()),
            E::Superseded | E::Unavailable(_) => Self::Unavailable(Arc::new(error)),
            E::Corrupt { .. } => Self::Internal(Arc::new(error)),
        }
    }
}

impl From<api_keys::StoreError> for Failure {
    fn from(error: api_keys::StoreError) -> Self {
        use api_keys::StoreError as E;
        match error {
            E::NameTaken { .. } | E::KeyTaken => Self::AlreadyExists(error.to_string()),
            E::NoSuchAgent => Self::Precondition(error.to_string()),
            E::Unstorable => Self::Invalid(error.to_string()),
            E::Superseded | E::Unavailable(_) => Self::Unavailable(Arc::new(error)),
        }
    }
}

impl From<trackers::StoreError> for Failure {
    fn from(error: trackers::StoreError) -> Self {
        use trackers::StoreError as E;
        match error {
            E::UnknownEvent { .. } | E::Backwards { .. } => Self::Precondition(error.to_string()),
            E::Unstorable => Self::Invalid(error.to_string()),
            E::Unavailable(_) => Self::Unavailable(Arc::new(error)),
        }
    }
}

impl From<checkpoints::StoreError> for Failure {
    fn from(error: checkpoints::StoreError) -> Self {
        use checkpoints::StoreError as E;
        match error {
            E::Unstorable => Self::Invalid(error.to_string()),
            E::Unavailable(_) => Self::Unavailable(Arc::new(error)),
        }
    }
}

impl From<conversations::StoreError> for Failure {
    fn from(error: conversations::StoreError) -> Self {
        use conversations::StoreError as E;
        match error {
            E::NoSuchParent => Self::Precondition(error.to_string()),
            E::NoSuchMessage { id } => {
                Self::Denied(Denial::Hidden { requested: Requested { by: By::Id, text: id.into() } })
            }
            E::StateExists => Self::AlreadyExists(error.to_string()),
            E::Unstorable => Self::Invalid(error.to_string()),
            E::Unavailable(_) => Self::Unavailable(Arc::new(error)),
        }
    }
}
