//! The second engine: compared and told in passing, with bounds of its own. Nothing here decides anything.

use crate::{
    observe::{Observer, Outcome, Skipped, Written},
    routes::EngineName,
};
use authz::{
    Action, ActionSet, Authorizer, Check, Consistency, Decision, EngineError, Extent, Kind, Lookup, Principal,
    ResourceRef, schema,
};
use rand::seq::IteratorRandom as _;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// How many of a list's resources are asked about when the lists themselves cannot be compared.
const SAMPLE: usize = 100;
/// How long an engine that hung is not told of anything in passing.
const REST: Duration = Duration::from_secs(5);
/// How often one sort of trouble is logged.
const TELLING: Duration = Duration::from_secs(1);
const NOW: &Consistency = &Consistency::FullyConsistent;

/// Bounds on what is done beside the answers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a shadow may take for one call, and the longest that a write waits for being told in passing.
    pub timeout: Duration,
    /// How many comparisons may be under way at once. Others are dropped, and counted.
    pub abreast: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(1), abreast: 64 }
    }
}

/// Lets one through every so often.
pub(crate) struct Limiter(Mutex<Option<Instant>>, Duration);

impl Limiter {
    pub(crate) const fn new(every: Duration) -> Self {
        Self(Mutex::new(None), every)
    }

    pub(crate) fn lets_through(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let through = last.is_none_or(|last| last.elapsed() >= self.1);
        if through {
            *last = Some(Instant::now());
        }
        through
    }
}

/// What all shadows of a router share.
pub(crate) struct Shadow {
    settings: Settings,
    room: Arc<Semaphore>,
    observer: Arc<dyn Observer>,
    resting: Mutex<HashMap<EngineName, Instant>>,
    disagreements: Limiter,
    misses: Limiter,
}

impl Shadow {
    pub(crate) fn new(settings: Settings, observer: Arc<dyn Observer>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(settings.abreast)),
            settings,
            observer,
            resting: Mutex::default(),
            disagreements: Limiter::new(TELLING),
            misses: Limiter::new(TELLING),
        }
    }

    /// Room for a comparison. None when there is none: then it is not made.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok();
        if place.is_none() {
            self.observer.skipped(Skipped::Overload);
        }
        place
    }

    /// Tells an engine of a write in passing. Whether it took it, in time.
    pub(crate) async fn tell<T>(
        &self,
        what: Written,
        engine: &EngineName,
        write: impl Future<Output = Result<T, EngineError>>,
    ) -> bool {
        let told = if self.rests(engine) {
            Err(EngineError::TimedOut)
        } else {
            let told = timeout(self.settings.timeout, write).await.unwrap_or(Err(EngineError::TimedOut));
            if matches!(told, Err(EngineError::TimedOut)) {
                let until = Instant::now() + REST;
                self.resting.lock().unwrap_or_else(PoisonError::into_inner).insert(engine.clone(), until);
            }
            told
        };
        if let Err(error) = &told
            && self.misses.lets_through()
        {
            let what = what.as_str();
            tracing::warn!(%engine, what, error = error as &dyn std::error::Error, "an engine told in passing missed a write");
        }
        self.observer.told(what, told.is_ok());
        told.is_ok()
    }

    fn rests(&self, engine: &EngineName) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.get(engine).is_some_and(|until| Instant::now() < *until)
    }
}

/// An engine and its name.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: EngineName,
    pub(crate) engine: Arc<dyn Authorizer>,
}

/// Two engines that were, or are to be, asked the same by somebody.
pub(crate) struct Comparison {
    pub(crate) shadow: Arc<Shadow>,
    pub(crate) first: Named,
    pub(crate) second: Named,
    pub(crate) principal: Principal,
}

/// How often each question was asked.
#[derive(Default)]
struct Tally(HashMap<(Kind, Action), u64>);

impl Tally {
    fn add(&mut self, kind: Kind, actions: ActionSet) {
        for action in actions {
            *self.0.entry((kind, action)).or_default() += 1;
        }
    }

    fn count(self, observer: &dyn Observer, outcome: Outcome) {
        for ((kind, action), questions) in self.0 {
            observer.compared(kind, action, outcome, questions);
        }
    }
}

/// Those of the asked actions that there are.
fn known(check: &Check) -> ActionSet {
    check.actions.iter().filter(|action| schema::rule(check.resource.kind, *action).is_some()).collect()
}

impl Comparison {
    /// Asks the second what the first has answered to `checks`. What they disagree on, both are asked again about
    /// this moment: it may have changed between the two, or the first may have remembered.
    pub(crate) async fn of_checks(self, checks: Vec<Check>, decisions: Vec<Decision>) {
        let Some(seconds) = self.ask(&self.second, &checks).await else { return self.failed(&checks) };
        let (mut agreed, mut doubtful) = (Tally::default(), Vec::new());
        for ((check, first), second) in checks.into_iter().zip(decisions).zip(seconds) {
            let asked = known(&check);
            let differing = first.allowed.symmetric_difference(second.allowed) & asked;
            agreed.add(check.resource.kind, asked - differing);
            if !differing.is_empty() {
                doubtful.push(Check { actions: differing, ..check });
            }
        }
        agreed.count(&*self.shadow.observer, Outcome::Agreed);
        self.confirm(&doubtful).await;
    }

    /// Asks the second for the list that the first has answered with. What is not on both is asked about by itself,
    /// and so is a sample of the one list when the other cannot be named.
    pub(crate) async fn of_lookup(self, kind: Kind, action: Action, most: Option<usize>, found: Lookup) {
        if schema::rule(kind, action).is_none() {
            return;
        }
        let (observer, limit) = (&*self.shadow.observer, self.shadow.settings.timeout);
        let second = timeout(limit, self.second.engine.lookup(&self.principal, kind, action, most, NOW)).await;
        let Ok(Ok(second)) = second else { return observer.compared(kind, action, Outcome::SecondFailed, 1) };
        let doubtful = match (named(&found), named(&second)) {
            (Some(first), Some(second)) if first == second => {
                return observer.compared(kind, action, Outcome::Agreed, 1);
            }
            (Some(first), Some(second)) => sample(first.symmetric_difference(second)),
            (Some(ids), None) | (None, Some(ids)) => sample(ids.iter()),
            (None, None) => Vec::new(),
        };
        if doubtful.is_empty() {
            return observer.skipped(Skipped::Unnamed);
        }
        let check = |id| Check { resource: ResourceRef { kind, id }, actions: action.into() };
        self.confirm(&doubtful.into_iter().map(check).collect::<Vec<_>>()).await;
    }

    /// Asks both about this moment, and counts what they say.
    async fn confirm(&self, checks: &[Check]) {
        if checks.is_empty() {
            return;
        }
        let (firsts, seconds) = tokio::join!(self.ask(&self.first, checks), self.ask(&self.second, checks));
        let Some(firsts) = firsts else { return self.shadow.observer.skipped(Skipped::Unconfirmed) };
        let Some(seconds) = seconds else { return self.failed(checks) };
        let (mut agreed, mut first_allows, mut second_allows) = (Tally::default(), Tally::default(), Tally::default());
        for ((check, first), second) in checks.iter().zip(firsts).zip(seconds) {
            let (kind, asked) = (check.resource.kind, known(check));
            let (first, second) = (first.allowed & asked, second.allowed & asked);
            agreed.add(kind, asked - first.symmetric_difference(second));
            first_allows.add(kind, first - second);
            second_allows.add(kind, second - first);
            if first != second && self.shadow.disagreements.lets_through() {
                let allowed = |actions: ActionSet| actions.iter().map(Action::as_str).collect::<Vec<_>>().join(" ");
                tracing::warn!(
                    resource = %check.resource, principal = %self.principal, asked = allowed(asked),
                    first = %self.first.name, first_allows = allowed(first),
                    second = %self.second.name, second_allows = allowed(second),
                    "two engines disagree"
                );
            }
        }
        let observer = &*self.shadow.observer;
        agreed.count(observer, Outcome::Agreed);
        first_allows.count(observer, Outcome::FirstAllows);
        second_allows.count(observer, Outcome::SecondAllows);
    }

    /// What an engine says now, if it does so in time and in full.
    async fn ask(&self, of: &Named, checks: &[Check]) -> Option<Vec<Decision>> {
        let asked = timeout(self.shadow.settings.timeout, of.engine.check(&self.principal, checks, NOW)).await;
        asked.ok()?.ok().filter(|decisions| decisions.len() == checks.len())
    }

    fn failed(&self, checks: &[Check]) {
        count_failed(&*self.shadow.observer, checks);
    }
}

/// Counts questions that the second has not answered.
pub(crate) fn count_failed(observer: &dyn Observer, checks: &[Check]) {
    let mut failed = Tally::default();
    for check in checks {
        failed.add(check.resource.kind, known(check));
    }
    failed.count(observer, Outcome::SecondFailed);
}

/// The ids on a list, if they are named.
fn named(found: &Lookup) -> Option<&BTreeSet<Arc<str>>> {
    match found {
        Lookup::Within(Extent::Ids(ids)) => Some(ids),
        Lookup::Within(Extent::Everything | Extent::Beside(_) | Extent::Where(_) | Extent::Asked(_))
        | Lookup::TooMany
        | Lookup::Among(_) => None,
    }
}

fn sample<'a>(ids: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    ids.cloned().sample(&mut rand::rng(), SAMPLE)
}
