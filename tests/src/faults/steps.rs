//! The two writes, and the statements they are made of.

use super::{Book, Scene};
use crate::{As, documents, wire::Fault};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

/// A dual write that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// A task is made.
    Create,
    /// A task is ended.
    Delete,
}

/// What has been done, by operation, statement and fault.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(Option<Op>, &'static str, &'static str), u64>,
    /// After how many of them something was left to reconcilers.
    pub half_done: i64,
}

impl Tally {
    /// Counts one; of either operation, when it cannot be told.
    pub fn add(&mut self, op: impl Into<Option<Op>>, statement: &'static str, fault: &'static str) {
        *self.counts.entry((op.into(), statement, fault)).or_default() += 1;
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The statements of `op` that something happened to.
    #[must_use]
    pub fn steps(&self, op: Op) -> Vec<&'static str> {
        let mut steps: Vec<_> =
            self.counts.keys().filter(|(of, ..)| *of == Some(op)).map(|(_, step, _)| *step).collect();
        steps.dedup();
        steps
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((op, statement, fault), count) in &self.counts {
            let op = op.map_or_else(|| "either".to_owned(), |op| format!("{op:?}"));
            writeln!(f, "  {op:<8}{statement:<26}{fault:<38}{count:>6}")?;
        }
        writeln!(f, "  {} in all; after {} of them something was left to reconcilers", self.total(), self.half_done)
    }
}

/// What a statement of a dual write does; none for those that are not part of one.
#[must_use]
pub fn step(sql: &str) -> Option<&'static str> {
    let steps = [
        // Reconcilers and listeners have their own time.
        ("FOR UPDATE SKIP LOCKED", None),
        ("LISTEN", None),
        ("dual_write_switches", None),
        ("engine_routes", None),
        ("INSERT INTO tasks", Some("row, intent settled")),
        ("INSERT INTO intents", Some("intent opened")),
        ("INSERT INTO relationships", Some("registered")),
        ("DELETE FROM task_agents", Some("row removed")),
        ("DELETE FROM relationships", Some("deregistered")),
        ("UPDATE intents SET stage = 'undoing'", Some("intent closed")),
        ("UPDATE intents SET stage", Some("intent put off")),
        ("DELETE FROM intents", Some("intent settled")),
        ("FOR UPDATE", Some("row locked")),
        ("BEGIN", Some("begun")),
        ("COMMIT", Some("committed")),
        ("ROLLBACK", Some("rolled back")),
        ("FROM relationships", Some("checked")),
    ];
    steps.into_iter().find(|(word, _)| sql.contains(word)).and_then(|(_, step)| step)
}

/// How a request ended.
#[derive(Debug)]
pub enum Told {
    /// That it was done, to this task.
    Done(String),
    /// That it was not, or nothing.
    Otherwise,
}

impl Scene {
    /// What `op` is asked of the victim for: the task to end, where one is to be ended.
    pub async fn subject(&self, op: Op) -> Option<String> {
        match op {
            Op::Create => None,
            Op::Delete => Some(self.task().await),
        }
    }

    /// Asks the victim for `op`.
    pub fn ask(&self, op: Op, subject: Option<String>) -> impl Future<Output = Told> + Send + use<> {
        ask(self.victim().owner(), self.victim().demo.agent(), self.book.clone(), op, subject)
    }

    /// The statements of an `op` that nothing happens to, in order.
    pub async fn rehearse(&self, op: Op) -> Vec<&'static str> {
        let subject = self.subject(op).await;
        let heard = Arc::new(Mutex::new(vec![]));
        let hearing = heard.clone();
        self.wire.judge(move |sql| {
            hearing.lock().unwrap().extend(step(sql));
            None
        });
        let told = self.ask(op, subject).await;
        self.wire.calm();
        assert!(matches!(told, Told::Done(_)), "{op:?} without faults: {told:?}");
        heard.lock().unwrap().clone()
    }

    /// From now on the `at`-th statement of a dual write, counted from none, meets `fault`.
    pub fn strike(&self, at: usize, fault: Fault) {
        let mut seen = 0;
        self.wire.judge(move |sql| {
            step(sql)?;
            seen += 1;
            (seen == at + 1).then_some(fault)
        });
    }
}

/// Asks for `op`. What is answered is written down.
pub async fn ask(owner: As, agent: String, book: Arc<Mutex<Book>>, op: Op, subject: Option<String>) -> Told {
    let told = request(&owner, &agent, op, subject).await;
    if let Told::Done(task) = &told {
        let mut book = book.lock().unwrap();
        match op {
            Op::Create => book.made.insert(task.clone()),
            Op::Delete => book.ended.insert(task.clone()),
        };
    }
    told
}

async fn request(owner: &As, agent: &str, op: Op, subject: Option<String>) -> Told {
    match (op, subject) {
        (Op::Delete, Some(task)) => {
            let answer = owner.try_send(owner.request(reqwest::Method::DELETE, &format!("/tasks/{task}"))).await;
            answer.filter(|answer| answer.status == 200).map_or(Told::Otherwise, |_| Told::Done(task))
        }
        (Op::Create | Op::Delete, _) => {
            let body = json!({ "query": documents::CREATE_TASK, "variables": { "input": { "agentId": agent } } });
            let answer = owner.try_send(owner.request(reqwest::Method::POST, "/graphql").json(&body)).await;
            let id = answer.and_then(|answer| Some(answer.json()["data"]["createTask"]["id"].as_str()?.to_owned()));
            id.map_or(Told::Otherwise, Told::Done)
        }
    }
}
