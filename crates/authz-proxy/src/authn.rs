//! Who is calling, as the service says: it is shown the request's headers.

use crate::{answer::refused, client::Client, wire::path};
use async_trait::async_trait;
use authz::{Claims, EngineError, Id, Principal, PrincipalKind, Tenant};
use http::{HeaderMap, HeaderName, header};
use identity::{AuthContext, Credential, Resolver, Unresolved};
use moka::sync::Cache;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The longest that what the service said of a caller holds.
const LONGEST: Duration = Duration::from_mins(1);
/// The most callers that are remembered.
const REMEMBERED: u64 = 10_000;

/// What is between two hops, or about the body that is not sent along.
const NOT_FORWARDED: &[HeaderName] = &[
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::HOST,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    // What comes back is read as it comes.
    header::ACCEPT_ENCODING,
];
/// Forwarded, and other with each request. They say nothing of who is calling.
const ABOUT_THE_REQUEST: &[&str] = &[
    "accept",
    "accept-language",
    "cache-control",
    "content-type",
    "pragma",
    "taskgate-consistency",
    "traceparent",
    "tracestate",
    "x-request-id",
];
/// In the name of a header that may say who is calling. Who sends none is nobody, and nobody is asked.
const CREDENTIAL: &[&str] = &["auth", "cookie", "key", "token", "session", "account", "user-id", "identity", "jwt"];
/// An agent's key, which is the gateway's to know: a caller who brings one is that agent or nobody.
const AGENT_KEY: &str = "x-agent-api-key";

/// Asks the service who is calling. One that does not answer has not said no.
pub struct AuthnResolver {
    client: Client,
    known: Option<Cache<[u8; 32], AuthContext>>,
}

impl AuthnResolver {
    pub(crate) fn new(client: Client, cached: Duration) -> Self {
        let cache = || Cache::builder().max_capacity(REMEMBERED).time_to_live(cached.min(LONGEST)).build();
        Self { client, known: (!cached.is_zero()).then(cache) }
    }

    async fn ask(&self, headers: HeaderMap) -> Result<Said, Unresolved> {
        let answer = self.client.send(path::AUTHN, headers, Vec::new()).await.map_err(cannot_say)?;
        match answer.status {
            200 => said(&answer.body),
            401 | 403 => Err(Unresolved::Unknown),
            status => Err(cannot_say(refused(status))),
        }
    }
}

fn cannot_say(error: EngineError) -> Unresolved {
    Unresolved::Unavailable(error.into())
}

/// What the service said of a caller.
#[derive(Debug)]
struct Said {
    context: AuthContext,
    /// Whether it may be remembered.
    lasting: bool,
}

#[async_trait]
impl Resolver for AuthnResolver {
    async fn resolve(&self, credential: &Credential) -> Result<AuthContext, Unresolved> {
        let headers = credential.headers();
        let says_who = headers.keys().any(|name| CREDENTIAL.iter().any(|word| name.as_str().contains(word)));
        if !says_who || headers.contains_key(AGENT_KEY) {
            return Err(Unresolved::Unknown);
        }
        let headers = forwarded(headers);
        let Some(known) = &self.known else { return self.ask(headers).await.map(|said| said.context) };
        let digest = digest(&headers);
        if let Some(context) = known.get(&digest) {
            return Ok(context);
        }
        let Said { context, lasting } = self.ask(headers).await?;
        if lasting {
            known.insert(digest, context.clone());
        }
        Ok(context)
    }
}

/// What the service is shown of a request.
fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let forwarded = headers.iter().filter(|(name, _)| !NOT_FORWARDED.contains(name));
    forwarded.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// All that may say who is calling, in one number. Each part goes in with its length, so that no two requests
/// run together.
fn digest(headers: &HeaderMap) -> [u8; 32] {
    let mut parts: Vec<_> = headers.iter().filter(|(name, _)| !ABOUT_THE_REQUEST.contains(&name.as_str())).collect();
    // Of one name, the order of the values matters and stays.
    parts.sort_by_key(|(name, _)| name.as_str());
    let mut digest = Sha256::new();
    for part in parts.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]) {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Who the service says it is. An answer without an id or without an account is nobody; one whose form cannot be
/// meant is no answer.
fn said(body: &[u8]) -> Result<Said, Unresolved> {
    let nonsense = |what: &str| cannot_say(EngineError::Malformed(what.to_owned()));
    let text = std::str::from_utf8(body).map_err(|_| nonsense("a principal that is not text"))?;
    let said: Value = serde_json::from_str(text).map_err(|_| nonsense("a principal that is not JSON"))?;
    let said = match said {
        Value::Object(said) => said,
        Value::Null => return Err(Unresolved::Unknown),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(nonsense("a principal that is not an object"));
        }
    };
    let id = |key| id(&said, key).map_err(|BadId| nonsense("a principal's id that no id can be"));
    let (user, service_account, account) = (id("user_id")?, id("service_account_id")?, id("account_id")?);
    let (kind, id) = match (user, service_account) {
        (Some(user), None) => (PrincipalKind::User, user),
        (None, Some(service_account)) => (PrincipalKind::ServiceAccount, service_account),
        (None, None) => return Err(Unresolved::Unknown),
        (Some(_), Some(_)) => return Err(nonsense("a principal that is two")),
    };
    let account = account.ok_or(Unresolved::Unknown)?;
    let principal = Principal::new(kind, id.to_text());
    let claims = Claims::new(principal.clone(), text.trim());
    // What holds a key of its own may be gone the next moment.
    let lasting = !said.contains_key("api_key");
    Ok(Said { context: AuthContext::new(principal, account).with_claims(claims), lasting })
}

struct BadId;

fn id(said: &Map<String, Value>, key: &str) -> Result<Option<Id<Tenant>>, BadId> {
    match said.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Id::parse(text).map(Some).map_err(|_| BadId),
        Some(_) => Err(BadId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who it is, `nobody`, or that nobody can say.
    fn read(body: &str) -> String {
        match said(body.as_bytes()) {
            Ok(said) => {
                let (principal, tenant) = (said.context.principal(), said.context.tenant());
                format!("{principal} in {tenant}{}", if said.lasting { "" } else { ", for now" })
            }
            Err(Unresolved::Unknown) => "nobody".to_owned(),
            Err(Unresolved::Unavailable(_)) => "?".to_owned(),
        }
    }

    #[test]
    fn a_principal_is_somebody_in_an_account_or_nobody() {
        for (body, who) in [
            (r#"{"user_id": "u", "account_id": "a"}"#, "user:u in a"),
            (r#"{"user_id": "u", "service_account_id": null, "account_id": "a", "x": 1}"#, "user:u in a"),
            (r#"{"service_account_id": "s", "account_id": "a"}"#, "service_account:s in a"),
            (r#"{"user_id": "u", "account_id": "a", "api_key": "k"}"#, "user:u in a, for now"),
            (r#"{"user_id": "u"}"#, "nobody"),
            (r#"{"user_id": "u", "account_id": null}"#, "nobody"),
            (r#"{"account_id": "a"}"#, "nobody"),
            (r#"{"agent_id": "g", "account_id": "a"}"#, "nobody"),
            ("{}", "nobody"),
            ("null", "nobody"),
            (r#"{"user_id": "u", "service_account_id": "s", "account_id": "a"}"#, "?"),
            (r#"{"user_id": "", "account_id": "a"}"#, "?"),
            (r#"{"user_id": 7, "account_id": "a"}"#, "?"),
            (r#"{"user_id": ["u"], "account_id": "a"}"#, "?"),
            (r#"{"user_id": "u", "account_id": {"id": "a"}}"#, "?"),
            (r#"["u"]"#, "?"),
            (r#""u""#, "?"),
            ("true", "?"),
            ("", "?"),
            ("<html>", "?"),
        ] {
            assert_eq!(read(body), who, "{body}");
        }
    }

    #[test]
    fn what_was_said_is_kept_verbatim_and_does_not_print() {
        let body = r#" {"user_id":"u", "account_id":"a","scopes":[1.50,"hush"]} "#;
        let context = said(body.as_bytes()).unwrap().context;
        let claims = context.behalf().claims.unwrap();
        assert_eq!(claims.of(context.principal()), Some(body.trim()));
        assert_eq!(claims.of(&Principal::user("v")), None);
        assert!(!format!("{context:?}").contains("hush"));
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn requests_are_remembered_together_only_when_all_that_may_matter_is_the_same() {
        let base: &[_] = &[("authorization", "Bearer t"), ("x-selected-account-id", "a")];
        let of = |more: &[(&'static str, &'static str)]| digest(&headers(&[base, more].concat()));
        assert_eq!(of(&[("x-request-id", "1"), ("accept", "*/*")]), of(&[("x-request-id", "2")]));
        assert_eq!(of(&[("taskgate-consistency", "spicedb:a")]), of(&[("taskgate-consistency", "spicedb:b")]));
        assert_eq!(digest(&headers(&[base[1], base[0]])), of(&[]));
        for other in [
            ("x-selected-account-id", "b"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-anything-else", "1"),
            ("authorization", ""),
        ] {
            assert_ne!(of(&[other]), of(&[]), "{other:?}");
        }
        assert_ne!(digest(&headers(&[("x-a", "bc")])), digest(&headers(&[("x-ab", "c")])));
        assert_ne!(digest(&headers(&[("x-a", "1"), ("x-a", "2")])), digest(&headers(&[("x-a", "2"), ("x-a", "1")])));
    }

    #[test]
    fn what_is_between_hops_stays_there() {
        let shown = forwarded(&headers(&[
            ("Authorization", "Bearer t"),
            ("Cookie", "c"),
            ("X-Anything", "1"),
            ("Host", "gateway"),
            ("Content-Length", "7"),
            ("Connection", "keep-alive"),
            ("Transfer-Encoding", "chunked"),
            ("Expect", "100-continue"),
            ("Accept-Encoding", "gzip"),
        ]));
        let mut names: Vec<_> = shown.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "cookie", "x-anything"]);
    }
}
