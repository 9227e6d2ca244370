//! PostgreSQL's wire protocol, as far as it must be read to tell statements apart.

use std::{collections::HashMap, io};
use tokio::{io::AsyncReadExt as _, net::tcp::OwnedReadHalf};

/// What one side sends, message by message. Every method may be dropped while it waits: nothing is lost.
pub struct Frames {
    from: OwnedReadHalf,
    buffer: Vec<u8>,
    /// The messages of a batch that is not whole.
    batch: Batch,
    /// Prepared statements, by name.
    statements: HashMap<Vec<u8>, String>,
}

/// What a client sends before it waits for an answer.
#[derive(Default)]
pub struct Batch {
    /// The messages.
    pub bytes: Vec<u8>,
    /// The statement that is executed, if one is.
    pub sql: Option<String>,
    /// Whether it is answered with a message that the server is ready.
    pub answered: bool,
}

impl Frames {
    pub fn of(from: OwnedReadHalf) -> Self {
        Self { from, buffer: vec![], batch: Batch::default(), statements: HashMap::new() }
    }

    /// The message that opens a connection: it has no type.
    pub async fn opening(&mut self) -> io::Result<Vec<u8>> {
        self.take(0).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// The next message, until the other side hangs up.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.take(1).await
    }

    /// Waits until the other side hangs up. What it says meanwhile is kept.
    pub async fn end(&mut self) -> io::Result<()> {
        while self.from.read_buf(&mut self.buffer).await? > 0 {}
        Ok(())
    }

    /// The next messages that belong together, until the other side hangs up.
    pub async fn batch(&mut self) -> io::Result<Option<Batch>> {
        while let Some(frame) = self.next().await? {
            let (kind, body) = (frame[0], &frame[5..]);
            let mut texts = body.split(|byte| *byte == 0);
            match kind {
                b'P' => {
                    let (name, sql) = (texts.next().unwrap().to_vec(), texts.next().unwrap());
                    self.statements.insert(name, String::from_utf8_lossy(sql).into_owned());
                }
                b'B' => self.batch.sql = texts.nth(1).and_then(|name| self.statements.get(name)).cloned(),
                b'Q' => self.batch.sql = texts.next().map(|sql| String::from_utf8_lossy(sql).into_owned()),
                _ => {}
            }
            self.batch.bytes.extend_from_slice(&frame);
            // Sync, a simple query, goodbye, a password.
            if matches!(kind, b'S' | b'Q' | b'X' | b'p') {
                self.batch.answered = matches!(kind, b'S' | b'Q');
                return Ok(Some(std::mem::take(&mut self.batch)));
            }
        }
        Ok(None)
    }

    /// The next message, whose length stands behind `before` bytes.
    async fn take(&mut self, before: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(length) = self.buffer.get(before..before + 4) {
                let whole = before + u32::from_be_bytes(length.try_into().unwrap()) as usize;
                if self.buffer.len() >= whole {
                    return Ok(Some(self.buffer.drain(..whole).collect()));
                }
            }
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
