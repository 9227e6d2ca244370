//! An idle watch is not taken for an attack: gRPC servers end connections that ping more often than each five minutes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use authz_spicedb::{Settings, SpiceDb};
use futures::StreamExt as _;
use std::time::Duration;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

/// The type of a frame of HTTP/2 that is a ping.
const PING: u8 = 6;
/// What a connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Waits for a ping of whoever is at the other end of a connection.
async fn ping(mut connection: TcpStream) {
    let mut preface = [0; PREFACE.len()];
    connection.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, PREFACE);
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.unwrap();
        let [a, b, c, kind, ..] = head;
        let mut body = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        connection.read_exact(&mut body).await.unwrap();
        if kind == PING {
            return;
        }
    }
}

/// Nobody waits here: time passes as soon as nothing else happens.
#[tokio::test(start_paused = true)]
async fn an_idle_watch_pings_less_often_than_servers_mind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_hours(1);
    let settings = Settings { endpoint, token: None, timeout, stale_reads: false, traceparent: None };
    let engine = SpiceDb::new(&settings).unwrap();
    let watch = tokio::spawn(async move { engine.watch(None).next().await });
    let (connection, _) = listener.accept().await.unwrap();
    let begun = Instant::now();
    tokio::select! {
        () = ping(connection) => {}
        () = sleep(Duration::from_hours(1)) => panic!("a connection that is dead is never noticed"),
    }
    assert!(begun.elapsed() > Duration::from_mins(5), "after {:?}", begun.elapsed());
    watch.abort();
}
