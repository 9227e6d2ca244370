//! A caller: the same verbs for everybody, on both edges.

use crate::Answer;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// Somebody who calls the server, or nobody in particular.
#[derive(Clone, Debug)]
pub struct As {
    /// What this caller is called in tables and messages.
    pub name: &'static str,
    /// Their principal, in the words of the demo file, such as `user:…`; none for the anonymous caller.
    pub principal: Option<String>,
    /// Their token.
    pub token: Option<String>,
    url: String,
    client: Client,
}

/// A client for whoever needs one. TLS, which nobody here speaks, wants its provider named.
#[must_use]
pub fn client() -> Client {
    // Whoever was first has installed the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap()
}

impl As {
    /// A caller of the server at `url`.
    #[must_use]
    pub fn new(name: &'static str, url: &str, token: Option<String>, principal: Option<String>) -> Self {
        let client = client();
        Self { name, principal, token, url: url.to_owned(), client }
    }

    /// The id in the caller's principal, without its kind.
    #[must_use]
    pub fn id(&self) -> &str {
        let principal = self.principal.as_deref().expect("an anonymous caller has no id");
        principal.split_once(':').map_or(principal, |(_, id)| id)
    }

    /// A request that carries this caller's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // The same for all: what is answered is compared byte for byte, and errors name it.
        let request = self.client.request(method, format!("{}{path}", self.url)).header("x-request-id", "a-test");
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the server answers")
    }

    /// Sends a request and reads the answer, if there is one.
    pub async fn try_send(&self, request: RequestBuilder) -> Option<Answer> {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Answer { status, headers, body: response.bytes().await.ok()?.to_vec() })
    }

    /// A request of any method, with a JSON body if there is one.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(&body)).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(&body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    /// POST of bytes that may be anything, said to be JSON.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        self.send(request).await
    }

    /// A GraphQL request.
    pub async fn gql(&self, query: &str, variables: Value) -> Answer {
        self.post("/graphql", json!({ "query": query, "variables": variables })).await
    }
}
