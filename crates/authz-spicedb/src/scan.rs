//! All that `SpiceDB` has been told, in the order of our ids: to be copied into another engine.

use crate::{ABREAST, SpiceDb, ids, trouble::nonsense, wire};
use async_trait::async_trait;
use authz::{EngineError, Kind, Relationship, RelationshipScan, ResourceRef};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use spicedb_grpc_tonic::v1::{Cursor, ReadRelationshipsRequest, ReadRelationshipsResponse, RelationshipFilter};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// The relationships of one page of a listing.
const PAGE: u32 = 1_000;

/// The ids of resources, sorted by their bytes.
type Ids = Arc<[Arc<str>]>;

/// Reads an engine through. `SpiceDB` tells relationships in an order of its own, and ids as it writes them, so the ids
/// of a kind are listed first, as of one moment, and kept for a while: some sixty bytes for each. The relationships of each are read when their page is asked for, as of then.
///
/// A resource that nothing was said of when the ids were listed is told of once they are listed again.
pub struct Scan {
    engine: SpiceDb,
    /// How long a list of ids is good.
    good_for: Duration,
    listed: Mutex<HashMap<Kind, (Instant, Ids)>>,
}

impl SpiceDb {
    /// Reads this engine through; the ids that it has heard of are listed anew after `good_for`.
    #[must_use]
    pub fn scan(&self, good_for: Duration) -> Scan {
        Scan { engine: self.clone(), good_for, listed: Mutex::default() }
    }

    /// One page of all relationships of a kind of resource, as of now. A cursor leads on in the moment of the first page.
    async fn list(&self, kind: Kind, cursor: Option<Cursor>) -> Result<Vec<ReadRelationshipsResponse>, EngineError> {
        let filter = RelationshipFilter { resource_type: kind.as_str().to_owned(), ..Default::default() };
        let request = ReadRelationshipsRequest {
            consistency: Some(wire::now()),
            relationship_filter: Some(filter),
            optional_limit: PAGE,
            optional_cursor: cursor,
        };
        let mut client = self.permissions.clone();
        let read = async { client.read_relationships(request).await?.into_inner().try_collect().await };
        self.in_time(read).await
    }

    /// The ids of all resources of a kind that anything is said of.
    async fn ids(&self, kind: Kind) -> Result<Ids, EngineError> {
        let (mut found, mut cursor) = (BTreeSet::new(), None);
        loop {
            let page = self.list(kind, cursor.take()).await?;
            let full = page.len() >= PAGE as usize;
            for answer in page {
                cursor = answer.after_result_cursor;
                let resource = answer.relationship.and_then(|relationship| relationship.resource);
                // An id that is none of ours is nobody's here.
                if let Some(id) = resource.and_then(|resource| ids::decode(&resource.object_id)) {
                    found.insert(Arc::from(id));
                }
            }
            if !full {
                return Ok(found.into_iter().collect());
            }
            if cursor.is_none() {
                return Err(nonsense("a full page without a cursor"));
            }
        }
    }
}

impl Scan {
    async fn ids(&self, kind: Kind) -> Result<Ids, EngineError> {
        let mut listed = self.listed.lock().await;
        if let Some((_, ids)) = listed.get(&kind).filter(|(at, _)| at.elapsed() < self.good_for) {
            return Ok(Arc::clone(ids));
        }
        let (at, ids) = (Instant::now(), self.engine.ids(kind).await?);
        listed.insert(kind, (at, Arc::clone(&ids)));
        Ok(ids)
    }

    async fn all_of(&self, resource: ResourceRef) -> Result<Vec<Relationship>, EngineError> {
        let found = self.engine.read(wire::all_of(&resource)).await?;
        Ok(found.into_iter().filter_map(wire::relationship).collect())
    }
}

#[async_trait]
impl RelationshipScan for Scan {
    async fn page(&self, kind: Kind, after: Option<&str>, limit: u32) -> Result<Vec<Relationship>, EngineError> {
        let ids = self.ids(kind).await?;
        let begin = after.map_or(0, |after| ids.partition_point(|id| **id <= *after));
        let (_, mut left) = ids.split_at(begin);
        let (mut page, mut wanted) = (Vec::new(), limit as usize);
        // What was listed may be gone: there are fewer than wanted only at the end.
        while wanted > 0 && !left.is_empty() {
            let (now, later) = left.split_at(wanted.min(left.len()));
            left = later;
            let reads: Vec<_> = now.iter().map(|id| self.all_of(ResourceRef { kind, id: Arc::clone(id) })).collect();
            let mut reads = stream::iter(reads).buffered(ABREAST);
            while let Some(of_one) = reads.try_next().await? {
                wanted -= usize::from(!of_one.is_empty());
                page.extend(of_one);
            }
        }
        Ok(page)
    }
}
