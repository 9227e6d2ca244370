//! Writes: all or none, all of it, and known to whoever asks as fresh as they were.

use crate::{NOW, settings, something, spicedb};
use authz::{
    Action, Authorizer as _, Check, Consistency, ConsistencyToken, Kind, Principal, Registration, Relation,
    Relationship, RelationshipReader as _, ResourceRef,
};
use authz_spicedb::{Settings, SpiceDb};
use conformance::fresh;

#[tokio::test]
async fn a_registration_that_is_refused_in_part_is_not_made_at_all() {
    let engine = spicedb().await;
    let (key, tenant, parent) = (something(Kind::ApiKey), something(Kind::Tenant), something(Kind::Agent));
    // The schema has no place for an agent that owns a key.
    let owner = Principal::agent(&authz::Id::new(fresh("agent")));
    let registration =
        Registration { resource: key.clone(), owner: owner.clone(), tenant: tenant.id, parent: Some(parent) };
    let refused = engine.register(&registration).await.expect_err("it is refused");
    assert!(!refused.is_transient(), "{refused:?}");
    assert_eq!(engine.of(&owner, &[key]).await.expect("it is read"), [[]]);
}

#[tokio::test]
async fn a_resource_that_very_many_see_is_forgotten_whole() {
    let engine = spicedb().await;
    let (task, other) = (something(Kind::Task), something(Kind::Task));
    let viewers: Vec<_> = (0..2_500).map(|n| Principal::user(format!("{}-{n}", fresh("viewer")))).collect();
    for viewers in viewers.chunks(500) {
        let edges: Vec<_> =
            viewers.iter().map(|viewer| Relationship::held(task.clone(), Relation::Viewer, viewer)).collect();
        engine.grant(&edges).await.expect("it can be written");
    }
    engine.grant(&[Relationship::held(other.clone(), Relation::Viewer, &viewers[0])]).await.expect("it can be written");
    engine.deregister(&task).await.expect("it is deregistered");
    let held = engine.holders(&[task, other]).await.expect("they can be read");
    assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
}

async fn reads(engine: &SpiceDb, who: &Principal, task: &ResourceRef, asked: &Consistency) -> bool {
    let check = Check { resource: task.clone(), actions: Action::Read.into() };
    let decisions = engine.check(who, &[check], asked).await.expect("it decides");
    decisions.first().expect("one answer").allowed.contains(Action::Read)
}

/// With stale reads on, whoever only wants to be quick may be told of a moment ago; whoever brings the token of a write
/// is not.
#[tokio::test]
async fn whoever_asks_as_fresh_as_a_write_knows_of_it() {
    let now = spicedb().await;
    let engine = SpiceDb::new(&Settings { stale_reads: true, ..settings() }).expect("these settings can be meant");
    let (task, owner, viewer) =
        (something(Kind::Task), Principal::user(fresh("owner")), Principal::user(fresh("viewer")));
    let tenant = something(Kind::Tenant).id;
    let registration = Registration { resource: task.clone(), owner: owner.clone(), tenant, parent: None };
    let edge = [Relationship::held(task.clone(), Relation::Viewer, &viewer)];
    let fresh = |token: Option<ConsistencyToken>| Consistency::AtLeastAsFresh(token.expect("a write has its moment"));
    for _ in 0..10 {
        let registered = fresh(engine.register(&registration).await.expect("it is registered"));
        assert!(reads(&engine, &owner, &task, &registered).await);
        let granted = fresh(engine.grant(&edge).await.expect("it is granted"));
        assert!(reads(&engine, &viewer, &task, &granted).await);
        let found = engine.lookup(&viewer, Kind::Task, Action::Read, None, &granted).await.expect("it is looked up");
        let authz::Lookup::Within(authz::Extent::Ids(ids)) = found else { panic!("no ids") };
        assert!(ids.contains(&task.id));
        // Quickly or not, it is decided.
        let _ = reads(&engine, &viewer, &task, &Consistency::MinimizeLatency).await;
        let revoked = fresh(engine.revoke(&edge).await.expect("it is revoked"));
        assert!(!reads(&engine, &viewer, &task, &revoked).await);
        assert!(reads(&engine, &owner, &task, &revoked).await);
        let gone = fresh(engine.deregister(&task).await.expect("it is deregistered"));
        assert!(!reads(&engine, &owner, &task, &gone).await);
        assert!(!reads(&now, &owner, &task, NOW).await);
    }
}

/// Such as one of a datastore that was replaced since: whoever brings it is not shut out, and is told of this moment.
#[tokio::test]
async fn a_token_that_it_makes_nothing_of_means_now() {
    let now = spicedb().await;
    let stale = SpiceDb::new(&Settings { stale_reads: true, ..settings() }).expect("these settings can be meant");
    let (task, viewer) = (something(Kind::Task), Principal::user(fresh("viewer")));
    let edge = [Relationship::held(task.clone(), Relation::Viewer, &viewer)];
    for text in ["GhUK", "nonsense", "CAESAwoBMQ==", "GgYKBENKTEg=", "GiAKHjk5OTk5OTk5OTk5OTk5OTk5OTkuMDAwMDAwMDAwMA=="]
    {
        let made_up = Consistency::AtLeastAsFresh(ConsistencyToken::new(text));
        for engine in [&now, &stale] {
            engine.grant(&edge).await.expect("it is granted");
            assert!(reads(engine, &viewer, &task, &made_up).await, "{text}");
            let found = engine.lookup(&viewer, Kind::Task, Action::Read, None, &made_up).await;
            let authz::Lookup::Within(authz::Extent::Ids(ids)) = found.expect("it is looked up") else {
                panic!("no ids")
            };
            assert!(ids.contains(&task.id), "{text}");
            engine.revoke(&edge).await.expect("it is revoked");
            assert!(!reads(engine, &viewer, &task, &made_up).await, "{text}");
        }
    }
}

/// Without stale reads every answer is of now, with a token of before, too.
#[tokio::test]
async fn an_old_token_does_not_make_an_answer_older() {
    let engine = spicedb().await;
    let (task, viewer) = (something(Kind::Task), Principal::user(fresh("viewer")));
    let edge = [Relationship::held(task.clone(), Relation::Viewer, &viewer)];
    let old = engine.grant(&edge).await.expect("it is granted").expect("a write has its moment");
    let old = Consistency::AtLeastAsFresh(old);
    for _ in 0..10 {
        engine.grant(&edge).await.expect("it is granted");
        assert!(reads(&engine, &viewer, &task, &old).await);
        engine.revoke(&edge).await.expect("it is revoked");
        assert!(!reads(&engine, &viewer, &task, &old).await);
    }
}
