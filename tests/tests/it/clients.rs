//! Clients of others' making, and clients generated from the schema, against a real server on PostgreSQL.
//! `tests/run` has installed what they need.

use blackbox::{Server, Settings, Storage, tree};
use std::{ffi::OsStr, path::PathBuf, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

/// The Python that `tests/clients/setup` has made.
fn python() -> PathBuf {
    std::env::var_os("BLACKBOX_CLIENTS_PYTHON").expect("BLACKBOX_CLIENTS_PYTHON is not set: run tests/run").into()
}

/// The folder that holds it, and everything else that was set up.
fn home() -> PathBuf {
    let python = python();
    python.ancestors().nth(3).expect("the python lies in a virtual environment").to_owned()
}

/// Lets a program know of a server.
fn prepare(server: &Server, command: &mut Command) {
    command
        .env("BASE_URL", server.demo.url())
        .env("TOKEN", server.owner().token.unwrap_or_default())
        .env("AGENT_ID", server.demo.agent())
        .env("DEMO", server.demo.0.to_string())
        .env("CLIENTS", home())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
}

/// Runs a program against a server, and has it succeed.
async fn succeeds(server: &Server, mut command: Command) {
    prepare(server, &mut command);
    let output = command.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{command:?} {}:\n{out}\n{err}", output.status);
}

async fn passes(name: &str) {
    let server = Server::start(Storage::Url).await;
    runs(&server, name, &[]).await;
}

/// A script of `tests/clients`, run by what its name ends with, or as the program it is.
fn script(script: &str, environment: &[(&str, PathBuf)]) -> Command {
    let path = tree::root().join("tests/clients").join(script);
    let mut command = match path.extension().and_then(OsStr::to_str) {
        Some("py") => Command::new(python()),
        Some("mjs") => Command::new(python().with_file_name("node")),
        _ => Command::new("env"),
    };
    command.arg(path).envs(environment.iter().cloned());
    command
}

async fn runs(server: &Server, name: &str, environment: &[(&str, PathBuf)]) {
    succeeds(server, script(name, environment)).await;
}

/// Where pictures are kept, for people to look at.
fn pictures() -> PathBuf {
    let pictures = home().join("../../console");
    std::fs::create_dir_all(&pictures).unwrap();
    pictures
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

#[tokio::test]
async fn graphql_over_http_passes_every_public_audit() {
    passes("graphql_http.mjs").await;
}

#[tokio::test]
async fn the_console_asks_what_the_schema_has_and_checks_strictly() {
    passes("console/check").await;
}

/// The pictures are kept under the target folder, for people to look at.
#[tokio::test]
async fn the_console_is_used_by_people_in_a_browser() {
    let server = Server::start(Storage::Url).await;
    runs(&server, "console/story.mjs", &[("SCREENSHOTS", pictures())]).await;
}

/// The story says when it wants the fault, and when it has seen enough.
#[tokio::test]
async fn the_live_page_is_read_while_the_engine_takes_nothing() {
    let settings = Settings::default().with("TASKGATE_DUAL_WRITE__RETRIES", "2");
    let server = settings.with("TASKGATE_DUAL_WRITE__BASE_DELAY_MS", "20").start(Storage::Url).await;
    let mut command = script("console/metrics.mjs", &[("SCREENSHOTS", pictures())]);
    prepare(&server, &mut command);
    let mut story = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut told, mut said) = (story.stdin.take().unwrap(), BufReader::new(story.stdout.take().unwrap()).lines());
    let mut whole = String::new();
    while let Some(line) = said.next_line().await.unwrap() {
        println!("{line}");
        match line.strip_prefix("please: ") {
            Some("break") => server.database().break_table("relationships", "INSERT").await,
            Some("mend") => server.database().mend_table("relationships", "INSERT").await,
            Some(other) => panic!("nobody knows how to {other}"),
            None => {
                whole += &line;
                whole.push('\n');
                continue;
            }
        }
        told.write_all(b"done\n").await.unwrap();
    }
    let status = story.wait().await.unwrap();
    assert!(status.success(), "{status}:\n{whole}");
}
