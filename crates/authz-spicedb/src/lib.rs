//! The engine `SpiceDB`, over gRPC.
//!
//! A check of any batch is one call ([`CheckBulkPermissions`](spicedb_grpc_tonic::v1::CheckBulkPermissionsRequest)) up to
//! a thousand questions, and as many at a time beyond that. A registration is one atomic write; writing it
//! again changes nothing. Every write is followed by one question, so that it is seen by whoever asks next.
//! `lookup` is the whole list of ids, fetched page by page and never cut. Deregistering removes relationships
//! a thousand at a time, until none is left. [`SpiceDb::watch`] tells of every change, whoever makes it, and a
//! [`Watcher`] goes on where a lost connection has ended.
//!
//! The schema in `SpiceDB` must be that of `authz::schema` (see [`SpiceDb::write_schema`]): an engine that
//! does not know an action cannot answer, and nobody is let in.

mod ask;
mod ids;
mod read;
mod scan;
mod schema;
mod trouble;
mod watch;
mod watcher;
mod wire;
mod zed;

pub use scan::Scan;
pub use schema::Difference;
pub use watch::{Change, Changes, Turn};
pub use watcher::{Follower, Watcher};

use async_trait::async_trait;
use authz::{
    Action, Authorizer, Check, Consistency, ConsistencyToken, Decision, EngineError, Holder, Kind, Lookup, Principal,
    PrincipalKind, Registration, Relationship, ResourceRef, schema as rules,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use secrecy::{ExposeSecret as _, SecretString};
use spicedb_grpc_tonic::v1::{
    CheckPermissionRequest, DeleteRelationshipsRequest, WriteRelationshipsRequest,
    delete_relationships_response::DeletionProgress, permissions_service_client::PermissionsServiceClient,
    relationship_update::Operation, schema_service_client::SchemaServiceClient,
    watch_service_client::WatchServiceClient,
};
use std::{collections::BTreeSet, time::Duration};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use trouble::{failed, nonsense};

/// The relationships that one call removes: as many as `SpiceDB` lets one by default.
const REMOVED: u32 = 1_000;
/// The calls of one batch that are under way at a time.
const ABREAST: usize = 8;

/// How often a connection on which something is open is pinged. gRPC servers end one that does so more often than each
/// five minutes: <https://github.com/grpc/grpc/blob/master/doc/keepalive.md#faq>.
const PING: Duration = Duration::from_secs(330);
/// After how long of silence the operating system asks whether anybody is there, and how often it asks again. Servers do
/// not mind that.
const SILENCE: Duration = Duration::from_secs(20);
const PROBE: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// Where `SpiceDB` is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its address: `http://host:port`, or `https://` for TLS with the machine's roots.
    pub endpoint: String,
    /// The preshared key, if it wants one.
    pub token: Option<SecretString>,
    /// How long one call may take.
    pub timeout: Duration,
    /// Whether [`Consistency::MinimizeLatency`] may be answered from a moment some seconds ago. Only where
    /// somebody remembers what has been written since, and asks fresher for that; else it means now.
    pub stale_reads: bool,
    /// What says which trace a call belongs to, as a W3C `traceparent`; it is sent along.
    pub traceparent: Option<fn() -> Option<String>>,
}

/// Settings that cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// The endpoint is no address.
    #[error("the SpiceDB endpoint is no address")]
    Endpoint(#[source] tonic::transport::Error),
    /// The token holds what a header cannot.
    #[error("the SpiceDB token holds characters that a header cannot")]
    Token,
}

type Connection = InterceptedService<Channel, Credential>;

/// The engine. Clones share the connection, which is made when it is first needed.
#[derive(Clone)]
pub struct SpiceDb {
    permissions: PermissionsServiceClient<Connection>,
    schema: SchemaServiceClient<Connection>,
    watch: WatchServiceClient<Connection>,
    timeout: Duration,
    stale_reads: bool,
}

/// What says who the gateway is, and what a call is made for.
#[derive(Clone)]
struct Credential {
    token: Option<MetadataValue<Ascii>>,
    traceparent: Option<fn() -> Option<String>>,
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        if let Some(trace) = self.traceparent.and_then(|trace| trace()?.parse().ok()) {
            request.metadata_mut().insert("traceparent", trace);
        }
        Ok(request)
    }
}

impl SpiceDb {
    /// The engine at an address. Nothing is sent yet.
    ///
    /// # Errors
    /// [`BadSettings`] names what cannot be meant.
    pub fn new(settings: &Settings) -> Result<Self, BadSettings> {
        let mut endpoint = Endpoint::from_shared(settings.endpoint.clone()).map_err(BadSettings::Endpoint)?;
        if endpoint.uri().scheme_str() == Some("https") {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(BadSettings::Endpoint)?;
        }
        let channel = endpoint
            .tcp_nodelay(true)
            .connect_timeout(settings.timeout)
            .tcp_keepalive(Some(SILENCE))
            .tcp_keepalive_interval(Some(PROBE))
            .tcp_keepalive_retries(Some(PROBES))
            .http2_keep_alive_interval(PING)
            .connect_lazy();
        let token = settings.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()).parse());
        let mut token: Option<MetadataValue<Ascii>> = token.transpose().map_err(|_| BadSettings::Token)?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        let credential = Credential { token, traceparent: settings.traceparent };
        Ok(Self {
            permissions: PermissionsServiceClient::with_interceptor(channel.clone(), credential.clone()),
            schema: SchemaServiceClient::with_interceptor(channel.clone(), credential.clone()),
            watch: WatchServiceClient::with_interceptor(channel, credential),
            timeout: settings.timeout,
            stale_reads: settings.stale_reads,
        })
    }

    /// What a call answers, if it does so in time.
    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, EngineError> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(EngineError::TimedOut),
        }
    }

    async fn write(
        &self,
        operation: Operation,
        relationships: &[Relationship],
    ) -> Result<Option<ConsistencyToken>, EngineError> {
        let Some(first) = relationships.first() else { return Ok(None) };
        // One write must not name a relationship twice.
        let once: BTreeSet<_> = relationships.iter().collect();
        let updates = once.into_iter().map(|relationship| wire::update(operation, relationship)).collect();
        let request = WriteRelationshipsRequest { updates, ..Default::default() };
        let mut client = self.permissions.clone();
        let written = self.in_time(client.write_relationships(request)).await?.into_inner();
        self.settled(&first.resource).await?;
        Ok(written.written_at.map(wire::token))
    }

    /// Waits until whoever asks from now on is answered from after the last write.
    ///
    /// `SpiceDB` finds out what "now" is once for all who ask at the same time: a question can be answered
    /// from the moment at which somebody else's was put, which may be before a write that has returned
    /// meanwhile. Once a question put after the write is answered, nobody joins an older one any more.
    async fn settled(&self, resource: &ResourceRef) -> Result<(), EngineError> {
        self.asked(resource).await.map(drop)
    }

    /// A moment at which all is known that was written before this is called.
    ///
    /// # Errors
    /// [`EngineError`] when the engine does not say.
    pub async fn moment(&self) -> Result<ConsistencyToken, EngineError> {
        let nothing = ResourceRef { kind: Kind::Tenant, id: "".into() };
        self.asked(&nothing).await?.ok_or_else(|| nonsense("an answer is of no moment"))
    }

    /// The moment from which a question put now is answered.
    async fn asked(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let request = CheckPermissionRequest {
            consistency: Some(wire::now()),
            resource: Some(wire::resource(resource)),
            permission: Action::Read.as_str().to_owned(),
            subject: Some(wire::subject(PrincipalKind::User.as_str(), "")),
            context: None,
            with_tracing: false,
        };
        let mut client = self.permissions.clone();
        let answer = self.in_time(client.check_permission(request)).await?.into_inner();
        Ok(answer.checked_at.map(wire::token))
    }
}

#[async_trait]
impl Authorizer for SpiceDb {
    async fn check(
        &self,
        principal: &Principal,
        checks: &[Check],
        consistency: &Consistency,
    ) -> Result<Vec<Decision>, EngineError> {
        self.as_fresh_as(consistency, |consistency| self.check_at(principal, checks, consistency)).await
    }

    async fn lookup(
        &self,
        principal: &Principal,
        kind: Kind,
        action: Action,
        most: Option<usize>,
        consistency: &Consistency,
    ) -> Result<Lookup, EngineError> {
        if rules::rule(kind, action).is_none() {
            return Ok(Lookup::nothing());
        }
        self.as_fresh_as(consistency, |consistency| self.lookup_at(principal, kind, action, most, consistency)).await
    }

    async fn register(&self, registration: &Registration) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(Operation::Touch, &registration.relationships()).await
    }

    /// In several writes where there are very many: what is left when one fails is removed by the next attempt.
    async fn deregister(&self, resource: &ResourceRef) -> Result<Option<ConsistencyToken>, EngineError> {
        let deleted_at = loop {
            let request = DeleteRelationshipsRequest {
                relationship_filter: Some(wire::all_of(resource)),
                optional_limit: REMOVED,
                optional_allow_partial_deletions: true,
                ..Default::default()
            };
            let mut client = self.permissions.clone();
            let deleted = self.in_time(client.delete_relationships(request)).await?.into_inner();
            if deleted.deletion_progress() != DeletionProgress::Partial {
                break deleted.deleted_at;
            }
        };
        self.settled(resource).await?;
        Ok(deleted_at.map(wire::token))
    }

    async fn grant(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(Operation::Touch, relationships).await
    }

    async fn revoke(&self, relationships: &[Relationship]) -> Result<Option<ConsistencyToken>, EngineError> {
        self.write(Operation::Delete, relationships).await
    }

    async fn holders(&self, resources: &[ResourceRef]) -> Result<Vec<Vec<Holder>>, EngineError> {
        let reads: Vec<_> = resources.iter().map(|resource| self.holders_of(resource.clone())).collect();
        stream::iter(reads).buffered(ABREAST).try_collect().await
    }
}
