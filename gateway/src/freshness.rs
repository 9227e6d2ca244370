//! Freshness that callers pass on.
//!
//! The answer to a write says in the header `taskgate-consistency` how fresh an engine must be asked to know of it, where
//! that has to be said. A read that brings it, at any gateway, knows of that write and of all before it. To whoever
//! brings nothing the deployment's own promise is kept; what this adds is for gateways that do not hear of each other.
//!
//! A token says which engine gave it. To any other, and to one that makes nothing of it, it means now. So nothing a
//! caller makes up is answered with less than they would be answered without it.

use crate::Failure;
use authz::{ConsistencyToken, Gate, Receipt};
use authz_router::EngineName;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Where it goes, in requests and in answers.
pub const CONSISTENCY: HeaderName = HeaderName::from_static("taskgate-consistency");
/// The longest token, in bytes.
const LONGEST: usize = 1_024;

/// How fresh a request with these headers wants to be answered, if it says so.
fn asked(headers: &HeaderMap) -> Result<Option<ConsistencyToken>, Failure> {
    let mut values = headers.get_all(CONSISTENCY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| is_token(text) && values.next().is_none());
    let text = text
        .ok_or_else(|| Failure::BadRequest(format!("the header `{CONSISTENCY}` is not what a write has answered")))?;
    Ok(Some(ConsistencyToken::new(text)))
}

/// The gate of a request with these headers, which knows of what they say it is to know.
pub fn heeded(gate: Gate, headers: &HeaderMap) -> Result<Gate, Failure> {
    Ok(match asked(headers)? {
        Some(token) => gate.at_least_as_fresh(&token),
        None => gate,
    })
}

fn is_token(text: &str) -> bool {
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain && text.split_once(':').is_some_and(|(engine, token)| EngineName::parse(engine).is_ok() && !token.is_empty())
}

/// What the answer to a request says that has written this.
#[must_use]
pub fn told(receipt: &Receipt) -> HeaderMap {
    // What would not be taken is not told.
    let token = receipt.token().filter(|token| is_token(token.as_str()));
    let value = token.and_then(|token| HeaderValue::from_str(token.as_str()).ok());
    value.map(|value| (CONSISTENCY, value)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, &'static str> {
        let values = values.iter().map(|value| (CONSISTENCY, HeaderValue::from_bytes(value).unwrap()));
        let asked = asked(&values.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        }));
        asked.map(|token| token.map(|token| token.as_str().to_owned())).map_err(|failure| failure.code().as_str())
    }

    #[test]
    fn what_a_write_has_answered_is_read_and_nothing_else() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"spicedb:GhUKE=="]), Ok(Some("spicedb:GhUKE==".to_owned())));
        let long = format!("spicedb:{}", "x".repeat(LONGEST));
        for bad in ["", ":", "spicedb", "spicedb:", ":GhUKE", "SpiceDB:GhUKE", "spicedb:a b", "spice db:a", &long] {
            assert_eq!(read(&[bad.as_bytes()]), Err("BAD_REQUEST"), "{bad}");
        }
        assert_eq!(read(&[b"spicedb:\xff"]), Err("BAD_REQUEST"));
        assert_eq!(read(&[b"spicedb:a", b"spicedb:b"]), Err("BAD_REQUEST"), "nobody knows which is the later");
    }

    #[test]
    fn a_receipt_is_told_where_there_is_one() {
        let receipt = Receipt::default();
        assert!(told(&receipt).is_empty());
        receipt.note(Some(&ConsistencyToken::new("spicedb:GhUKE==")));
        assert_eq!(told(&receipt)[CONSISTENCY], "spicedb:GhUKE==");
        assert_eq!(asked(&told(&receipt)).unwrap(), receipt.token());
        receipt.note(Some(&ConsistencyToken::new(format!("spicedb:{}", "x".repeat(LONGEST)))));
        assert!(told(&receipt).is_empty(), "it would be refused");
    }
}
