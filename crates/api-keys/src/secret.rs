//! The key itself: how it is made, and what is kept of it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::distr::{Alphanumeric, SampleString as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What a key that was made here begins with, so that people and scanners of leaked secrets know it for one.
const MARK: &str = "tgk_";
/// How many random letters and digits follow: 238 bits.
const RANDOM_CHARS: usize = 40;
/// How much of the beginning of a key is shown, for people to tell keys apart by.
const SHOWN_CHARS: usize = 10;
/// The shortest key that is taken. What follows the part that is shown must be beyond guessing.
pub const SHORTEST: usize = 32;
/// The longest key that is taken.
pub const LONGEST: usize = 256;

/// An API key, as its holder sends it. Never printed, and shown once: to whoever makes it.
pub struct Secret(String);

/// Text that no API key can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key is {SHORTEST} to {LONGEST} visible ASCII characters")]
pub struct BadSecret;

impl Secret {
    /// A new key that nobody has.
    #[must_use]
    pub fn fresh() -> Self {
        Self(format!("{MARK}{}", Alphanumeric.sample_string(&mut rand::rng(), RANDOM_CHARS)))
    }

    /// A key that somebody brought.
    pub fn given(text: &str) -> Result<Self, BadSecret> {
        let fits = (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(BadSecret)
    }

    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The beginning of the key, which everybody who may see that there is such a key is shown.
    #[must_use]
    pub fn prefix(&self) -> String {
        self.0.chars().take(SHOWN_CHARS).collect()
    }
}

/// What is kept of a key, and what it is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Who can read it can look for the key behind it, so it does not get into logs.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Turns keys into digests: HMAC-SHA-256 under the deployment's own secret.
///
/// A key is looked up on every request that carries one, by equality of its digest in an index. A slow,
/// salted hash (argon2 and its like) would cost tens of milliseconds on each of these, could not be looked up
/// by, and would buy nothing: it makes *guessing* dear, and 238 random bits are not guessed. A key that was
/// brought may have less in it; against those who hold the table but not the configuration, the secret
/// protects it too. Without one the digest is still one-way, but whoever reads the table can test guesses.
///
/// The secret is part of every digest: with another one, no key is known any more.
#[derive(Clone)]
pub struct Sealer(Hmac<Sha256>);

impl Sealer {
    /// A sealer under `secret`, which may be empty.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        // As HMAC has it: what is longer than a block is hashed first, and the rest of the block is zero.
        let mut block = [0; 64];
        let hashed = (secret.len() > block.len()).then(|| Sha256::digest(secret));
        for (into, byte) in block.iter_mut().zip(hashed.as_deref().unwrap_or(secret)) {
            *into = *byte;
        }
        Self(Hmac::new(&block.into()))
    }

    /// The digest of a key.
    #[must_use]
    pub fn digest(&self, key: &Secret) -> Digest {
        let mut mac = self.0.clone();
        mac.update(key.0.as_bytes());
        Digest(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_is_one_that_is_taken_and_no_two_are_alike() {
        let (one, other) = (Secret::fresh(), Secret::fresh());
        assert_ne!(one.expose(), other.expose());
        assert!(Secret::given(one.expose()).is_ok());
        assert_eq!(one.expose().len(), MARK.len() + RANDOM_CHARS);
        assert!(one.prefix().starts_with(MARK) && one.expose().starts_with(&one.prefix()));
        assert_eq!(one.prefix().len(), SHOWN_CHARS);
    }

    #[test]
    fn a_key_that_was_brought_is_long_enough_and_fits_into_a_header() {
        for good in ["a".repeat(SHORTEST), "~".repeat(LONGEST)] {
            assert!(Secret::given(&good).is_ok());
        }
        let bad = ["", "short", &"a".repeat(SHORTEST - 1), &"a".repeat(LONGEST + 1), &"ä".repeat(20), &" ".repeat(40)];
        for bad in bad {
            assert!(Secret::given(bad).is_err(), "{bad:?}");
        }
    }

    fn hex(digest: &Digest) -> String {
        let nibbles = digest.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
    }

    /// RFC 4231, test case 2, says what HMAC-SHA-256 is; the secret decides, and nothing prints.
    #[test]
    fn a_digest_is_hmac_sha_256_under_the_secret() {
        let known = Sealer::new(b"Jefe").digest(&Secret("what do ya want for nothing?".to_owned()));
        assert_eq!(hex(&known), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        // Test case 6: a secret that is longer than a block.
        let long = Secret("Test Using Larger Than Block-Size Key - Hash Key First".to_owned());
        assert_eq!(hex(&Sealer::new(&[0xaa; 131]).digest(&long))[..16], *"60e431591ee0b67f");
        let key = Secret::fresh();
        assert_eq!(Sealer::new(b"").digest(&key), Sealer::new(b"").digest(&key));
        assert_ne!(Sealer::new(b"").digest(&key), Sealer::new(b"secret").digest(&key));
        assert_eq!(format!("{:?}", Sealer::new(b"").digest(&key)), "Digest(..)");
    }
}
