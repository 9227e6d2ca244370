//! The routes as they stand at one moment, and where they lead.

use crate::store::Route;
use authz::Kind;
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

/// What an engine is called: on command lines, in routes and in logs. Lower-case letters, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EngineName(Cow<'static, str>);

/// Text that is no engine's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an engine")]
pub struct UnknownEngine(pub String);

impl EngineName {
    /// What an engine is called where there is no other.
    pub(crate) const THE_ONLY: Self = Self(Cow::Borrowed("engine"));
    /// The embedded engine.
    pub const GRAPH: Self = Self(Cow::Borrowed("graph"));
    /// `SpiceDB`.
    pub const SPICEDB: Self = Self(Cow::Borrowed("spicedb"));
    /// An agentex-auth service.
    pub const PROXY: Self = Self(Cow::Borrowed("proxy"));

    /// The name in a text.
    pub fn parse(text: &str) -> Result<Self, UnknownEngine> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_';
        let named = (1..=32).contains(&text.len()) && text.bytes().all(fits);
        named.then(|| Self(Cow::Owned(text.to_owned()))).ok_or_else(|| UnknownEngine(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The engine that answers.
    pub engine: EngineName,
    /// The engine that is asked, too, and compared.
    pub shadow: Option<EngineName>,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shadow {
            Some(shadow) => write!(f, "{} (shadow: {shadow})", self.engine),
            None => write!(f, "{}", self.engine),
        }
    }
}

/// The routes of one kind of resource.
#[derive(Clone, Debug, Default)]
struct OfKind {
    own: HashMap<Arc<str>, Destination>,
    others: Option<Destination>,
}

/// All routes at one moment.
#[derive(Clone, Debug)]
pub struct Routes {
    default: Destination,
    of: HashMap<Kind, OfKind>,
    answering: BTreeSet<EngineName>,
    shadows: BTreeSet<EngineName>,
}

/// The kinds whose answers can depend on what is said of resources of `kind`, itself first.
pub(crate) const fn heard_by(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::Tenant => &[Kind::Tenant, Kind::Agent, Kind::Task, Kind::ApiKey],
        Kind::Agent => &[Kind::Agent, Kind::Task, Kind::ApiKey],
        Kind::Task => &[Kind::Task],
        Kind::ApiKey => &[Kind::ApiKey],
    }
}

impl Routes {
    /// The given routes, with everything else going to `default`.
    #[must_use]
    pub fn new(default: EngineName, routes: Vec<Route>) -> Self {
        let mut of: HashMap<Kind, OfKind> = HashMap::new();
        let (mut answering, mut shadows) = (BTreeSet::from([default.clone()]), BTreeSet::new());
        for Route { kind, account, to, .. } in routes {
            answering.insert(to.engine.clone());
            shadows.extend(to.shadow.clone());
            let of_kind = of.entry(kind).or_default();
            match account {
                Some(account) => drop(of_kind.own.insert(account, to)),
                None => of_kind.others = Some(to),
            }
        }
        let shadows = shadows.difference(&answering).cloned().collect();
        Self { default: Destination { engine: default, shadow: None }, of, answering, shadows }
    }

    /// Where questions about resources of `kind` go for `account`: by its own route, else by the one for all,
    /// else to the default engine.
    #[must_use]
    pub fn destination(&self, kind: Kind, account: Option<&str>) -> &Destination {
        let Some(of_kind) = self.of.get(&kind) else { return &self.default };
        let own = account.and_then(|account| of_kind.own.get(account));
        own.or(of_kind.others.as_ref()).unwrap_or(&self.default)
    }

    /// The engine for what nobody has routed.
    #[must_use]
    pub const fn default_engine(&self) -> &EngineName {
        &self.default.engine
    }

    /// Every engine that answers anybody.
    #[must_use]
    pub const fn answering(&self) -> &BTreeSet<EngineName> {
        &self.answering
    }

    /// Every engine that is asked in a shadow and answers nobody.
    #[must_use]
    pub const fn shadows(&self) -> &BTreeSet<EngineName> {
        &self.shadows
    }

    /// Every engine that answers anybody about resources of `kind`.
    pub(crate) fn answering_about(&self, kind: Kind) -> BTreeSet<&EngineName> {
        let routed = self.of.get(&kind).into_iter();
        let routed = routed.flat_map(|of_kind| of_kind.own.values().chain(&of_kind.others));
        routed.chain([self.destination(kind, None)]).map(|to| &to.engine).collect()
    }

    /// Where an account's answers come from that can depend on what is said of resources of `kind`.
    pub(crate) fn depending(&self, kind: Kind, account: Option<&str>) -> impl Iterator<Item = &Destination> {
        heard_by(kind).iter().map(move |kind| self.destination(*kind, account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use authz::schema;
    use chrono::Utc;

    fn name(text: &str) -> EngineName {
        EngineName::parse(text).unwrap()
    }

    fn route(kind: Kind, account: Option<&str>, engine: &str, shadow: Option<&str>) -> Route {
        let to = Destination { engine: name(engine), shadow: shadow.map(name) };
        Route { kind, account: account.map(Into::into), to, at: Utc::now(), by: String::new(), reason: String::new() }
    }

    fn engines(names: &BTreeSet<EngineName>) -> Vec<&str> {
        names.iter().map(EngineName::as_str).collect()
    }

    /// Account and kind before kind, and kind before the default.
    #[test]
    fn the_nearest_route_wins() {
        let (own, all, agents) = (
            route(Kind::Task, Some("acme"), "a", None),
            route(Kind::Task, None, "b", Some("a")),
            route(Kind::Agent, None, "c", None),
        );
        for (routes, acme, other, nobody) in [
            (vec![], "d", "d", "d"),
            (vec![agents.clone()], "d", "d", "d"),
            (vec![all.clone()], "b (shadow: a)", "b (shadow: a)", "b (shadow: a)"),
            (vec![own.clone()], "a", "d", "d"),
            (vec![all, own, agents], "a", "b (shadow: a)", "b (shadow: a)"),
        ] {
            let routes = Routes::new(name("d"), routes);
            let found = [Some("acme"), Some("other"), None].map(|account| routes.destination(Kind::Task, account));
            assert_eq!(found.map(ToString::to_string), [acme, other, nobody]);
            assert_eq!(routes.destination(Kind::ApiKey, Some("acme")).to_string(), "d");
        }
    }

    #[test]
    fn an_engine_that_answers_anybody_is_not_only_a_shadow() {
        let routes = vec![
            route(Kind::Task, Some("acme"), "a", Some("d")),
            route(Kind::Task, Some("zeta"), "d", Some("b")),
            route(Kind::Agent, None, "d", Some("a")),
        ];
        let routes = Routes::new(name("d"), routes);
        assert_eq!((engines(routes.answering()), engines(routes.shadows())), (vec!["a", "d"], vec!["b"]));
        let about = |kind| routes.answering_about(kind).into_iter().map(EngineName::as_str).collect::<Vec<_>>();
        assert_eq!((about(Kind::Task), about(Kind::Agent)), (vec!["a", "d"], vec!["d"]));
    }

    /// A rule that begins to look further must be told of further.
    #[test]
    fn an_engine_hears_of_all_that_its_answers_depend_on() {
        for rule in schema::RULES {
            assert!(heard_by(rule.kind).contains(&rule.kind));
            if !rule.gated.is_empty() {
                assert!(heard_by(Kind::Tenant).contains(&rule.kind), "{rule:?}");
            }
            if rule.inherited.is_some() {
                assert!(heard_by(Kind::Agent).contains(&rule.kind), "{rule:?}");
                assert!(heard_by(Kind::Tenant).contains(&rule.kind), "{rule:?}");
            }
        }
    }

    #[test]
    fn names_are_words() {
        for good in ["graph", "spicedb", "proxy", "spice_db-two"] {
            assert_eq!(EngineName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Graph", "a:b", "a b", &"x".repeat(33)] {
            assert_eq!(EngineName::parse(bad), Err(UnknownEngine(bad.to_owned())));
        }
    }
}
