//! Copying relationships from one engine into another, while both are being written to.

use crate::routes::{EngineName, Routes};
use authz::{Authorizer, EngineError, Kind, Relation, Relationship, RelationshipScan, ResourceRef};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many resources one step takes on.
const PAGE: u32 = 200;
/// How many relationships are written at a time.
const CHUNK: usize = 500;
/// How often a step looks again before it gives up on a page that keeps changing.
const ROUNDS: usize = 8;

/// A copying of all that an engine has been told. Repeating it changes nothing.
///
/// It may run while callers write: each page is read again after it was written, and what went meanwhile is taken
/// back. It also takes away the roles that only the target knows, such as one whose revocation the target has
/// missed. What the target itself answers for is left alone: there it knows better.
pub struct Copying<'a> {
    /// Where relationships are read.
    pub source: &'a dyn RelationshipScan,
    /// Where they are written, past all routes.
    pub target: &'a dyn Authorizer,
    /// What the target is called.
    pub to: &'a EngineName,
    /// Who is answered by whom.
    pub routes: &'a Routes,
    /// Only what lives in this account.
    pub account: Option<&'a str>,
    /// Whether nothing is written, and only counted.
    pub pretend: bool,
}

/// What one step came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The id behind which the next step goes on.
    pub last: Arc<str>,
    /// Resources that were copied.
    pub resources: u64,
    /// Resources that were left alone, since the target answers for them.
    pub left: u64,
    /// Relationships that were written, whether or not they were there.
    pub relationships: u64,
    /// Relationships that were taken away, since the source has them not or no longer.
    pub removed: u64,
}

impl Copying<'_> {
    /// Copies the resources of `kind` behind `after`, a page of them. None when there are none.
    pub async fn step(&self, kind: Kind, after: Option<&str>) -> Result<Option<Copied>, EngineError> {
        let page = self.source.page(kind, after, PAGE).await?;
        let Some(last) = page.last().map(|edge| Arc::clone(&edge.resource.id)) else { return Ok(None) };
        let (resources, left) = self.chosen(&page);
        let mut copied = Copied { last, left, resources: resources.len() as u64, ..Copied::default() };
        let asked: Vec<_> = resources.iter().cloned().collect();
        if resources.is_empty() {
            return Ok(Some(copied));
        }
        let (mut written, mut wanted) = (BTreeSet::new(), of(page, &resources));
        for _ in 0..ROUNDS {
            let missing: Vec<_> = wanted.difference(&written).cloned().collect();
            for chunk in missing.chunks(CHUNK).filter(|_| !self.pretend) {
                self.target.grant(chunk).await?;
            }
            copied.relationships += missing.len() as u64;
            written.extend(missing);
            // The target first: what it knows and the source then does not was not given in between.
            let known = self.roles(&asked).await?;
            wanted = self.again(kind, after, &copied.last, &resources).await?;
            let stale: Vec<_> = known.union(&written).filter(|edge| !wanted.contains(*edge)).cloned().collect();
            for chunk in stale.chunks(CHUNK).filter(|_| !self.pretend) {
                self.target.revoke(chunk).await?;
            }
            copied.removed += stale.len() as u64;
            written.retain(|edge| wanted.contains(edge));
            if self.pretend || (stale.is_empty() && wanted.is_subset(&written)) {
                return Ok(Some(copied));
            }
        }
        Err(EngineError::Unavailable("a page of relationships changes faster than it is copied".into()))
    }

    /// The resources of a page that are to be copied, and how many are left alone.
    fn chosen(&self, page: &[Relationship]) -> (BTreeSet<ResourceRef>, u64) {
        let mut accounts: BTreeMap<&ResourceRef, Option<&str>> = BTreeMap::new();
        for edge in page {
            let account = accounts.entry(&edge.resource).or_default();
            if edge.resource.kind == Kind::Tenant {
                *account = Some(&edge.resource.id);
            } else if edge.relation == Relation::Tenant {
                *account = Some(&edge.subject_id);
            }
        }
        accounts.retain(|_, account| self.account.is_none_or(|wanted| *account == Some(wanted)));
        let all = accounts.len();
        accounts.retain(|resource, account| self.routes.destination(resource.kind, *account).engine != *self.to);
        let left = (all - accounts.len()) as u64;
        (accounts.into_keys().cloned().collect(), left)
    }

    /// The roles that the target knows of.
    async fn roles(&self, resources: &[ResourceRef]) -> Result<BTreeSet<Relationship>, EngineError> {
        let holders = self.target.holders(resources).await?;
        let roles = resources.iter().zip(holders).flat_map(|(resource, holders)| {
            let role =
                |holder: authz::Holder| Relationship::held(resource.clone(), holder.role.relation(), &holder.principal);
            holders.into_iter().map(role)
        });
        Ok(roles.collect())
    }

    /// What the source says by now of these resources, up to the last of them.
    async fn again(
        &self,
        kind: Kind,
        after: Option<&str>,
        last: &str,
        resources: &BTreeSet<ResourceRef>,
    ) -> Result<BTreeSet<Relationship>, EngineError> {
        let (mut all, mut after) = (BTreeSet::new(), after.map(Arc::from));
        loop {
            let page = self.source.page(kind, after.as_deref(), PAGE).await?;
            let Some(reached) = page.last().map(|edge| Arc::clone(&edge.resource.id)) else { return Ok(all) };
            all.extend(of(page, resources));
            if *reached >= *last {
                return Ok(all);
            }
            after = Some(reached);
        }
    }
}

/// The relationships of these resources.
fn of(page: Vec<Relationship>, resources: &BTreeSet<ResourceRef>) -> BTreeSet<Relationship> {
    page.into_iter().filter(|edge| resources.contains(&edge.resource)).collect()
}
