//! The wire between a gateway and its database, in the hands of a test: it tells statements apart, and can
//! hold, lose, refuse or delay any of them. The gateway knows nothing of it.

mod frames;

use crate::Database;
use frames::{Batch, Frames};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::watch,
    time::sleep,
};

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives; nor does an answer, until it is released or its sender is gone.
    HoldBefore,
    /// It is applied, and its answer is held back until it is released or its sender is gone.
    HoldAfter,
    /// It never arrives, and the connection breaks.
    Cut,
    /// It is applied, and the connection breaks instead of an answer.
    Lose,
    /// It never arrives, and is answered with an error.
    Refuse,
    /// It arrives this much later, whether or not its sender is still there.
    Delay(Duration),
}

type Judge = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

/// A wire to the server of one database.
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    judge: Mutex<Judge>,
    /// Whether it is whole.
    whole: watch::Sender<bool>,
    /// The statements that were held, and how often they were let go.
    held: watch::Sender<usize>,
    released: watch::Sender<usize>,
}

impl Wire {
    /// A wire to the server that listens on `port` here.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            judge: Mutex::new(Box::new(|_| None)),
            whole: watch::channel(true).0,
            held: watch::channel(0).0,
            released: watch::channel(0).0,
        });
        let wire = Self { port: listener.local_addr().unwrap().port(), shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut whole = shared.whole.subscribe();
                    if !*whole.borrow_and_update() {
                        return;
                    }
                    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    tokio::select! {
                        _ = Line::new(near, far, &shared).carry() => {}
                        _ = whole.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        wire
    }

    /// The address of a database behind this wire.
    #[must_use]
    pub fn url(&self, database: &Database) -> String {
        let name = database.url.rsplit('/').next().unwrap();
        format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    /// From now on `judge` says what becomes of each statement.
    pub fn judge(&self, judge: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        *self.shared.judge.lock().unwrap() = Box::new(judge);
    }

    /// Nothing happens to statements any more.
    pub fn calm(&self) {
        self.judge(|_| None);
    }

    /// Breaks every connection, and lets nobody through.
    pub fn close(&self) {
        self.shared.whole.send_replace(false);
    }

    /// Lets everybody through again.
    pub fn open(&self) {
        self.shared.whole.send_replace(true);
    }

    /// Waits until one more statement is held than when this was called.
    pub fn next_held(&self) -> impl Future<Output = ()> + use<> {
        let mut held = self.shared.held.subscribe();
        let before = *held.borrow_and_update();
        async move { drop(held.wait_for(|now| *now > before).await) }
    }

    /// Lets go of what is held.
    pub fn release(&self) {
        self.shared.released.send_modify(|times| *times += 1);
    }
}

/// One connection.
struct Line<'a> {
    asked: Frames,
    answered: Frames,
    near: OwnedWriteHalf,
    far: OwnedWriteHalf,
    /// How many batches are not answered yet.
    owed: usize,
    /// What the server last said of its transaction.
    state: u8,
    shared: &'a Shared,
}

impl<'a> Line<'a> {
    fn new(near: TcpStream, far: TcpStream, shared: &'a Shared) -> Self {
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let ((asked, near), (answered, far)) = (near.into_split(), far.into_split());
        Self { asked: Frames::of(asked), answered: Frames::of(answered), near, far, owed: 1, state: b'I', shared }
    }

    async fn carry(mut self) -> io::Result<()> {
        let opening = self.asked.opening().await?;
        self.far.write_all(&opening).await?;
        loop {
            tokio::select! {
                batch = self.asked.batch() => {
                    let Some(batch) = batch? else { return Ok(()) };
                    let fault = batch.sql.as_ref().and_then(|sql| self.shared.judge.lock().unwrap()(sql));
                    self.meet(&batch, fault).await?;
                }
                frame = self.answered.next() => {
                    let Some(frame) = frame? else { return Ok(()) };
                    self.hear(&frame);
                    self.near.write_all(&frame).await?;
                }
            }
        }
    }

    async fn meet(&mut self, batch: &Batch, fault: Option<Fault>) -> io::Result<()> {
        let Some(fault) = fault else { return self.send(batch).await };
        while self.owed > 0 {
            let frame = self.answer().await?;
            self.near.write_all(&frame).await?;
        }
        match fault {
            Fault::HoldBefore => {
                self.hold().await?;
                self.send(batch).await
            }
            Fault::HoldAfter => {
                self.send(batch).await?;
                let answer = self.whole_answer().await?;
                self.hold().await?;
                self.near.write_all(&answer).await
            }
            Fault::Cut => Err(io::ErrorKind::ConnectionReset.into()),
            Fault::Lose => {
                self.send(batch).await?;
                self.whole_answer().await?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Fault::Refuse => {
                let state = if self.state == b'I' { b'I' } else { b'E' };
                let error = b"SERROR\0VERROR\0C57014\0Mrefused by the test\0\0";
                let mut refusal = vec![b'E'];
                refusal.extend(u32::try_from(error.len() + 4).unwrap().to_be_bytes());
                refusal.extend(error);
                refusal.extend([b'Z', 0, 0, 0, 5, state]);
                self.near.write_all(&refusal).await
            }
            Fault::Delay(time) => {
                self.shared.held.send_modify(|held| *held += 1);
                sleep(time).await;
                self.send(batch).await?;
                let answer = self.whole_answer().await?;
                self.near.write_all(&answer).await
            }
        }
    }

    async fn send(&mut self, batch: &Batch) -> io::Result<()> {
        self.owed += usize::from(batch.answered);
        self.far.write_all(&batch.bytes).await
    }

    /// Waits until the test lets go. Without a sender there is nothing to wait for.
    async fn hold(&mut self) -> io::Result<()> {
        let mut released = self.shared.released.subscribe();
        self.shared.held.send_modify(|held| *held += 1);
        tokio::select! {
            _ = released.changed() => Ok(()),
            _ = self.asked.end() => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    async fn whole_answer(&mut self) -> io::Result<Vec<u8>> {
        let mut answer = vec![];
        while self.owed > 0 {
            answer.extend(self.answer().await?);
        }
        Ok(answer)
    }

    async fn answer(&mut self) -> io::Result<Vec<u8>> {
        let frame = self.answered.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.hear(&frame);
        Ok(frame)
    }

    fn hear(&mut self, frame: &[u8]) {
        if frame[0] == b'Z' {
            self.owed = self.owed.saturating_sub(1);
            self.state = frame[5];
        }
    }
}
