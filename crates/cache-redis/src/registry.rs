//! What nodes write down in Redis: who holds a lease, what has changed, and who has heard of it.

use crate::{
    ground::Change,
    lease::{Place, Renewal},
    wire::{Server, Unheard, Wire},
};
use redis::{RedisError, Script, cmd, streams::StreamReadReply};
use std::{sync::Arc, time::Duration};

/// How long a read of the log waits for something to read.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many entries one read takes.
const ENTRIES: usize = 512;
/// For how many leases the log goes back.
const LEASES: u32 = 10;

/// A change in the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub place: Place,
    /// Who announced it.
    pub node: String,
    pub change: Change,
}

/// That a node has applied the log up to a place.
#[derive(Clone, Debug)]
pub(crate) struct Ack {
    pub node: String,
    pub place: Place,
}

/// What there was to read.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub entries: Vec<Entry>,
    pub acks: Vec<Ack>,
    /// Where the acknowledgements end.
    pub acks_end: Option<String>,
}

/// Where a change was written, and who has to hear of it.
#[derive(Debug)]
pub(crate) struct Announced {
    pub place: Place,
    /// For how long leases may run that this server does not know of.
    pub unknown: Duration,
    /// Who holds a lease, and for how long yet.
    pub holders: Vec<(String, Duration)>,
}

/// The registry, for one node.
pub(crate) struct Registry {
    pub node: Arc<str>,
    /// How long a lease is.
    pub length: Duration,
    wire: Wire,
    /// A connection of its own, because reading waits.
    reading: Wire,
    renew: Script,
    announce: Script,
    leases: String,
    server: String,
    log: String,
    acks: String,
}

impl Registry {
    pub fn new(server: &Server, wire: Wire, prefix: &str, length: Duration) -> Result<Self, RedisError> {
        // One slot of a cluster: scripts use several of these, and they belong to one moment.
        let key = |name: &str| format!("{prefix}:{{nodes}}:{name}");
        Ok(Self {
            node: uuid::Uuid::new_v4().simple().to_string().into(),
            length,
            wire,
            reading: server.connect(PATIENCE * 2)?,
            renew: Script::new(include_str!("renew.lua")),
            announce: Script::new(include_str!("announce.lua")),
            leases: key("leases"),
            server: key("server"),
            log: key("log"),
            acks: key("acks"),
        })
    }

    /// How long one of these calls may take.
    fn deadline(&self) -> Duration {
        self.length / 4
    }

    /// Takes or renews the lease.
    pub async fn renew(&self) -> Result<Renewal, Unheard> {
        let mut script = self.renew.prepare_invoke();
        script.key(&self.leases).key(&self.server).key(&self.log).arg(&*self.node).arg(millis(self.length));
        let (end, server, era): (String, String, String) = self.wire.run(&script, self.deadline()).await?;
        Ok(Renewal { end: place(&end)?, server, era })
    }

    /// Gives the lease back.
    pub async fn leave(&self) -> Result<(), Unheard> {
        self.wire.ask(cmd("ZREM").arg(&self.leases).arg(&*self.node), self.deadline()).await
    }

    /// Writes a change into the log.
    pub async fn announce(&self, change: &Change) -> Result<Announced, Unheard> {
        let text = serde_json::to_string(change).map_err(|error| nonsense(&error.to_string()))?;
        let mut script = self.announce.prepare_invoke();
        script.key(&self.leases).key(&self.server).key(&self.log);
        script.arg(&*self.node).arg(millis(self.length)).arg(millis(self.length * LEASES)).arg(text);
        script.arg(u8::from(change.everything));
        let (at, unknown, holders): (String, u64, Vec<(String, u64)>) = self.wire.run(&script, self.deadline()).await?;
        let holders = holders.into_iter().map(|(node, left)| (node, Duration::from_millis(left))).collect();
        Ok(Announced { place: place(&at)?, unknown: Duration::from_millis(unknown), holders })
    }

    /// Tells whoever announced something that everything up to `place` has been applied here.
    pub async fn acknowledge(&self, to: &str, place: Place) -> Result<(), Unheard> {
        let key = format!("{}:{to}", self.acks);
        let mut add = cmd("XADD");
        add.arg(&key).arg("MAXLEN").arg("~").arg(ENTRIES).arg("*");
        add.arg("node").arg(&*self.node).arg("place").arg(place.to_string());
        let mut expire = cmd("PEXPIRE");
        expire.arg(&key).arg(millis(self.length * LEASES));
        let (added, kept) =
            tokio::join!(self.wire.ask::<()>(&add, self.deadline()), self.wire.ask::<()>(&expire, self.deadline()));
        added.and(kept)
    }

    /// What has been written since, or what comes in the next moment.
    pub async fn read(&self, since: Place, acks_since: &str) -> Result<News, Unheard> {
        let mine = format!("{}:{}", self.acks, self.node);
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(ENTRIES).arg("BLOCK").arg(millis(PATIENCE)).arg("STREAMS");
        read.arg(&self.log).arg(&mine).arg(since.to_string()).arg(acks_since);
        let reply: Option<StreamReadReply> = self.reading.ask(&read, PATIENCE * 2).await?;
        let mut news = News::default();
        for stream in reply.into_iter().flat_map(|reply| reply.keys) {
            for entry in stream.ids {
                let node = entry.get("node").unwrap_or_default();
                if stream.key == self.log {
                    // What cannot be read, such as of a later version, may have changed anything.
                    let change: Option<String> = entry.get("change");
                    let change = change.and_then(|text| serde_json::from_str(&text).ok());
                    let change = change.unwrap_or_else(Change::anything);
                    news.entries.push(Entry { place: place(&entry.id)?, node, change });
                } else {
                    let at: String = entry.get("place").unwrap_or_default();
                    news.acks.push(Ack { node, place: place(&at)? });
                    news.acks_end = Some(entry.id);
                }
            }
        }
        Ok(news)
    }
}

fn place(text: &str) -> Result<Place, Unheard> {
    Place::read(text).ok_or_else(|| nonsense(text))
}

fn nonsense(text: &str) -> Unheard {
    Unheard::Refused((redis::ErrorKind::UnexpectedReturnType, "not ours", text.to_owned()).into())
}

/// A time as Redis counts it.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
