//! In random worlds.

use crate::{dice::Dice, suites::authorizer::agreement::random};
use authz::{Action, Explainer};
use enumset::EnumSet;

/// Asks `count` questions in the random world of `seed`, each of which must be explained as it is decided. How many
/// of them were allowed.
pub async fn verdicts(explainer: &Explainer, seed: u64, count: usize) -> usize {
    let mut dice = Dice::new(seed);
    let world = random(&explainer.engine, &mut dice).await;
    let actions: Vec<_> = EnumSet::<Action>::all().iter().collect();
    let mut allowed = 0;
    for _ in 0..count {
        let (principal, resource) = (dice.pick(&world.principals), dice.pick(&world.resources));
        let told = explainer.explain(principal, *dice.pick(&actions), resource).await.unwrap();
        assert!(!told.disagrees(), "{told:?}");
        let reasons = told.reasons.unwrap();
        assert_ne!(reasons.paths.is_empty(), reasons.missing.is_empty(), "{reasons:?}");
        allowed += usize::from(told.allowed);
    }
    allowed
}

pub(super) async fn explanations_and_decisions_agree(explainer: &Explainer) {
    for seed in 0..2 {
        let allowed = verdicts(explainer, seed, 80).await;
        assert!((5..75).contains(&allowed), "a world where {allowed} of 80 are allowed shows little");
    }
}
