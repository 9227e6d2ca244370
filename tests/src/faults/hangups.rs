//! Callers who hang up before they are answered.

use super::{Op, Scene, Tally};
use crate::{documents, wire::Fault};
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::sleep};

/// Callers at once.
const CALLERS: u32 = 8;

/// Callers hang up while each statement of making and ending a task is under way, before it arrived or before
/// it was answered; then it goes on.
pub async fn hang_up_at_every_step(scene: &Scene, hangups: u32) -> Tally {
    let mut plan = vec![];
    for op in [Op::Create, Op::Delete] {
        for (at, statement) in scene.rehearse(op).await.into_iter().enumerate() {
            plan.extend(
                [(Fault::HoldBefore, "before it arrived"), (Fault::HoldAfter, "before it was answered")]
                    .map(|how| (op, at, statement, how)),
            );
        }
    }
    let mut tally = Tally::default();
    for (_, (op, at, statement, (fault, how))) in (0..hangups).zip(plan.into_iter().cycle()) {
        let request = request(scene, op, scene.subject(op).await);
        scene.strike(at, fault);
        let held = scene.wire.next_held();
        let caller = call(scene, &request).await;
        let came = tokio::time::timeout(Duration::from_secs(20), held).await;
        assert!(came.is_ok(), "{op:?} never came to `{statement}`");
        drop(caller);
        // Long enough to be noticed.
        sleep(Duration::from_millis(5)).await;
        scene.wire.calm();
        scene.wire.release();
        tally.add(op, statement, how);
        tally.half_done += scene.half_done().await;
    }
    tally
}

/// Callers hang up at any moment of making a task, many at a time.
pub async fn hang_up_at_any_moment(scene: &Scene, hangups: u32) -> Tally {
    let mut tally = Tally::default();
    for batch in 0..hangups.div_ceil(CALLERS) {
        let first = batch * CALLERS;
        let calls = (first..hangups.min(first + CALLERS)).map(|caller| async move {
            let stream = call(scene, &request(scene, Op::Create, None)).await;
            // A create takes a few milliseconds.
            sleep(Duration::from_micros(u64::from(caller * 131 % 12_000))).await;
            drop(stream);
        });
        for () in join_all(calls).await {
            tally.add(Op::Create, "at any moment", "the caller hung up");
        }
    }
    tally
}

fn request(scene: &Scene, op: Op, subject: Option<String>) -> String {
    let token = scene.victim().owner().token.expect("the owner has a token");
    let (line, body) = match (op, subject) {
        (Op::Delete, Some(task)) => (format!("DELETE /tasks/{task}"), String::new()),
        (Op::Create | Op::Delete, _) => {
            let variables = json!({ "input": { "agentId": scene.victim().demo.agent() } });
            let body = json!({ "query": documents::CREATE_TASK, "variables": variables });
            ("POST /graphql".to_owned(), body.to_string())
        }
    };
    format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn call(scene: &Scene, request: &str) -> TcpStream {
    let address = scene.victim().demo.url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}
