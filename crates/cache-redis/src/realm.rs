//! Who is asking, as far as it matters to an engine.

use crate::digest::digest;
use authz::{Behalf, ConsistencyToken, Principal};
use std::fmt;

/// What an engine knows of a caller beside the principal. No more than a digest is kept of it: what an identity service
/// said of somebody may hold secrets. What is kept in one realm is never an answer in another.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Realm(Option<[u8; 32]>);

impl Realm {
    /// The realm of a behalf, bound within this one.
    pub fn of(self, behalf: &Behalf) -> Self {
        let fields = behalf.fields().into_iter().map(str::as_bytes);
        Self(Some(digest(&[self.as_bytes()].into_iter().chain(fields).collect::<Vec<_>>())))
    }

    /// What tells it from other realms; nothing, of the one in which nobody in particular asks.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], <[u8; 32]>::as_slice)
    }
}

/// Not even the digest is for a log.
impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Realm(of somebody)" } else { "Realm(of nobody)" })
    }
}

/// A principal in a realm, and how fresh they ask. What was answered as fresh as a token is as fresh as it for as long as
/// it is kept; whether it is as fresh as another, nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub realm: Realm,
    pub principal: Principal,
    pub freshness: Freshness,
}

/// As fresh as which token, if any: callers choose them, and how long they are, so no more than a digest is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Freshness(Option<[u8; 32]>);

impl Freshness {
    pub fn of(token: Option<&ConsistencyToken>) -> Self {
        Self(token.map(|token| digest(&[token.as_str().as_bytes()])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use authz::{Claims, Id};
    use proptest::prelude::*;

    fn behalf(tenant: &str, claims: Option<(&str, &str)>) -> Behalf {
        let claims = claims.map(|(who, json)| Claims::new(Principal::user(who), json));
        Behalf { tenant: Id::new(tenant), claims }
    }

    proptest! {
        /// Two sessions are of one realm if, and only if, nothing an engine could judge them by is different.
        #[test]
        fn realms_are_one_only_if_behalves_are(
            one in ("[a-c]{1,3}", prop::option::of(("[a-c]{0,2}", "[a-c]{0,3}"))),
            other in ("[a-c]{1,3}", prop::option::of(("[a-c]{0,2}", "[a-c]{0,3}"))),
        ) {
            let of = |(tenant, claims): &(String, Option<(String, String)>)| {
                behalf(tenant, claims.as_ref().map(|(who, json)| (who.as_str(), json.as_str())))
            };
            let (one, other) = (of(&one), of(&other));
            let nobody = Realm::default();
            prop_assert_eq!(one == other, nobody.of(&one) == nobody.of(&other));
            prop_assert_ne!(nobody.of(&one), nobody);
            prop_assert_ne!(nobody.of(&one).of(&other), nobody.of(&other));
        }
    }

    #[test]
    fn nothing_of_what_was_said_is_printed() {
        let realm = Realm::default().of(&behalf("acme", Some(("u", r#"{"key":"hush"}"#))));
        let printed = format!("{:?}", Who { realm, principal: Principal::user("u"), freshness: Freshness::default() });
        assert!(printed.starts_with("Who { realm: Realm(of somebody)") && !printed.contains("hush"), "{printed}");
    }
}
