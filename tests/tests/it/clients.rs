//! Clients of others' making, and clients generated from the schema, against a real server on PostgreSQL.
//! `tests/run` has installed what they need.

use blackbox::{Server, Storage, tree};
use std::{path::PathBuf, process::Stdio};
use tokio::process::Command;

/// The Python that `tests/clients/setup` has made.
fn python() -> PathBuf {
    std::env::var_os("BLACKBOX_CLIENTS_PYTHON").expect("BLACKBOX_CLIENTS_PYTHON is not set: run tests/run").into()
}

/// The folder that holds it, and everything else that was set up.
pub fn home() -> PathBuf {
    let python = python();
    python.ancestors().nth(3).expect("the python lies in a virtual environment").to_owned()
}

/// Runs a program against a server, and has it succeed.
pub async fn succeeds(server: &Server, mut command: Command) {
    command
        .env("BASE_URL", server.demo.url())
        .env("TOKEN", server.owner().token.unwrap_or_default())
        .env("AGENT_ID", server.demo.agent())
        .env("DEMO", server.demo.0.to_string())
        .env("CLIENTS", home())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{command:?} {}:\n{out}\n{err}", output.status);
}

async fn passes(script: &str) {
    let server = Server::start(Storage::Url).await;
    let path = tree::root().join("tests/clients").join(script);
    let command = if path.extension().is_some_and(|kind| kind == "py") {
        let mut command = Command::new(python());
        command.arg(path);
        command
    } else {
        Command::new(path)
    };
    succeeds(&server, command).await;
}

#[tokio::test]
async fn c7_langgraphs_own_suite_passes_through_the_official_sdk() {
    passes("langgraph/run.py").await;
}

#[tokio::test]
async fn the_official_sdk_reads_every_answer_strictly() {
    passes("sdk/run.py").await;
}

#[tokio::test]
async fn a_generated_typescript_client_compiles_strictly_and_tells_the_story() {
    passes("typed/typescript/run").await;
}

#[tokio::test]
async fn a_generated_python_client_checks_strictly_and_tells_the_story() {
    passes("typed/python/run").await;
}
