//! What is read of an engine's relationships.

use super::{somebody, something};
use authz::{Explainer, Kind, Principal, Registration, Relation, Relationship, ResourceRef};
use std::{collections::BTreeSet, sync::Arc};

async fn read(explainer: &Explainer, principal: &Principal, of: &[ResourceRef]) -> Vec<BTreeSet<Relationship>> {
    let found = explainer.reader.as_ref().unwrap().of(principal, of).await.unwrap();
    let sets: Vec<_> = found.iter().map(|one| one.iter().cloned().collect::<BTreeSet<_>>()).collect();
    assert!(found.iter().zip(&sets).all(|(list, set)| list.len() == set.len()), "each is told once: {found:?}");
    sets
}

/// A task with an owner, and what was said when it was registered.
async fn task(explainer: &Explainer, owner: &Principal) -> (ResourceRef, BTreeSet<Relationship>) {
    let resource = something(Kind::Task);
    let (tenant, parent) = (something(Kind::Tenant).id, Some(something(Kind::Agent)));
    let registration = Registration { resource: resource.clone(), owner: owner.clone(), tenant, parent };
    explainer.engine.register(&registration).await.unwrap();
    (resource, registration.relationships().into_iter().collect())
}

pub(super) async fn what_a_principal_is_to_a_resource_is_read_with_its_links(explainer: &Explainer) {
    let owner = somebody();
    let (one, said_of_one) = task(explainer, &owner).await;
    let (two, said_of_two) = task(explainer, &owner).await;
    let more = Relationship::held(two.clone(), Relation::Viewer, &owner);
    explainer.engine.grant(std::slice::from_ref(&more)).await.unwrap();
    let said_of_two: BTreeSet<_> = said_of_two.into_iter().chain([more]).collect();
    let found = read(explainer, &owner, &[two.clone(), one.clone(), two]).await;
    assert_eq!(found, [said_of_two.clone(), said_of_one.clone(), said_of_two]);
    // An agent is told of the link that is about itself once.
    let parent = said_of_one.iter().find(|said| said.relation == Relation::ParentAgent).unwrap();
    let runtime = Principal::new(authz::PrincipalKind::Agent, Arc::clone(&parent.subject_id));
    let links = said_of_one.iter().filter(|said| said.relation != Relation::Owner).cloned().collect();
    assert_eq!(read(explainer, &runtime, &[one]).await, [links]);
}

pub(super) async fn what_others_are_to_it_is_left_out(explainer: &Explainer) {
    let (owner, other) = (somebody(), somebody());
    let (resource, said) = task(explainer, &owner).await;
    let tenant = something(Kind::Tenant);
    let namesake = Principal::service_account(owner.id());
    explainer
        .engine
        .grant(&[
            Relationship::held(resource.clone(), Relation::Viewer, &other),
            Relationship::held(resource.clone(), Relation::Editor, &namesake),
            Relationship::held(tenant.clone(), Relation::Member, &other),
        ])
        .await
        .unwrap();
    assert_eq!(read(explainer, &owner, &[resource, tenant]).await, [said, BTreeSet::new()]);
}

pub(super) async fn the_unheard_of_and_the_odd_are_read_as_nothing(explainer: &Explainer) {
    assert!(read(explainer, &somebody(), &[]).await.is_empty());
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| something(*kind)).collect();
    assert_eq!(read(explainer, &somebody(), &kinds).await, vec![BTreeSet::new(); kinds.len()]);
    let odd = ["*", "", "\u{0}", "a b:c#d@e", "'; --"].map(|id| ResourceRef { kind: Kind::Task, id: id.into() });
    for id in ["*", "\u{0}", "%"] {
        assert_eq!(read(explainer, &Principal::user(id), &odd).await, vec![BTreeSet::new(); odd.len()]);
    }
}
