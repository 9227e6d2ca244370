//! Whether a Redis lets this process in, for whoever looks for what is wrong.

use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, cmd};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

/// Why a Redis that is there cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unwelcome {
    /// It wants another user or password, or any.
    #[error("it does not let this process in")]
    LockedOut(#[source] RedisError),
    /// It says nothing, or something else than a Redis would.
    #[error("it does not answer as a Redis does")]
    Odd(#[source] RedisError),
}

/// Asks the server at an address whether it is well, and waits for as long.
///
/// # Errors
/// [`Unwelcome`] says why it cannot be used.
pub async fn greet(url: &SecretString, patience: Duration) -> Result<(), Unwelcome> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(Some(patience));
    let greeted = async {
        let client = Client::open(url.expose_secret())?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        cmd("PING").query_async::<String>(&mut connection).await.map(drop)
    };
    greeted.await.map_err(|error| {
        let locked = error.kind() == ErrorKind::AuthenticationFailed
            || error.code().is_some_and(|code| ["NOAUTH", "WRONGPASS", "NOPERM"].contains(&code));
        if locked { Unwelcome::LockedOut(error) } else { Unwelcome::Odd(error) }
    })
}
