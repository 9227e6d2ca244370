//! Consistency tokens that say whose they are. A row may have been registered with another engine than the one
//! that is asked about it now, and no engine can make sense of another's token.

use crate::routes::EngineName;
use authz::{Consistency, ConsistencyToken};

/// The token of `engine`, saying so.
pub(crate) fn signed(engine: &EngineName, token: &ConsistencyToken) -> ConsistencyToken {
    ConsistencyToken::new(format!("{engine}:{}", token.as_str()))
}

/// What is wanted, in the words of `engine`. Of somebody else's token, and of one that does not say whose it is,
/// only this is known: whoever is asked about this moment knows of all that led to it.
pub(crate) fn wanted_of(engine: &EngineName, wanted: &Consistency) -> Consistency {
    match wanted {
        Consistency::AtLeastAsFresh(token) => match token.as_str().split_once(':') {
            Some((whose, token)) if whose == engine.as_str() => {
                Consistency::AtLeastAsFresh(ConsistencyToken::new(token))
            }
            Some(_) | None => Consistency::FullyConsistent,
        },
        Consistency::MinimizeLatency => Consistency::MinimizeLatency,
        Consistency::FullyConsistent => Consistency::FullyConsistent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_own_engine_only() {
        let (ours, theirs) = (EngineName::parse("spicedb").unwrap(), EngineName::parse("proxy").unwrap());
        let token = ConsistencyToken::new("GhUK:x==");
        let signed = Consistency::AtLeastAsFresh(signed(&ours, &token));
        assert_eq!(wanted_of(&ours, &signed), Consistency::AtLeastAsFresh(token.clone()));
        assert_eq!(wanted_of(&theirs, &signed), Consistency::FullyConsistent);
        assert_eq!(wanted_of(&ours, &Consistency::AtLeastAsFresh(token)), Consistency::FullyConsistent, "of before");
        assert_eq!(wanted_of(&ours, &Consistency::MinimizeLatency), Consistency::MinimizeLatency);
    }
}
