//! The switches of dual writes. For operators of the deployment; to anybody else they are not there.

use super::access::Session;
use crate::{Failure, switches};
use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use authz::{By, Denial, Requested, Tenant};
use chrono::{DateTime, Utc};
use dual_write::{Change, Mode, Order, Switch, SwitchStore, switched_kind};
use identity::Operator;
use std::sync::Arc;

/// What is done about relationships when a resource is made or ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Mode")]
pub enum DualWriteMode {
    /// Nothing. What is made is nobody's to see until this is turned, when what was left undone is made up for.
    Off,
    /// They are written and compared. What goes wrong does not decide the request, and is made up for.
    Shadow,
    /// They are written, or nothing is made.
    On,
}

/// A switch of dual writes. What nobody has turned is on.
#[derive(SimpleObject)]
pub struct DualWriteSwitch {
    /// For which kind of resource: `agent`, `api_key` or `task`.
    resource: &'static str,
    /// For which account; for every account that has no switch of its own, when there is none.
    account: Option<String>,
    /// How it stands.
    mode: DualWriteMode,
    /// When it was turned last.
    at: DateTime<Utc>,
    /// By whom.
    by: String,
    /// Why.
    reason: String,
}

impl From<Switch> for DualWriteSwitch {
    fn from(switch: Switch) -> Self {
        Self {
            resource: switch.kind.as_str(),
            account: switch.account.map(|account| account.to_string()),
            mode: switch.mode.into(),
            at: switch.at,
            by: switch.by,
            reason: switch.reason,
        }
    }
}

/// A turn of a switch.
#[derive(SimpleObject)]
pub struct DualWriteSwitchChange {
    /// The switch, as it stood after.
    switch: DualWriteSwitch,
    /// How it stood before; null when nobody had turned it.
    from: Option<DualWriteMode>,
}

impl From<Change> for DualWriteSwitchChange {
    fn from(change: Change) -> Self {
        Self { switch: change.switch.into(), from: change.from.map(Into::into) }
    }
}

/// Which switch to turn, and how.
#[derive(InputObject)]
pub struct SwitchDualWriteInput {
    /// For which kind of resource: `agent`, `api_key` or `task`.
    resource: String,
    /// For which account; for every account that has no switch of its own, when it is not given.
    account: Option<String>,
    /// How it is to stand.
    mode: DualWriteMode,
    /// Why. It is kept.
    reason: String,
}

/// The switches, for whom they are there.
fn shown<'a>(ctx: &Context<'a>) -> Result<&'a Arc<dyn SwitchStore>, Failure> {
    let session = Session::of(ctx);
    let hidden = || Denial::Hidden { requested: Requested { by: By::Name, text: ctx.field().name().into() } };
    Ok(session.app.switches.open(session.operator().ok_or_else(hidden)?))
}

/// The switches of dual writes.
#[derive(Default)]
pub struct SwitchQuery;

#[Object]
impl SwitchQuery {
    /// Every switch of dual writes that was ever turned.
    async fn dual_write_switches(&self, ctx: &Context<'_>) -> Result<Option<Vec<DualWriteSwitch>>, Failure> {
        let store = shown(ctx)?;
        Ok(Some(store.switches().await?.into_iter().map(Into::into).collect()))
    }

    /// Who turned which switch, when and why, the last first.
    async fn dual_write_switch_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100.", default = 50)] first: i32,
    ) -> Result<Option<Vec<DualWriteSwitchChange>>, Failure> {
        let store = shown(ctx)?;
        let limit = u32::try_from(first).ok().filter(|first| (1..=100).contains(first));
        let limit = limit.ok_or_else(|| Failure::invalid("`first` must be 1 to 100"))?;
        Ok(Some(store.changes(limit).await?.into_iter().map(Into::into).collect()))
    }
}

/// Turning them.
#[derive(Default)]
pub struct SwitchMutation;

#[Object]
impl SwitchMutation {
    /// Turns a switch of dual writes, for every gateway. Others are answered `FORBIDDEN`.
    async fn switch_dual_write(
        &self,
        ctx: &Context<'_>,
        input: SwitchDualWriteInput,
    ) -> Result<Option<DualWriteSwitchChange>, Failure> {
        let session = Session::of(ctx);
        let operator = session.operator().ok_or(Failure::NotOperator)?;
        let store = session.app.switches.open(operator);
        let order = order(&input.resource, input.account.as_deref(), input.mode.into(), input.reason, operator)?;
        let change = store.turn(&order).await?;
        // Whoever turned it finds it turned, here at least, without waiting for the notification.
        switches::read(&**store, &session.app.dual_write.switches).await?;
        Ok(Some(change.into()))
    }
}

/// What an operator wishes, if there is such a switch and the wish has its reason.
pub fn order(
    resource: &str,
    account: Option<&str>,
    mode: Mode,
    reason: String,
    operator: &Operator,
) -> Result<Order, Failure> {
    let kind = switched_kind(resource).map_err(|error| Failure::invalid(format!("`resource`: {error}")))?;
    let account = account.map(|account| {
        authz::Id::<Tenant>::parse(account).map_err(|error| Failure::invalid(format!("`account`: {error}")))
    });
    if reason.trim().is_empty() || reason.contains('\0') {
        return Err(Failure::invalid("`reason` must say why"));
    }
    Ok(Order {
        kind,
        account: account.transpose()?.map(|account| account.to_text()),
        mode,
        by: operator.to_string(),
        reason,
    })
}
