//! What an operation is, for the matrix and the sweep: what it needs, and how to ask for it.

use crate::{fields::FIELDS, routes::ROUTES};
use blackbox::{Answer, As, Things};
use reqwest::Method;
use serde_json::{Value, json};

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// An action on the agent.
    Agent(&'static str),
    /// An action on an agent that only the owner knows of.
    OwnAgent(&'static str),
    /// An action on an API key of the agent, made by the owner.
    ApiKey(&'static str),
    /// An action on the task.
    Task(&'static str),
    /// An action on the task, and reading the agent.
    TaskAndAgent(&'static str),
    /// An action on the caller's own tenant.
    Tenant(&'static str),
    /// To operate the deployment: to read about it, or to repair it.
    Operator(&'static str),
    /// To be known; the list then holds what the caller may see.
    List,
    /// To be known.
    Known,
}

impl Needs {
    /// In the matrix.
    pub fn title(self) -> String {
        match self {
            Self::Agent(action) => format!("agent {action}"),
            Self::OwnAgent(action) => format!("agent {action}, of the owner's own"),
            Self::ApiKey(action) => format!("API key {action}"),
            Self::Task(action) => format!("task {action}"),
            Self::TaskAndAgent(action) => format!("task {action}, agent read"),
            Self::Tenant(action) => format!("tenant {action}"),
            Self::Operator(action) => format!("deployment {action}"),
            Self::List => "lists".to_owned(),
            Self::Known => "the caller".to_owned(),
        }
    }
}

/// A request.
pub enum Ask {
    /// A REST request.
    Rest(Method, String, Option<Value>),
    /// A GraphQL request.
    Graphql(String, Value),
}

/// An operation.
pub struct Operation {
    /// The method and path, as in the document of the routes; or the type and field, as in the SDL.
    pub name: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// Its request on some things.
    pub ask: fn(&Things) -> Ask,
}

/// How an operation went, for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// A list that does not hold the thing.
    Empty,
    /// As if the thing did not exist.
    Hidden,
    /// Seen, and not to be done.
    Forbidden,
    /// The caller is nobody.
    Unauthenticated,
    /// Anything else: a failure.
    Odd(String),
}

impl Outcome {
    /// The word in the matrix.
    pub fn word(&self) -> String {
        match self {
            Self::Done => "yes".to_owned(),
            Self::Empty => "empty".to_owned(),
            Self::Hidden => "-".to_owned(),
            Self::Forbidden => "forbidden".to_owned(),
            Self::Unauthenticated => "401".to_owned(),
            Self::Odd(text) => format!("?? {text}"),
        }
    }
}

/// Every operation of both edges.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    ROUTES.iter().chain(FIELDS)
}

impl Operation {
    /// Sends the operation's request on some things, for somebody.
    pub async fn send(&self, caller: &As, things: &Things) -> Answer {
        match (self.ask)(things) {
            Ask::Rest(method, path, body) => caller.ask(method, &path, body.as_ref()).await,
            Ask::Graphql(document, variables) => caller.gql(&document, variables).await,
        }
    }

    /// How the operation went.
    pub fn outcome(&self, answer: &Answer, things: &Things) -> Outcome {
        let odd = || Outcome::Odd(format!("{}: {} {}", self.name, answer.status, answer.text()));
        let code = answer.rest_code().map(str::to_owned);
        let codes = if self.is_graphql() { answer.codes() } else { code.into_iter().collect() };
        match codes.first().map(String::as_str) {
            None if matches!(answer.status, 200 | 204) => {
                let shows = [&things.task, &things.agent].into_iter().any(|id| answer.text().contains(id.as_str()));
                if self.needs == Needs::List && !shows { Outcome::Empty } else { Outcome::Done }
            }
            // Let in, and what was to be made is there: a task has one state for each of its agents.
            Some("ALREADY_EXISTS") => Outcome::Done,
            Some("NOT_FOUND") => Outcome::Hidden,
            Some("FORBIDDEN") => Outcome::Forbidden,
            Some("UNAUTHENTICATED") => Outcome::Unauthenticated,
            Some(_) | None => odd(),
        }
    }

    /// Whether it is a field of the SDL.
    pub fn is_graphql(&self) -> bool {
        !self.name.contains(' ')
    }

    /// Whether it is a field below what a query answers, with a permission of its own.
    pub fn is_nested(&self) -> bool {
        self.is_graphql() && !self.name.starts_with("Query.") && !self.name.starts_with("Mutation.")
    }

    /// Whether it leaves things as they are when it is done.
    pub fn only_reads(&self) -> bool {
        matches!(
            self.needs,
            Needs::List
                | Needs::Known
                | Needs::Operator(_)
                | Needs::Task("read")
                | Needs::Agent("read")
                | Needs::ApiKey("read")
                | Needs::TaskAndAgent("read")
        )
    }
}

/// What somebody may do, by `design.md`'s table. The demo's people hold the same roles on its agent.
pub fn may(part: &str, needs: Needs) -> bool {
    let owner = part == "owner";
    let people = |parts: &[&str]| parts.contains(&part);
    match needs {
        Needs::Task("read") | Needs::Agent("read") | Needs::List => people(&["owner", "editor", "viewer", "agent"]),
        // Whoever may change an agent sees its keys; a runtime makes and ends none.
        Needs::Task("update") | Needs::Agent("update" | "execute") | Needs::ApiKey("read") => {
            people(&["owner", "editor", "agent"])
        }
        Needs::Agent("create") | Needs::ApiKey("delete") => people(&["owner", "editor"]),
        Needs::Task("execute") => people(&["owner", "agent"]),
        Needs::Task("cancel" | "delete" | "share") | Needs::OwnAgent("delete") => owner,
        Needs::TaskAndAgent(action) => may(part, Needs::Task(action)) && may(part, Needs::Agent("read")),
        // The stranger makes things in their own tenant; an agent's credential is no member of one.
        Needs::Tenant("create") => people(&["owner", "editor", "viewer", "operator", "stranger", "guest"]),
        Needs::Known => part != "anonymous",
        Needs::Operator(_) => part == "operator",
        Needs::Task(action)
        | Needs::Agent(action)
        | Needs::OwnAgent(action)
        | Needs::ApiKey(action)
        | Needs::Tenant(action) => panic!("no such action: {action}"),
    }
}

/// Whether somebody sees what an operation is on.
pub fn sees(part: &str, needs: Needs) -> bool {
    match needs {
        Needs::Task(_) | Needs::Agent(_) | Needs::TaskAndAgent(_) => may(part, Needs::Task("read")),
        Needs::ApiKey(_) => may(part, Needs::ApiKey("read")),
        // The owner does, and may do all there is. The caller's own tenant: a caller who is no member of it
        // does not see it.
        Needs::OwnAgent(_) | Needs::Tenant(_) | Needs::Operator(_) | Needs::List | Needs::Known => false,
    }
}

/// How an operation on things that are there is to go, where denials are `split` or not.
pub fn expected(part: &str, needs: Needs, split: bool) -> Outcome {
    if part == "anonymous" {
        Outcome::Unauthenticated
    } else if may(part, needs) {
        Outcome::Done
    } else if needs == Needs::List {
        Outcome::Empty
    } else if needs == Needs::Operator("repair") || split && sees(part, needs) {
        // To operate the deployment is no thing that could be there or not.
        Outcome::Forbidden
    } else {
        Outcome::Hidden
    }
}

/// A GraphQL request.
pub fn gql(document: &str, variables: Value) -> Ask {
    Ask::Graphql(document.to_owned(), variables)
}

/// A GraphQL request about a task.
pub fn about_task(document: &str, things: &Things) -> Ask {
    gql(document, json!({ "id": things.task }))
}
