//! Clients of others' making, against a real server on PostgreSQL. `tests/run` has installed them.

use blackbox::{Server, Storage, tree};
use std::process::Stdio;
use tokio::process::Command;

async fn passes(server: &Server, script: &str) {
    let python = std::env::var("BLACKBOX_CLIENTS_PYTHON").expect("BLACKBOX_CLIENTS_PYTHON is not set: run tests/run");
    let output = Command::new(python)
        .arg(tree::root().join("tests/clients").join(script))
        .env("BASE_URL", server.demo.url())
        .env("TOKEN", server.owner().token.unwrap_or_default())
        .env("AGENT_ID", server.demo.agent())
        .env("DEMO", server.demo.0.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{script} {}:\n{out}\n{err}", output.status);
}

#[tokio::test]
async fn c7_langgraphs_own_suite_passes_through_the_official_sdk() {
    passes(&Server::start(Storage::Url).await, "langgraph/run.py").await;
}

#[tokio::test]
async fn the_official_sdk_reads_every_answer_strictly() {
    passes(&Server::start(Storage::Url).await, "sdk/run.py").await;
}
