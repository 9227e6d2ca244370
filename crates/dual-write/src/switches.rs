//! Whether there are dual writes at all: per kind of resource and per account, while the program runs.

use authz::Kind;
use chrono::{DateTime, Utc};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// What is done about relationships when a row is made or ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing: the engine is not written to, by callers or by reconcilers. What it ought to be told is noted, and
    /// told when the switch is turned again. Until then a new row is nobody's to see: the engine does not know of it.
    Off,
    /// They are written, once, and compared. What goes wrong is logged and counted, does not decide the request, and
    /// is made up for by reconcilers.
    Shadow,
    /// They are written, or there is no row.
    #[default]
    On,
}

impl Mode {
    /// The word in tables and on command lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::On => "on",
        }
    }

    /// The mode behind a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Off, Self::Shadow, Self::On].into_iter().find(|mode| mode.as_str() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A switch that somebody has turned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// For resources of this kind.
    pub kind: Kind,
    /// For this account; for every account that has no switch of its own, when there is none.
    pub account: Option<Arc<str>>,
    /// How it stands.
    pub mode: Mode,
    /// When it was turned last.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The wish to turn a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// For resources of this kind.
    pub kind: Kind,
    /// For this account, or for all that have no switch of their own.
    pub account: Option<Arc<str>>,
    /// How it is to stand.
    pub mode: Mode,
    /// Who wishes it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A turn of a switch, as it is kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The switch, as it stood after.
    pub switch: Switch,
    /// How it stood before; none when nobody had turned it.
    pub from: Option<Mode>,
}

/// The switches could not be read, turned or listened to.
#[derive(Debug, thiserror::Error)]
#[error("the switches of dual writes are unavailable")]
pub struct SwitchError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Something that has no switch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a resource whose dual writes can be switched: these are `agent`, `api_key` and `task`")]
pub struct UnknownResource(pub String);

/// The kind behind a word, if its dual writes can be switched. Tenants are nobody's to make.
pub fn switched_kind(word: &str) -> Result<Kind, UnknownResource> {
    let known = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word && *kind != Kind::Tenant);
    known.ok_or_else(|| UnknownResource(word.to_owned()))
}

/// Where switches are kept, for every gateway.
#[async_trait::async_trait]
pub trait SwitchStore: Send + Sync {
    /// Every switch that was ever turned, sorted by kind and account; those for all accounts first.
    async fn switches(&self) -> Result<Vec<Switch>, SwitchError>;

    /// Turns a switch, writes down who did and why, and tells every gateway, all in one commit.
    async fn turn(&self, order: &Order) -> Result<Change, SwitchError>;

    /// The latest changes, the last first.
    async fn changes(&self, limit: u32) -> Result<Vec<Change>, SwitchError>;

    /// Begins to listen: whatever is turned from now on is heard.
    async fn listen(&self) -> Result<Box<dyn Ear>, SwitchError>;
}

/// Hears that a switch was turned.
#[async_trait::async_trait]
pub trait Ear: Send {
    /// Waits until one was, or until nothing can be heard any more.
    async fn hear(&mut self) -> Result<(), SwitchError>;
}

/// The switches as this process knows them. Cheap to ask.
#[derive(Debug, Default)]
pub struct Switches(RwLock<Arc<Standing>>);

type Standing = HashMap<Kind, HashMap<Option<Arc<str>>, Mode>>;

impl Switches {
    /// How the switch stands for resources of `kind` of `account`: its own, else the one for all, else on.
    #[must_use]
    pub fn mode(&self, kind: Kind, account: Option<&Arc<str>>) -> Mode {
        let standing = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let Some(of_kind) = standing.get(&kind) else { return Mode::On };
        let own = account.and_then(|account| of_kind.get(&Some(Arc::clone(account))));
        own.or_else(|| of_kind.get(&None)).copied().unwrap_or_default()
    }

    /// From now on the switches stand like this. Those not named are on.
    pub fn replace(&self, switches: Vec<Switch>) {
        let mut standing = Standing::new();
        for switch in switches {
            standing.entry(switch.kind).or_default().insert(switch.account, switch.mode);
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(kind: Kind, account: Option<&str>, mode: Mode) -> Switch {
        Switch {
            kind,
            account: account.map(Into::into),
            mode,
            at: Utc::now(),
            by: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn an_accounts_own_switch_goes_before_the_one_for_all() {
        let (switches, acme, other) = (Switches::default(), Arc::from("acme"), Arc::from("other"));
        let modes =
            |switches: &Switches| [Some(&acme), Some(&other), None].map(|account| switches.mode(Kind::Task, account));
        assert_eq!(modes(&switches), [Mode::On; 3], "nobody has turned any");
        switches.replace(vec![switch(Kind::Task, Some("acme"), Mode::Off), switch(Kind::Agent, None, Mode::Shadow)]);
        assert_eq!(modes(&switches), [Mode::Off, Mode::On, Mode::On]);
        switches.replace(vec![switch(Kind::Task, Some("acme"), Mode::On), switch(Kind::Task, None, Mode::Off)]);
        assert_eq!(modes(&switches), [Mode::On, Mode::Off, Mode::Off]);
        assert_eq!(switches.mode(Kind::Agent, Some(&acme)), Mode::On, "what is not named any more is on");
    }

    #[test]
    fn only_what_is_registered_has_a_switch() {
        assert_eq!(switched_kind("task"), Ok(Kind::Task));
        for unknown in ["tenant", "Task", "", "tracker"] {
            assert_eq!(switched_kind(unknown), Err(UnknownResource(unknown.to_owned())));
        }
    }
}
