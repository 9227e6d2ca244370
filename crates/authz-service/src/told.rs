//! What the service saw, and what it may be told to do instead of answering.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde_json::Value;
use std::{future, io, time::Duration};

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The version of HTTP it came in.
    pub version: Version,
    /// Its body; `null` when it was none.
    pub body: Value,
}

impl Call {
    /// The last part of the path: `check`, `search` and so on.
    #[must_use]
    pub fn word(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// What may go wrong with a call.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// It is answered with this status and body, whatever it asks.
    Says(u16, String),
    /// It is led to another address.
    LeadsTo(String),
    /// It is never answered.
    Silent,
    /// It is answered rightly, and late.
    Slow(Duration),
    /// The head of an answer comes, a part of the body, and then nothing but the end of the connection.
    HalfAnswered(String),
    /// The head of an answer comes, a part of the body, and then nothing.
    Stalls(String),
}

impl Trouble {
    /// What is answered instead of the right thing; none, when that is to be answered after all.
    pub(crate) async fn answer(self) -> Option<Response> {
        let said = |status: u16| Response::builder().status(StatusCode::from_u16(status).unwrap());
        let json = |status| said(status).header("content-type", "application/json");
        let first = |part: String| futures::stream::iter([Ok::<_, io::Error>(Bytes::from(part))]);
        match self {
            Self::Says(status, body) => Some(json(status).body(body.into()).unwrap()),
            Self::LeadsTo(address) => Some(said(307).header("location", address).body(Body::empty()).unwrap()),
            Self::Silent => future::pending().await,
            Self::Slow(time) => {
                tokio::time::sleep(time).await;
                None
            }
            Self::HalfAnswered(part) => {
                let broken = futures::stream::iter([Err(io::Error::other("cut off"))]);
                Some(json(200).body(Body::from_stream(futures::StreamExt::chain(first(part), broken))).unwrap())
            }
            Self::Stalls(part) => {
                let nothing = futures::stream::pending();
                Some(json(200).body(Body::from_stream(futures::StreamExt::chain(first(part), nothing))).unwrap())
            }
        }
    }
}
