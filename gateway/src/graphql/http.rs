//! GraphQL over HTTP.
//!
//! With `application/graphql-response+json` the status says whether the request could be executed;
//! with `application/json`, whether it was well-formed. Nothing a caller sends is a 5xx.
//!
//! No page of another site can ask anything in its reader's name: a credential is a header that a browser sends
//! only when our own page, or one of an allowed origin, has put it there. There are no cookies, GET does not
//! write, and a body is JSON or nothing.

use super::{
    Schema, Setup,
    access::Session,
    document::{self, Unfit},
    documents::{Document, Documents},
    errors::{self, said, settle},
    graphiql, measured,
    media::{Media, is_json},
    persisted::{Persisted, Unfound},
    schema,
    stored::Data,
    wire::{Answer, Answered, Answers, Params, Refused, TextParams, respond},
};
use crate::{App, Code, Failure, Introspection, abandoned::Abandoned, budget::Budget, caller::resolve, freshness};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Query, Request, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use std::{io, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tower_http::cors::CorsLayer;

/// How long a browser may remember what it may ask.
const PREFLIGHT: Duration = Duration::from_mins(10);

/// The most that is said about a query that is not executed.
const MOST_ERRORS: usize = 50;

/// What the handlers reach.
struct Edge {
    app: App,
    schema: Schema,
    /// The same, without suggestions.
    terse: Schema,
    persisted: Persisted,
    budget: Arc<dyn Budget>,
    abandoned: Abandoned,
}

pub fn router(app: App, setup: Setup<'_>) -> anyhow::Result<Router> {
    let largest = DefaultBodyLimit::max(app.limits.body_bytes);
    let persisted = Persisted::open(setup.settings, Documents::new(app.limits))?;
    let graphql: MethodRouter<Arc<Edge>> = get(by_get).post(by_post).fallback(by_other_method);
    let mut router = Router::new().route("/graphql", graphql).layer(largest);
    let origins = setup.settings.origins()?;
    if !origins.is_empty() {
        let ours = ["x-api-key", "x-agent-api-key"].map(HeaderName::from_static);
        let others = [header::AUTHORIZATION, header::CONTENT_TYPE, errors::REQUEST_ID, freshness::CONSISTENCY];
        // No cookies are allowed, since none are looked at.
        let cors = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(ours.into_iter().chain(others).collect::<Vec<_>>())
            .expose_headers([errors::REQUEST_ID, header::RETRY_AFTER, freshness::CONSISTENCY])
            .max_age(PREFLIGHT);
        router = router.layer(cors);
    }
    let (schema, terse) = (schema(true), schema(false));
    let edge = Edge { app, schema, terse, persisted, budget: setup.budget, abandoned: setup.abandoned };
    Ok(router.with_state(Arc::new(edge)).merge(graphiql::router()))
}

async fn by_post(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let headers = request.headers().clone();
    respond(&headers, edge.settled(edge.post(request)).await)
}

async fn by_get(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    params: Result<Query<TextParams>, QueryRejection>,
) -> Response {
    let asked = params.as_ref().is_ok_and(|Query(params)| params.asks());
    if !asked && graphiql::wanted(&headers) {
        return graphiql::page().await.into_response();
    }
    respond(&headers, edge.settled(edge.get(&headers, params)).await)
}

async fn by_other_method(headers: HeaderMap) -> Response {
    let message = "GraphQL is asked with GET or POST";
    let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, errors::METHOD_NOT_ALLOWED, message);
    respond(&headers, Err(refused))
}

impl Edge {
    /// What comes of `work`, which may take too long and may panic.
    async fn settled(&self, work: impl Future<Output = Result<Answered, Refused>>) -> Result<Answered, Refused> {
        let work = self.abandoned.watch(AssertUnwindSafe(work).catch_unwind());
        match tokio::time::timeout(self.app.request_timeout, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::Internal(Arc::new(io::Error::other("a resolver panicked"))).into()),
            Err(late) => Err(Failure::Unavailable(Arc::new(late)).into()),
        }
    }

    /// Who is asking, before anything of what they ask is looked at.
    async fn open(&self, headers: &HeaderMap) -> Result<Arc<Session>, Refused> {
        let context = resolve(headers, &self.app).await?;
        Media::accepted(headers).ok_or_else(Refused::not_acceptable)?;
        Ok(Arc::new(Session::new(self.app.clone(), &context, headers, Arc::clone(&self.budget))?))
    }

    async fn post(&self, request: Request) -> Result<Answered, Refused> {
        let session = self.open(request.headers()).await?;
        if !is_json(request.headers()) {
            let message = "the body must be `application/json`, in UTF-8";
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, errors::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge { limit: self.app.limits.body_bytes }.into(),
            _ => Refused::bad("the body could not be read"),
        })?;
        if body.trim_ascii_start().first() != Some(&b'[') {
            let params = serde_json::from_slice(&body).map_err(not_a_request)?;
            let answer = self.run(&session, self.sought(params)?, true).await?;
            return Ok(Answered { answers: Answers::One(answer), told: session.told() });
        }
        // What is no request is found before the first of them writes anything.
        let batch: Vec<_> =
            self.batch(&body)?.into_iter().map(|params| self.sought(params)).collect::<Result<_, _>>()?;
        // One after the other, so that what one writes the next can read.
        let mut answers = Vec::with_capacity(batch.len());
        for sought in batch {
            answers.push(self.run(&session, sought, true).await?);
        }
        Ok(Answered { answers: Answers::Many(answers), told: session.told() })
    }

    /// The requests of a batch. Their number is known before anything is made of them.
    fn batch(&self, body: &[u8]) -> Result<Vec<Params>, Refused> {
        let most = self.app.limits.graphql_batch;
        if most == 0 {
            return Err(Refused::bad("batches are not answered here: send one request at a time"));
        }
        let parts: Vec<&serde_json::value::RawValue> = serde_json::from_slice(body).map_err(not_a_request)?;
        if !(1..=most).contains(&parts.len()) {
            return Err(Refused::bad(&format!("a batch holds 1 to {most} requests")));
        }
        parts.iter().map(|part| serde_json::from_str(part.get()).map_err(not_a_request)).collect()
    }

    async fn get(
        &self,
        headers: &HeaderMap,
        params: Result<Query<TextParams>, QueryRejection>,
    ) -> Result<Answered, Refused> {
        let session = self.open(headers).await?;
        let Query(text) = params.map_err(|_| Refused::bad("the query string could not be read"))?;
        let answer = self.run(&session, self.sought(text.read()?)?, false).await?;
        Ok(Answered { answers: Answers::One(answer), told: session.told() })
    }

    /// A request with the document that it asks for, or why there is none.
    fn sought(&self, mut params: Params) -> Result<(Params, Result<Arc<Document>, Unfound>), Refused> {
        match self.persisted.find(params.wanted()?) {
            Err(unfound @ (Unfound::Nothing | Unfound::Mismatch)) => Err(Refused::bad(&unfound.to_string())),
            found => Ok((params, found)),
        }
    }

    /// Executes one request, which may write if `writing`.
    async fn run(
        &self,
        session: &Arc<Session>,
        (mut params, found): (Params, Result<Arc<Document>, Unfound>),
        writing: bool,
    ) -> Result<Answer, Refused> {
        let document = match found {
            Ok(document) => document,
            Err(unfound) => return Ok(Answer::refused(vec![unfound.error()])),
        };
        let tells = self.tells_schema(session);
        if document.asks_about_schema() && !tells {
            let message = "questions about the schema are not answered here";
            return Ok(Answer::refused(vec![said(errors::VALIDATION_FAILED, message)]));
        }
        let name = params.operation_name.as_deref();
        document::fill(document.parsed(), name, &mut params.variables);
        match document::check(document.parsed(), name, &params.variables, writing) {
            Ok(()) => {}
            Err(unfit @ Unfit::Writes) => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                return Err(Refused::new(status, errors::METHOD_NOT_ALLOWED, &unfit.to_string()));
            }
            Err(unfit @ Unfit::Missing(..)) => {
                return Ok(Answer::refused(vec![said(Code::BadUserInput.as_str(), &unfit)]));
            }
            Err(unfit @ Unfit::Twice(_)) => return Ok(Answer::refused(vec![said(errors::VALIDATION_FAILED, &unfit)])),
        }
        let word = document::word(document.parsed(), name);
        let trusted = document.trusted_name(name).map(ToOwned::to_owned);
        let mut request = document.request(params.variables);
        request.operation_name = params.operation_name;
        let schema = if tells && document.is_short() { &self.schema } else { &self.terse };
        let executed = schema.execute(request.data(Arc::clone(session)));
        let response = measured::execute(word, trusted.as_deref(), executed).await;
        let executed = response.errors.iter().all(|error| !error.path.is_empty());
        let mut errors = settle(response.errors);
        if !executed {
            errors.truncate(MOST_ERRORS);
        }
        Ok(if executed { Answer::executed(errors, Data(response.data)) } else { Answer::refused(errors) })
    }

    /// Whether the caller's questions about the schema are answered.
    fn tells_schema(&self, session: &Session) -> bool {
        match self.app.introspection {
            Introspection::Everybody => true,
            Introspection::Operators => session.operator().is_some(),
            Introspection::Nobody => false,
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn not_a_request(error: serde_json::Error) -> Refused {
    Refused::bad(&format!("the body is not a GraphQL request: {error}"))
}
