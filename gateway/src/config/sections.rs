//! The sections of the configuration, each with its defaults.

use authz::{Id, Principal};
use identity::AuthContext;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// A configured token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The token, as callers send it.
    pub token: SecretString,
    /// Whose it is: `user:ID`, `service_account:ID` or `agent:ID`.
    pub principal: String,
    /// The tenant that principal works in.
    pub tenant: String,
    /// Whether that principal operates the deployment.
    #[serde(default)]
    pub operator: bool,
}

impl Token {
    /// The caller this token stands for.
    pub fn context(&self) -> anyhow::Result<AuthContext> {
        let principal: Principal = self
            .principal
            .parse()
            .map_err(|error| anyhow::anyhow!("configuration key `tokens.principal`: `{}`: {error}", self.principal))?;
        let tenant = Id::parse(&self.tenant)
            .map_err(|error| anyhow::anyhow!("configuration key `tokens.tenant`: `{}`: {error}", self.tenant))?;
        let context = AuthContext::new(principal, tenant);
        Ok(if self.operator { context.operating() } else { context })
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }
}

/// How the database is used.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The most connections held open.
    pub max_connections: u32,
    /// How long a request waits for a connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long a statement may run, in milliseconds.
    pub statement_timeout_ms: u64,
}

impl Default for Database {
    fn default() -> Self {
        Self { max_connections: 16, acquire_timeout_ms: 3_000, statement_timeout_ms: 10_000 }
    }
}

/// How rows and relationships are kept in step.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DualWrite {
    /// How often a write to the engine is tried again.
    pub retries: usize,
    /// How long the first retry waits, in milliseconds; later ones wait ever longer.
    pub base_delay_ms: u64,
    /// The longest a retry waits, in milliseconds.
    pub max_delay_ms: u64,
    /// How long one attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// After how many failures in a row the engine is left alone.
    pub circuit_failures: u32,
    /// For how long, in milliseconds; then one write may try.
    pub circuit_cooldown_ms: u64,
    /// How long whoever makes or ends a thing has before the reconciler takes over, in milliseconds.
    pub patience_ms: u32,
    /// How often the reconciler looks for what is overdue, in milliseconds.
    pub sweep_interval_ms: u64,
    /// How often switches are read when nobody says that one was turned, in milliseconds.
    pub switch_refresh_ms: u64,
}

impl Default for DualWrite {
    fn default() -> Self {
        Self {
            retries: 3,
            base_delay_ms: 100,
            max_delay_ms: 2_000,
            attempt_timeout_ms: 5_000,
            circuit_failures: 10,
            circuit_cooldown_ms: 5_000,
            patience_ms: 60_000,
            sweep_interval_ms: 5_000,
            switch_refresh_ms: 5_000,
        }
    }
}

impl DualWrite {
    /// How often the reconciler looks for what is overdue.
    #[must_use]
    pub const fn sweep_interval(&self) -> Duration {
        Duration::from_millis(self.sweep_interval_ms)
    }

    /// How often switches are read when nobody says that one was turned.
    #[must_use]
    pub const fn switch_refresh(&self) -> Duration {
        Duration::from_millis(self.switch_refresh_ms)
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.switch_refresh_ms > 0, "configuration key `dual_write.switch_refresh_ms` is 0");
        anyhow::ensure!(self.attempt_timeout_ms > 0, "configuration key `dual_write.attempt_timeout_ms` is 0");
        anyhow::ensure!(self.sweep_interval_ms > 0, "configuration key `dual_write.sweep_interval_ms` is 0");
        anyhow::ensure!(self.circuit_failures > 0, "configuration key `dual_write.circuit_failures` is 0");
        // Jitter may double a delay.
        let retries = self.retries as u64;
        let attempts = self.attempt_timeout_ms.saturating_mul(retries.saturating_add(1));
        let longest = attempts.saturating_add(self.max_delay_ms.saturating_mul(2).saturating_mul(retries));
        anyhow::ensure!(
            u64::from(self.patience_ms) > longest,
            "configuration key `dual_write.patience_ms` is {}, and all attempts together may take {longest}",
            self.patience_ms
        );
        Ok(())
    }
}

/// How it is followed which engine answers whom, and what asking a second one may cost.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// How often routes are read when nobody says that one was changed, in milliseconds.
    pub refresh_ms: u64,
    /// How long an engine in a shadow may take for one call, in milliseconds.
    pub shadow_timeout_ms: u64,
    /// How many comparisons with a shadow may be under way at once.
    pub shadow_at_once: usize,
}

impl Default for Routing {
    fn default() -> Self {
        Self { refresh_ms: 5_000, shadow_timeout_ms: 1_000, shadow_at_once: 64 }
    }
}

impl Routing {
    /// How often routes are read when nobody says that one was changed.
    #[must_use]
    pub const fn refresh(&self) -> Duration {
        Duration::from_millis(self.refresh_ms)
    }

    /// What a second engine may cost.
    #[must_use]
    pub const fn bounds(&self) -> authz_router::Settings {
        authz_router::Settings { timeout: Duration::from_millis(self.shadow_timeout_ms), abreast: self.shadow_at_once }
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.refresh_ms > 0, "configuration key `routing.refresh_ms` is 0");
        anyhow::ensure!(self.shadow_timeout_ms > 0, "configuration key `routing.shadow_timeout_ms` is 0");
        anyhow::ensure!(self.shadow_at_once <= 100_000, "configuration key `routing.shadow_at_once` is over 100000");
        Ok(())
    }
}
