//! A SpiceDB past all gateways, as somebody at its command line would use it.

use spicedb_grpc_tonic::v1::{
    DeleteRelationshipsRequest, ObjectReference, Relationship, RelationshipFilter, RelationshipUpdate, SubjectFilter,
    SubjectReference, WriteRelationshipsRequest, permissions_service_client::PermissionsServiceClient,
    relationship_update::Operation,
};
use tonic::{Request, transport::Channel};

/// Where it is.
#[must_use]
pub fn url() -> String {
    std::env::var("TEST_SPICEDB_URL").expect("TEST_SPICEDB_URL is not set: run the tests with tests/run")
}

/// What it knows its callers by.
#[must_use]
pub fn token() -> String {
    std::env::var("TEST_SPICEDB_TOKEN").expect("TEST_SPICEDB_TOKEN is not set: run the tests with tests/run")
}

/// Takes a user's relation to a task away.
pub async fn take_away(url: &str, task: &str, relation: &str, user: &str) {
    let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.expect("the tests' SpiceDB answers");
    let filter = RelationshipFilter {
        resource_type: "task".to_owned(),
        optional_resource_id: task.to_owned(),
        optional_relation: relation.to_owned(),
        optional_subject_filter: Some(SubjectFilter {
            subject_type: "user".to_owned(),
            optional_subject_id: user.to_owned(),
            optional_relation: None,
        }),
        ..RelationshipFilter::default()
    };
    let body =
        DeleteRelationshipsRequest { relationship_filter: Some(filter), ..DeleteRelationshipsRequest::default() };
    let mut request = Request::new(body);
    request.metadata_mut().insert("authorization", format!("Bearer {}", token()).parse().unwrap());
    PermissionsServiceClient::new(channel).delete_relationships(request).await.expect("it was taken away");
}

/// Gives a user a relation to tasks, however many.
pub async fn give(url: &str, tasks: &[String], relation: &str, user: &str) {
    let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.expect("the tests' SpiceDB answers");
    let mut client = PermissionsServiceClient::new(channel);
    let object = |object_type: &str, id: &str| {
        Some(ObjectReference { object_type: object_type.to_owned(), object_id: id.to_owned() })
    };
    let update = |task: &String| RelationshipUpdate {
        operation: Operation::Touch.into(),
        relationship: Some(Relationship {
            resource: object("task", task),
            relation: relation.to_owned(),
            subject: Some(SubjectReference { object: object("user", user), ..SubjectReference::default() }),
            ..Relationship::default()
        }),
    };
    // As many as SpiceDB takes at once.
    for tasks in tasks.chunks(1_000) {
        let updates = tasks.iter().map(update).collect();
        let body = WriteRelationshipsRequest { updates, ..WriteRelationshipsRequest::default() };
        let mut request = Request::new(body);
        request.metadata_mut().insert("authorization", format!("Bearer {}", token()).parse().unwrap());
        client.write_relationships(request).await.expect("they were given");
    }
}
