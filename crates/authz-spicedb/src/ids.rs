//! Our ids are any text; `SpiceDB`'s are short words of few characters, and `*` means everybody.
//!
//! An id of plain characters goes as it is. Any other goes as `=` and its base64: no plain id begins so,
//! and no two ids become the same.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// What begins an id that is not written as it is.
const CODED: char = '=';

/// The id as `SpiceDB` takes it.
pub fn encode(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'|' | b'+');
    if !id.is_empty() && id.bytes().all(plain) {
        return id.to_owned();
    }
    format!("{CODED}{}", URL_SAFE_NO_PAD.encode(id))
}

/// The id that was encoded, unless this is none of ours.
pub fn decode(text: &str) -> Option<String> {
    let Some(coded) = text.strip_prefix(CODED) else { return Some(text.to_owned()) };
    let id = String::from_utf8(URL_SAFE_NO_PAD.decode(coded).ok()?).ok()?;
    // What could have been written as it is was not written by us.
    (encode(&id) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const ODD: &[&str] =
        &["", "*", "=", "=YQ", "a b", "a:b", "a#b", "\u{e4}\u{20ac}\u{1f980}", "'; --", "%", "a.b", "a@b", "\u{0}"];

    #[test]
    fn plain_ids_stay_readable() {
        for id in ["01a201dc-e1ad-7377-b4cd-a42657171407", "demo", "A", "a_b|c/d+e"] {
            assert_eq!(encode(id), id);
        }
    }

    #[test]
    fn every_id_comes_back_and_is_one_that_spicedb_takes() {
        let long = "\u{1f980}".repeat(63);
        for id in ODD.iter().copied().chain(["demo", long.as_str()]) {
            let text = encode(id);
            assert_eq!(decode(&text).as_deref(), Some(id), "{text}");
            let taken = |byte: u8| byte.is_ascii_alphanumeric() || b"/_|-=+".contains(&byte);
            assert!(!text.is_empty() && text.len() <= 1024 && text.bytes().all(taken), "{text}");
        }
    }

    #[test]
    fn no_two_ids_become_the_same() {
        let ids: BTreeSet<_> = ODD.iter().flat_map(|id| [(*id).to_owned(), encode(id), encode(&encode(id))]).collect();
        let texts: BTreeSet<_> = ids.iter().map(|id| encode(id)).collect();
        assert_eq!(texts.len(), ids.len());
    }

    #[test]
    fn what_is_not_ours_is_nobody() {
        for text in ["=", "=!", "=YQ", "=_w"] {
            let decoded = decode(text);
            assert!(decoded.is_none() || encode(decoded.as_deref().unwrap_or_default()) == text, "{text}");
        }
    }
}
