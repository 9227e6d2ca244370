//! Relationships read one by one, rather than decided from.

use crate::{ABREAST, SpiceDb, wire};
use async_trait::async_trait;
use authz::{
    EngineError, Holder, Principal, Relationship, RelationshipReader, ResourceRef, explain::LINKS, schema as rules,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use spicedb_grpc_tonic::v1::{self, ReadRelationshipsRequest, RelationshipFilter};
use std::collections::BTreeSet;

impl SpiceDb {
    /// All relationships that a filter lets through, as of now.
    pub(crate) async fn read(&self, filter: RelationshipFilter) -> Result<Vec<v1::Relationship>, EngineError> {
        let request = ReadRelationshipsRequest {
            consistency: Some(wire::now()),
            relationship_filter: Some(filter),
            ..Default::default()
        };
        let mut client = self.permissions.clone();
        let read = async {
            let answers = client.read_relationships(request).await?.into_inner();
            answers.try_collect::<Vec<_>>().await
        };
        Ok(self.in_time(read).await?.into_iter().filter_map(|answer| answer.relationship).collect())
    }

    /// Those of `relationships` that are there now.
    ///
    /// # Errors
    /// [`EngineError`] when the engine does not say.
    pub async fn present(&self, relationships: &[Relationship]) -> Result<Vec<Relationship>, EngineError> {
        let resources: BTreeSet<_> = relationships.iter().map(|relationship| &relationship.resource).collect();
        let reads: Vec<_> = resources.into_iter().map(|resource| self.read(wire::all_of(resource))).collect();
        let found: Vec<_> = stream::iter(reads).buffered(ABREAST).try_concat().await?;
        let found: BTreeSet<_> = found.into_iter().filter_map(wire::relationship).collect();
        Ok(relationships.iter().filter(|relationship| found.contains(relationship)).cloned().collect())
    }

    pub(crate) async fn holders_of(&self, resource: ResourceRef) -> Result<Vec<Holder>, EngineError> {
        let found = self.read(wire::all_of(&resource)).await?.into_iter().filter_map(wire::holder);
        Ok(found.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// What `principal` is to the resource, and the resource's links.
    async fn links_of(&self, principal: &Principal, resource: &ResourceRef) -> Result<Vec<Relationship>, EngineError> {
        let links = LINKS.iter().copied().filter(|link| rules::has_relation(resource.kind, *link));
        let links = links.map(|link| wire::all_in(resource, link));
        let filters = links.chain([wire::all_between(resource, principal)]);
        let reads: Vec<_> = filters.map(|filter| self.read(filter)).collect();
        let found: Vec<_> = stream::iter(reads).buffered(LINKS.len() + 1).try_concat().await?;
        let found: BTreeSet<_> = found.into_iter().filter_map(wire::relationship).collect();
        Ok(found.into_iter().collect())
    }
}

#[async_trait]
impl RelationshipReader for SpiceDb {
    async fn of(
        &self,
        principal: &Principal,
        resources: &[ResourceRef],
    ) -> Result<Vec<Vec<Relationship>>, EngineError> {
        let reads: Vec<_> = resources.iter().map(|resource| self.links_of(principal, resource)).collect();
        stream::iter(reads).buffered(ABREAST).try_collect().await
    }
}
