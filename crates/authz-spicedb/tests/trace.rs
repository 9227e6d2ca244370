//! Which trace a call belongs to, as a server hears it.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use authz::{Action, Authorizer as _, Check, Consistency, Kind, Principal, ResourceRef};
use authz_spicedb::{Settings, SpiceDb};
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
};
use std::time::Duration;
use tokio::{net::TcpListener, sync::mpsc};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a server hears of one check, beside the question.
async fn headers_of_a_check(traceparent: Option<fn() -> Option<String>>) -> HeaderMap {
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    let server = Router::new().fallback(move |headers: HeaderMap| {
        outbox.send(headers).unwrap();
        async { (StatusCode::OK, [("content-type", "application/grpc"), ("grpc-status", "14")]) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async { axum::serve(listener, server).await });
    let timeout = Duration::from_secs(20);
    let settings = Settings { endpoint, token: Some("shared".into()), timeout, stale_reads: false, traceparent };
    let engine = SpiceDb::new(&settings).unwrap();
    let resource = ResourceRef { kind: Kind::Task, id: "t".into() };
    let check = [Check { resource, actions: Action::Read.into() }];
    assert!(engine.check(&Principal::user("u"), &check, &Consistency::FullyConsistent).await.is_err());
    server.abort();
    inbox.recv().await.unwrap()
}

#[tokio::test]
async fn a_call_says_which_trace_it_belongs_to() {
    let headers = headers_of_a_check(Some(|| Some(TRACE.to_owned()))).await;
    assert_eq!(headers["traceparent"], TRACE);
    assert_eq!(headers["authorization"], "Bearer shared");
}

#[tokio::test]
async fn a_call_outside_of_any_trace_says_nothing() {
    assert!(!headers_of_a_check(Some(|| None)).await.contains_key("traceparent"));
    assert!(!headers_of_a_check(None).await.contains_key("traceparent"));
}
