//! The relationships that decisions are explained from.

use super::{GraphEngine, columns::storable, place, unavailable};
use async_trait::async_trait;
use authz::{EngineError, Principal, Relation, Relationship, RelationshipReader, ResourceRef, explain::LINKS};

#[async_trait]
impl RelationshipReader for GraphEngine {
    /// One statement. A resource's links are few, and the principal's relations to it at most one of each kind,
    /// and both are found by the primary key without reading what others are to it.
    async fn of(
        &self,
        principal: &Principal,
        resources: &[ResourceRef],
    ) -> Result<Vec<Vec<Relationship>>, EngineError> {
        let kinds: Vec<_> = resources.iter().map(|resource| resource.kind.as_str()).collect();
        let ids: Vec<_> = resources.iter().map(|resource| storable(&resource.id)).collect();
        let links: Vec<_> = LINKS.iter().map(|relation| relation.as_str()).collect();
        let every: Vec<_> = enumset::EnumSet::<Relation>::all().iter().map(Relation::as_str).collect();
        let select = sqlx::query!(
            r#"SELECT asked.place AS "place!", r.relation AS "relation!", r.subject_kind AS "subject_kind!",
                      r.subject_id AS "subject_id!"
               FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (kind, id, place)
               CROSS JOIN LATERAL (
                   SELECT relation, subject_kind, subject_id FROM relationships
                   WHERE resource_kind = asked.kind AND resource_id = asked.id AND relation = ANY($3)
                   UNION
                   SELECT relation, subject_kind, subject_id FROM relationships
                   WHERE resource_kind = asked.kind AND resource_id = asked.id AND relation = ANY($4)
                     AND subject_kind = $5 AND subject_id = $6
               ) AS r"#,
            &kinds as &[&str],
            &ids as &[&str],
            &links as &[&str],
            &every as &[&str],
            principal.kind().as_str(),
            storable(principal.id()),
        );
        let mut found = vec![Vec::new(); resources.len()];
        for row in select.fetch_all(&self.pool).await.map_err(unavailable)? {
            let asked = place(row.place).and_then(|place| Some((resources.get(place)?, found.get_mut(place)?)));
            if let (Some((resource, found)), Some(relation)) = (asked, Relation::from_word(&row.relation)) {
                found.push(Relationship {
                    resource: resource.clone(),
                    relation,
                    subject_kind: row.subject_kind.into(),
                    subject_id: row.subject_id.into(),
                });
            }
        }
        Ok(found)
    }
}
