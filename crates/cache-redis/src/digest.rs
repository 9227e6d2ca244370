//! Digests of lists of fields.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// SHA-256 over fields, each with its length before it, so that no two lists of fields are one text.
pub(crate) fn digest(fields: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// A digest as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However ids are cut, what is asked of another thing has another key.
        #[test]
        fn lists_of_fields_have_one_digest_only_if_they_are_one(
            one in prop::collection::vec(".{0,3}", 0..4),
            other in prop::collection::vec(".{0,3}", 0..4),
        ) {
            let of = |fields: &[String]| digest(&fields.iter().map(String::as_bytes).collect::<Vec<_>>());
            prop_assert_eq!(one == other, of(&one) == of(&other));
        }
    }

    #[test]
    fn fields_that_join_to_one_text_have_different_digests() {
        assert_ne!(digest(&[b"user:a", b"b"]), digest(&[b"user:", b"ab"]));
        assert_ne!(digest(&[b"a", b""]), digest(&[b"", b"a"]));
    }
}
