//! Who is calling, asked of a real service.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail their test by panicking")]

use authz_proxy::{AuthnResolver, AuthzProxy, Settings};
use authz_service::{Service, Trouble};
use http::{HeaderMap, HeaderName, HeaderValue};
use identity::{Credential, Resolver as _, Unresolved};
use serde_json::json;
use std::time::Duration;

fn resolver(service: &Service, cached: Duration) -> AuthnResolver {
    let timeout = Duration::from_millis(400);
    let credential = Some("the gateway's own".into());
    AuthzProxy::new(Settings { timeout, credential, ..Settings::new(&service.url) }).unwrap().resolver(cached)
}

/// Who somebody with these headers is, `nobody`, or that nobody can say.
async fn who(resolver: &AuthnResolver, headers: &[(&'static str, &'static str)]) -> String {
    let pairs = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let credential = Credential::of_request(None, pairs.collect::<HeaderMap>());
    match resolver.resolve(&credential).await {
        Ok(context) => format!("{} in {}", context.principal(), context.tenant()),
        Err(Unresolved::Unknown) => "nobody".to_owned(),
        Err(Unresolved::Unavailable(_)) => "?".to_owned(),
    }
}

fn service() -> Service {
    let service = Service::start();
    service.introduce("ada", json!({ "user_id": "ada", "account_id": "acme" }));
    service.introduce("bot", json!({ "service_account_id": "bot", "account_id": "acme", "api_key": "k" }));
    service
}

#[tokio::test]
async fn the_service_is_shown_the_headers_and_says_who_it_is() {
    let service = service();
    let resolver = resolver(&service, Duration::ZERO);
    let headers =
        &[("authorization", "Bearer ada"), ("cookie", "a=b"), ("host", "gateway"), ("accept-encoding", "gzip")];
    assert_eq!(who(&resolver, headers).await, "user:ada in acme");
    let calls = service.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((call.path.as_str(), &call.body), ("/v1/authn", &json!(null)));
    assert_eq!(
        (&call.headers["authorization"], &call.headers["cookie"]),
        (&"Bearer ada".parse().unwrap(), &"a=b".parse().unwrap())
    );
    assert!(call.headers["host"] != "gateway" && !call.headers.contains_key("accept-encoding"));
    assert_eq!(who(&resolver, &[("x-api-key", "bot")]).await, "service_account:bot in acme");
    assert_eq!(who(&resolver, &[("x-api-key", "nobody's")]).await, "nobody");
}

/// The gateway's own credential is never shown for a caller's, and an agent's key is the gateway's to know.
#[tokio::test]
async fn who_brings_nothing_is_nobody_and_nobody_is_asked() {
    let service = service();
    let resolver = resolver(&service, Duration::ZERO);
    for headers in [
        &[][..],
        &[("accept", "*/*"), ("user-agent", "x"), ("x-request-id", "1")],
        &[("x-agent-api-key", "k")],
        &[("x-agent-api-key", "k"), ("authorization", "Bearer ada")],
    ] {
        assert_eq!(who(&resolver, headers).await, "nobody", "{headers:?}");
    }
    assert!(service.calls().is_empty());
    assert_eq!(who(&resolver, &[("cookie", "c")]).await, "nobody");
    assert!(!service.calls()[0].headers.contains_key("authorization"), "the gateway's credential was shown");
}

#[tokio::test]
async fn a_service_that_cannot_say_has_not_said_no() {
    let mut service = service();
    let resolver = resolver(&service, Duration::from_mins(1));
    let ada = &[("authorization", "Bearer ada")];
    let says = |status, body: &str| Trouble::Says(status, body.to_owned());
    for (trouble, outcome) in [
        (says(401, ""), "nobody"),
        (says(403, ""), "nobody"),
        (says(200, "null"), "nobody"),
        (says(200, r#"{"user_id": "ada"}"#), "nobody"),
        (says(500, ""), "?"),
        (says(503, ""), "?"),
        (says(404, ""), "?"),
        (says(204, ""), "?"),
        (says(200, "<html>"), "?"),
        (says(200, r#"{"user_id": 1, "account_id": "acme"}"#), "?"),
        (Trouble::Silent, "?"),
        (Trouble::HalfAnswered(r#"{"user_id": "ada", "acc"#.to_owned()), "?"),
        (Trouble::LeadsTo("http://127.0.0.1:1/v1/authn".to_owned()), "?"),
    ] {
        service.suffer("authn", trouble.clone());
        assert_eq!(who(&resolver, ada).await, outcome, "{trouble:?}");
    }
    service.recover();
    service.stop().await;
    assert_eq!(who(&resolver, ada).await, "?");
    service.come_back().await;
    assert_eq!(who(&resolver, ada).await, "user:ada in acme", "neither a no nor an outage is remembered");
}

#[tokio::test]
async fn what_was_said_holds_for_as_long_as_it_was_agreed() {
    let service = service();
    let ada = &[("authorization", "Bearer ada"), ("x-request-id", "1")];
    let (forgetful, resolver) = (resolver(&service, Duration::ZERO), resolver(&service, Duration::from_millis(300)));
    for asked in [1, 2] {
        who(&forgetful, ada).await;
        assert_eq!(service.calls().len(), 1, "{asked}");
    }
    for request in ["1", "2"] {
        let headers = [ada[0], ("x-request-id", request)];
        assert_eq!(who(&resolver, &headers).await, "user:ada in acme");
    }
    assert_eq!(service.calls().len(), 1, "once for both");
    for other in [("x-selected-account-id", "b"), ("x-anything", "1")] {
        who(&resolver, &[ada[0], other]).await;
        assert_eq!(service.calls().len(), 1, "{other:?} may matter");
    }
    for _ in 0..2 {
        who(&resolver, &[("x-api-key", "bot")]).await;
        assert_eq!(service.calls().len(), 1, "a key of its own is not remembered");
    }
    service.introduce("ada", json!(null));
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(who(&resolver, ada).await, "nobody");
}
