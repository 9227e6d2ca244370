//! Questions, as fresh as they are wanted.

use crate::{
    ABREAST, SpiceDb, ids,
    trouble::{failed, nonsense},
    wire,
};
use authz::{
    Action, ActionSet, Check, Consistency, Decision, EngineError, Kind, Lookup, Principal, ResourceRef, schema as rules,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use spicedb_grpc_tonic::v1::{
    self, CheckBulkPermissionsRequest, CheckBulkPermissionsRequestItem, LookupResourcesRequest,
    check_bulk_permissions_pair::Response, check_permission_response::Permissionship,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tonic::Status;

/// The questions of one call.
const BATCH: usize = 1_000;
/// The ids of one page of a look-up.
const PAGE: u32 = 1_000;

impl SpiceDb {
    /// How fresh an answer is asked for. Whoever brings a token is not told of an older moment than whoever does not.
    fn consistency(&self, wanted: &Consistency) -> v1::Consistency {
        match wanted {
            Consistency::MinimizeLatency if self.stale_reads => wire::as_fast_as_can_be(),
            Consistency::AtLeastAsFresh(token) if self.stale_reads => wire::at_least_as_fresh(token),
            Consistency::MinimizeLatency | Consistency::AtLeastAsFresh(_) | Consistency::FullyConsistent => wire::now(),
        }
    }

    /// Answers as fresh as it is wanted. A token that `SpiceDB` makes nothing of, such as one of a datastore that was
    /// replaced since, or one that somebody made up, says nothing but that an answer of this moment will do.
    pub(crate) async fn as_fresh_as<T, F>(
        &self,
        wanted: &Consistency,
        ask: impl Fn(v1::Consistency) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let answer = ask(self.consistency(wanted)).await;
        match (&answer, wanted) {
            (Err(EngineError::Malformed(_)), Consistency::AtLeastAsFresh(_)) if self.stale_reads => {
                ask(wire::now()).await
            }
            _ => answer,
        }
    }

    /// The answers to at most [`BATCH`] questions, in order.
    async fn ask(
        &self,
        items: Vec<CheckBulkPermissionsRequestItem>,
        consistency: &v1::Consistency,
    ) -> Result<Vec<bool>, EngineError> {
        let request = CheckBulkPermissionsRequest {
            consistency: Some(consistency.clone()),
            items: items.clone(),
            with_tracing: false,
        };
        let mut client = self.permissions.clone();
        let answer = self.in_time(client.check_bulk_permissions(request)).await?.into_inner();
        if answer.pairs.len() != items.len() {
            return Err(nonsense("answers are missing or too many"));
        }
        let pairs = answer.pairs.into_iter().zip(&items);
        pairs.map(|(pair, item)| allowed(pair, item)).collect()
    }

    /// What the principal may do, as of a moment.
    pub(crate) async fn check_at(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: v1::Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        let subject = wire::principal(principal);
        // The same question of several checks is asked once.
        let mut places: HashMap<(&ResourceRef, Action), usize> = HashMap::new();
        let mut items = Vec::new();
        for check in checks {
            for action in known(check) {
                places.entry((&check.resource, action)).or_insert_with(|| {
                    items.push(CheckBulkPermissionsRequestItem {
                        resource: Some(wire::resource(&check.resource)),
                        permission: action.as_str().to_owned(),
                        subject: Some(subject.clone()),
                        context: None,
                    });
                    items.len() - 1
                });
            }
        }
        let batches: Vec<_> = items.chunks(BATCH).map(|items| self.ask(items.to_vec(), &consistency)).collect();
        let batches = stream::iter(batches).buffered(ABREAST);
        let answers: Vec<bool> = batches.try_concat().await?;
        let decide = |check: &Check| {
            let yes = |action: &Action| {
                let place = places.get(&(&check.resource, *action));
                place.and_then(|place| answers.get(*place)).copied().unwrap_or_default()
            };
            Decision { allowed: known(check).filter(yes).fold(ActionSet::empty(), |all, action| all | action) }
        };
        Ok(checks.iter().map(decide).collect())
    }

    /// What the principal may do something to, as of a moment.
    pub(crate) async fn lookup_at(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: v1::Consistency,
    ) -> Result<Lookup, EngineError> {
        let mut found: BTreeSet<Arc<str>> = BTreeSet::new();
        // One more than wanted says that there are more.
        let limit = most.map_or(PAGE, |most| u32::try_from(most.saturating_add(1)).unwrap_or(PAGE).min(PAGE));
        let mut cursor = None;
        loop {
            let request = LookupResourcesRequest {
                consistency: Some(consistency.clone()),
                resource_object_type: kind.as_str().to_owned(),
                permission: action.as_str().to_owned(),
                subject: Some(wire::principal(principal)),
                context: None,
                optional_limit: limit,
                optional_cursor: cursor.take(),
            };
            let mut client = self.permissions.clone();
            let page = async { client.lookup_resources(request).await?.into_inner().try_collect::<Vec<_>>().await };
            let page = self.in_time(page).await?;
            let full = page.len() >= limit as usize;
            for answer in page {
                cursor = answer.after_result_cursor;
                if answer.permissionship == v1::LookupPermissionship::HasPermission as i32
                    && let Some(id) = ids::decode(&answer.resource_object_id)
                {
                    found.insert(id.into());
                }
            }
            if most.is_some_and(|most| found.len() > most) {
                return Ok(Lookup::TooMany);
            }
            if !full {
                return Ok(Lookup::ids(found));
            }
            if cursor.is_none() {
                return Err(nonsense("a full page without a cursor"));
            }
        }
    }
}

/// Whether one of several questions was answered with yes. No answer is an error, and anything but a
/// plain yes is a no.
fn allowed(pair: v1::CheckBulkPermissionsPair, asked: &CheckBulkPermissionsRequestItem) -> Result<bool, EngineError> {
    if pair.request.as_ref() != Some(asked) {
        return Err(nonsense("an answer is to something that was not asked"));
    }
    match pair.response {
        Some(Response::Item(item)) => Ok(item.permissionship == Permissionship::HasPermission as i32),
        Some(Response::Error(error)) => Err(failed(Status::new(tonic::Code::from_i32(error.code), error.message))),
        None => Err(nonsense("an answer is empty")),
    }
}

/// The actions that the schema knows on a kind, of those asked.
fn known(check: &Check) -> impl Iterator<Item = Action> {
    let kind = check.resource.kind;
    check.actions.iter().filter(move |action| rules::rule(kind, *action).is_some())
}
