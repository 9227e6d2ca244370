//! Redis, alone or as a cluster, each command with a deadline.

use redis::{
    Arg, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisFuture, ScriptInvocation, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClient, ClusterConfig},
    cluster_async::ClusterConnection,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tracing::Instrument as _;

/// Why Redis has not said anything useful.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unheard {
    /// It did not answer in time.
    #[error("Redis did not answer in time")]
    Late,
    /// It answered with an error, or is not there.
    #[error(transparent)]
    Refused(#[from] RedisError),
}

impl Unheard {
    /// The word for it in traces: what Redis calls the error, where it does.
    fn class(&self) -> &str {
        match self {
            Self::Late => "timeout",
            Self::Refused(error) => error.code().unwrap_or("unavailable"),
        }
    }
}

/// Redis as it was configured.
#[derive(Clone)]
pub(crate) enum Server {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Server {
    /// The server at one address, or the cluster that has these nodes.
    pub fn new(urls: &[SecretString], cluster: bool) -> Result<Self, RedisError> {
        let urls: Vec<&str> = urls.iter().map(ExposeSecret::expose_secret).collect();
        match urls.as_slice() {
            [] => Err((ErrorKind::InvalidClientConfig, "there is no address").into()),
            [one] if !cluster => Client::open(*one).map(|client| Self::One(Box::new(client))),
            nodes => ClusterClient::builder(nodes.iter().copied())
                .retries(1)
                .build()
                .map(|client| Self::Cluster(Box::new(client))),
        }
    }

    /// A connection that is made when it is first needed, and again when it breaks. No command on it may take
    /// longer than `longest`.
    pub fn connect(&self, longest: Duration) -> Result<Wire, RedisError> {
        let connection = match self {
            Self::One(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(longest))
                    .set_response_timeout(Some(longest))
                    .set_number_of_retries(1)
                    .set_max_delay(Duration::from_millis(100));
                Connection::One(Box::new(ConnectionManager::new_lazy_with_config(Client::clone(client), config)?))
            }
            Self::Cluster(client) => {
                let config = ClusterConfig::new().set_connection_timeout(longest).set_response_timeout(longest);
                Connection::Cluster(Box::new(client.get_pending_async_connection_with_config(config)))
            }
        };
        Ok(Wire(connection))
    }
}

#[derive(Clone)]
enum Connection {
    One(Box<ConnectionManager>),
    Cluster(Box<ClusterConnection>),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A connection that many share.
#[derive(Clone)]
pub(crate) struct Wire(Connection);

impl Wire {
    /// Asks one thing.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd, deadline: Duration) -> Result<T, Unheard> {
        let mut connection = self.0.clone();
        let name = match command.args_iter().next() {
            Some(Arg::Simple(name)) => std::str::from_utf8(name).unwrap_or_default(),
            Some(_) | None => "",
        };
        traced(name, deadline, command.query_async(&mut connection)).await
    }

    /// Runs a script.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        deadline: Duration,
    ) -> Result<T, Unheard> {
        let mut connection = self.0.clone();
        traced("EVALSHA", deadline, script.invoke_async(&mut connection)).await
    }
}

/// Waits for an answer, in a span where it is waited for on a request's behalf.
async fn traced<T>(
    command: &str,
    deadline: Duration,
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, Unheard> {
    let span = instruments::asks_redis(command);
    let answer = tokio::time::timeout(deadline, answer).instrument(span.clone()).await;
    let answer = answer.map_err(|_| Unheard::Late).and_then(|answer| Ok(answer?));
    if let Err(unheard) = &answer {
        span.record("otel.status_code", "ERROR").record("error.type", unheard.class());
    }
    answer
}
