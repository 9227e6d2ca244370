//! Rows, by their ids and in pages.

use super::row;
use crate::{
    Scanned, fresh, may,
    world::{new_agent, new_api_key},
};
use agents::NewAgent;
use api_keys::NewApiKey;
use authz::{Id, Kind, Principal, Relation, Relationship, ResourceRef, action::Delete};
use chrono::{TimeDelta, Utc};
use std::sync::Arc;
use tasks::NewTask;

pub(super) async fn a_row_says_what_its_registration_needs(scanned: &Scanned) {
    let cast = scanned.world.cast().await;
    for creator in [Some(Principal::user(fresh("user"))), Some(Principal::service_account(fresh("bot"))), None] {
        let task = cast.task_from(NewTask { creator: creator.clone(), ..cast.new_task() }).await;
        let told = row(scanned, Kind::Task, &task.id.to_text()).await.unwrap();
        assert_eq!((&told.id, &told.tenant), (&task.id.to_text(), &Some(cast.tenant.to_text())));
        assert_eq!((told.agents, told.creator), (vec![cast.agent.to_text()], creator.clone()));
        assert!(told.made_at.is_some_and(|made_at| made_at > Utc::now() - TimeDelta::minutes(5)));
        let new = NewAgent { creator: creator.clone(), ..new_agent() };
        let agent = scanned.world.create_agent(&cast.owner, new).await.unwrap();
        let told = row(scanned, Kind::Agent, &agent.id.to_text()).await.unwrap();
        assert_eq!((told.tenant, told.agents, told.creator), (Some(cast.tenant.to_text()), vec![], creator.clone()));
        let new = NewApiKey { creator: creator.clone(), ..new_api_key(&cast.tenant) };
        let key = scanned.world.create_api_key(&cast.owner, &cast.agent, new).await.unwrap();
        let told = row(scanned, Kind::ApiKey, &key.id.to_text()).await.unwrap();
        assert_eq!(
            (told.tenant, told.creator),
            (Some(cast.tenant.to_text()), creator),
            "an agent's tenant is its keys'"
        );
        assert_eq!((told.agents, told.made_at), (vec![cast.agent.to_text()], Some(key.created_at)));
    }
}

pub(super) async fn what_an_agent_made_has_no_creator(scanned: &Scanned) {
    let cast = scanned.world.cast().await;
    let new = NewTask { creator: Some(cast.runtime.principal().clone()), ..cast.new_task() };
    let task = cast.task_from(new).await;
    assert_eq!(row(scanned, Kind::Task, &task.id.to_text()).await.unwrap().creator, None);
}

pub(super) async fn pages_come_by_the_bytes_of_ids_behind_the_place(scanned: &Scanned) {
    let cast = scanned.world.cast().await;
    let stem = fresh("~scan");
    // By their bytes; a language's order would differ.
    let ids: Vec<Arc<str>> = ["-B", "-Z", "-a", "-b", "-ä", "_a"].map(|end| format!("{stem}{end}").into()).to_vec();
    for id in ids.iter().rev() {
        cast.task_from(NewTask { id: Id::new(Arc::clone(id)), ..cast.new_task() }).await;
    }
    let page = async |after: &str, limit| {
        let page = scanned.rows.page(Kind::Task, Some(after), limit).await.unwrap();
        page.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let mine = |page: Vec<Arc<str>>| page.into_iter().filter(|id| id.starts_with(&stem)).collect::<Vec<_>>();
    assert_eq!(mine(page(&stem, 1_000).await), ids);
    assert_eq!(mine(page(&ids[2], 1_000).await), ids[3..]);
    assert_eq!(page(&stem, 2).await.len(), 2);
    let keys = [cast.api_key().await, cast.api_key().await].map(|key| key.id.to_text());
    let behind = scanned.rows.page(Kind::ApiKey, Some(&keys[0]), 1_000).await.unwrap();
    let is_behind = |id: &Arc<str>| behind.iter().any(|row| row.id == *id);
    assert_eq!((is_behind(&keys[0]), is_behind(&keys[1])), (false, true));
    assert!(behind.is_sorted_by_key(|row| row.id.clone()));
    assert_eq!(page("~~~~", 10).await, [] as [Arc<str>; 0], "behind the end there is nothing");
    assert_eq!(scanned.rows.page(Kind::Task, None, 1).await.unwrap().len(), 1, "it begins at the start");
}

pub(super) async fn a_row_that_is_gone_is_not_told(scanned: &Scanned) {
    let cast = scanned.world.cast().await;
    let (task, other) = (cast.task().await, cast.task().await);
    scanned.world.remove_task(&may::<_, Delete>(&cast.owner, &task).await).await.unwrap();
    assert_eq!(row(scanned, Kind::Task, &task.to_text()).await, None);
    assert!(row(scanned, Kind::Task, &other.to_text()).await.is_some());
    for id in ["\0", ""] {
        assert_eq!(row(scanned, Kind::Task, &id.into()).await, None);
    }
    assert_eq!(scanned.rows.rows(Kind::Task, &[]).await.unwrap(), []);
}

pub(super) async fn what_has_no_rows_has_none(scanned: &Scanned) {
    let cast = scanned.world.cast().await;
    let tenant = cast.tenant.to_text();
    let edge = Relationship::held(ResourceRef::of(&cast.tenant), Relation::Admin, cast.owner.principal());
    scanned.world.engine.grant(&[edge]).await.unwrap();
    assert_eq!(row(scanned, Kind::Tenant, &tenant).await, None);
    assert_eq!(scanned.rows.page(Kind::Tenant, None, 10).await.unwrap(), []);
    assert_eq!(scanned.rows.estimate(Kind::Tenant).await.unwrap(), 0);
    assert_eq!(row(scanned, Kind::Agent, &cast.task().await.to_text()).await, None, "kinds are told apart");
}
