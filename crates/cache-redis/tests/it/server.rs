//! A Redis of a test's own, which it may kill; and a wire to a server that can be cut.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    net::TcpListener as Std,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    Std::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running server.
pub struct RedisServer {
    pub port: u16,
    pub home: TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// Starts one that keeps nothing.
    pub async fn start(arguments: &[&str]) -> Self {
        let (port, home) = (free_port(), tempfile::tempdir().unwrap());
        let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let child = Self::spawn(port, &home, &arguments);
        let server = Self { port, home, arguments, child };
        server.answers().await;
        server
    }

    fn spawn(port: u16, home: &TempDir, arguments: &[String]) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(arguments).current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().expect("redis-server can be started")
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        for _ in 0..200 {
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("Redis does not answer");
    }

    /// Kills it, as a machine that fails would.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    /// Stops it where it stands.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Starts it again, at the same place, with nothing in it.
    pub async fn again(&mut self) {
        self.child = Self::spawn(self.port, &self.home, &self.arguments);
        self.answers().await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A wire to a server. Cut, nothing passes, and nobody is told: as when a switch fails.
pub struct Cuttable {
    pub url: String,
    cut: Arc<watch::Sender<bool>>,
}

impl Cuttable {
    /// A wire to the server at a port.
    pub async fn to(port: u16) -> Self {
        Self::of(port, None).await
    }

    /// One that, when it is cut, keeps back no more than what is answered to those who have said a word.
    pub async fn to_who_says(port: u16, word: &'static str) -> Self {
        Self::of(port, Some(word)).await
    }

    async fn of(port: u16, word: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}/", listener.local_addr().unwrap());
        let cut = Arc::new(watch::Sender::new(false));
        let seen = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                let said = Arc::new(AtomicBool::new(word.is_none()));
                let questions = Passing { word, said: Arc::clone(&said), back: false };
                tokio::spawn(questions.pass(near_in, far_out, seen.subscribe()));
                tokio::spawn(Passing { word, said, back: true }.pass(far_in, near_out, seen.subscribe()));
            }
        });
        Self { url, cut }
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

/// One direction of a connection.
struct Passing {
    word: Option<&'static str>,
    /// Whether the word was said on this connection.
    said: Arc<AtomicBool>,
    /// Whether it is the direction of answers.
    back: bool,
}

impl Passing {
    async fn pass(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<bool>) {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(read) = from.read(&mut bytes).await {
            let bytes = bytes.get(..read).unwrap_or_default();
            if let Some(word) = self.word.filter(|_| !self.back) {
                self.said.fetch_or(holds(bytes, word), SeqCst);
            }
            let kept_back = self.word.is_none() || (self.back && self.said.load(SeqCst));
            let whole = !kept_back || cut.wait_for(|cut| !*cut).await.is_ok();
            if bytes.is_empty() || !whole || to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// A wire to a server that breaks when a word passes for so many a time, and lets nobody through until it is mended:
/// as when a switch is restarted.
pub struct Fuse {
    pub url: String,
    state: Arc<FuseState>,
}

struct FuseState {
    word: &'static str,
    /// At which occurrence of the word it breaks, counted from the next.
    armed: watch::Sender<Option<usize>>,
    /// Whether it is broken.
    blown: watch::Sender<bool>,
}

impl FuseState {
    /// Whether these bytes may pass.
    fn lets_through(&self, bytes: &[u8]) -> bool {
        if holds(bytes, self.word) {
            self.armed.send_modify(|left| {
                if *left == Some(1) {
                    self.blown.send_replace(true);
                }
                *left = left.and_then(|left| left.checked_sub(1)).filter(|left| *left > 0);
            });
        }
        !*self.blown.borrow()
    }

    async fn pass(self: Arc<Self>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 16 * 1024];
        let mut blown = self.blown.subscribe();
        loop {
            let read = tokio::select! {
                read = from.read(&mut bytes) => read,
                _ = blown.wait_for(|blown| *blown) => return,
            };
            let Some(bytes) = read.ok().and_then(|read| bytes.get(..read)) else { return };
            if bytes.is_empty() || !self.lets_through(bytes) || to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}

impl Fuse {
    /// A wire to the server at a port, whole for now.
    pub async fn to(port: u16, word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}/", listener.local_addr().unwrap());
        let state = Arc::new(FuseState { word, armed: watch::Sender::new(None), blown: watch::Sender::new(false) });
        let wire = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *wire.blown.borrow() {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(Arc::clone(&wire).pass(near_in, far_out));
                tokio::spawn(Arc::clone(&wire).pass(far_in, near_out));
            }
        });
        Self { url, state }
    }

    /// From now on it breaks when the word passes for the `nth` time, which does not arrive.
    pub fn arm(&self, nth: usize) {
        self.state.armed.send_replace(Some(nth));
    }

    /// Waits until it breaks.
    pub async fn blown(&self) {
        let mut blown = self.state.blown.subscribe();
        blown.wait_for(|blown| *blown).await.unwrap();
    }

    pub fn mend(&self) {
        self.state.blown.send_replace(false);
    }
}
