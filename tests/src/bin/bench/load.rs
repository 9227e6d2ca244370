//! The load: one prepared request over kept-alive connections. Written by hand, so that the client
//! costs as little as it can beside what it measures.

use futures::future::join_all;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A request, as bytes, and what its answers hold.
#[derive(Clone)]
pub struct Request {
    address: String,
    bytes: Vec<u8>,
    status: u16,
    holds: String,
}

impl Request {
    /// A request of the server at `url`; every answer is to be a 200 that holds `holds`.
    pub fn new(url: &str, method: &str, path: &str, token: &str, body: &str, holds: &str) -> Self {
        let address = url.trim_start_matches("http://").to_owned();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self { address, bytes: [head.as_bytes(), body.as_bytes()].concat(), status: 200, holds: holds.to_owned() }
    }

    /// The same, answered with another status.
    pub fn answered(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// A connection that is kept open.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    pub async fn open(request: &Request) -> Self {
        let stream = TcpStream::connect(&request.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Sends the request, reads the whole answer and looks at it. How long that took.
    pub async fn send(&mut self, request: &Request) -> Duration {
        self.ask(request).await.0
    }

    /// Sends the request. How long that took, and the answer.
    pub async fn ask(&mut self, request: &Request) -> (Duration, String) {
        let started = Instant::now();
        self.stream.write_all(&request.bytes).await.unwrap();
        self.buffer.clear();
        let end = loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the server hung up");
            if let Some(end) = whole(&self.buffer) {
                break end;
            }
        };
        let took = started.elapsed();
        let answer = String::from_utf8_lossy(self.buffer.get(..end).unwrap()).into_owned();
        let status = format!("HTTP/1.1 {}", request.status);
        assert!(answer.starts_with(&status) && answer.contains(&request.holds), "{answer}");
        (took, answer)
    }
}

/// The length of the answer in `buffer`, once it is whole.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(buffer.get(..head)?).ok()?.to_ascii_lowercase();
    let length: usize = text.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}

/// Callers who send the same request again and again, each over a connection of its own.
pub struct Callers {
    request: Request,
    connections: Vec<Connection>,
}

impl Callers {
    /// So many of them.
    pub async fn open(request: &Request, connections: usize) -> Self {
        let connections = join_all((0..connections).map(|_| Connection::open(request))).await;
        Self { request: request.clone(), connections }
    }

    /// Answers per second, for `time`.
    pub async fn throughput(&mut self, time: Duration) -> f64 {
        let until = Instant::now() + time;
        let callers = self.connections.drain(..).map(|mut connection| {
            let request = self.request.clone();
            tokio::spawn(async move {
                let mut answers = 0_u32;
                while Instant::now() < until {
                    connection.send(&request).await;
                    answers += 1;
                }
                (connection, answers)
            })
        });
        let callers: Vec<_> = callers.collect();
        let mut answers = 0.0;
        for caller in callers {
            let (connection, answered) = caller.await.unwrap();
            self.connections.push(connection);
            answers += f64::from(answered);
        }
        answers / time.as_secs_f64()
    }
}

/// Answers per second over `connections` connections for `time`.
pub async fn throughput(request: &Request, connections: usize, time: Duration) -> f64 {
    Callers::open(request, connections).await.throughput(time).await
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    *sorted.get(sorted.len() / 2).expect("something was measured")
}
