//! Every fault that an alert is there for, as it really comes about, and what comes of it.

use super::stage::Stage;
use blackbox::{
    documents,
    faults::step,
    wire::Fault::{Delay, Refuse},
    world::nobody,
};
use futures::future::{BoxFuture, FutureExt as _};
use serde_json::json;
use sqlx::Executor as _;
use std::time::Duration;

/// What can go wrong with a gateway.
pub struct Fault {
    pub name: &'static str,
    /// The alerts that must fire.
    pub raises: &'static [&'static str],
    /// Others that may, since they are true: which, and why.
    pub besides: &'static [(&'static str, &'static str)],
    /// How the gateway is set up.
    pub settings: &'static [(&'static str, &'static str)],
    /// Whether tasks are made and ended before and meanwhile.
    pub creates: bool,
    /// For how long all is well before. Alerts about what is unusual need something usual.
    pub quiet: Duration,
    /// Makes it happen.
    pub provoke: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, ()>,
}

/// Eight minutes of the rules: longer than most of them look back.
const QUIET: Duration = Duration::from_secs(8);
/// More than the quarter of an hour that is compared with the day before it.
const USUAL: Duration = Duration::from_secs(22);
const PLAIN: Fault = Fault {
    name: "",
    raises: &[],
    besides: &[],
    settings: &[],
    creates: true,
    quiet: QUIET,
    provoke: |_| std::future::ready(()).boxed(),
};
const CACHED: &[(&str, &str)] = &[("TASKGATE_CACHE__MODE", "redis")];
/// As many as callers hang on, and three for the others.
const POOL: usize = 40;

/// Whether a statement is the embedded engine's, and decides.
fn decides(sql: &str) -> bool {
    sql.contains("(SELECT true FROM relationships")
}

/// Whether it reads tasks for a caller.
fn reads_tasks(sql: &str) -> bool {
    sql.contains("FROM tasks AS item")
}

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "the gateway is killed",
        raises: &["GatewayDown"],
        provoke: |stage| {
            async {
                stage.callers.shutdown().await;
                stage.world.server.kill();
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "the rows cannot be read",
        raises: &["AvailabilityBurns"],
        provoke: |stage| {
            async { stage.database().run("ALTER TABLE tasks RENAME COLUMN status_reason TO gone").await }.boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "the way to the rows is slow",
        raises: &["LatencyBurns"],
        provoke: |stage| {
            async {
                stage.wire.judge(|sql| reads_tasks(sql).then_some(Delay(Duration::from_millis(320))));
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "the rows are read slowly",
        raises: &["StatementsSlow"],
        besides: &[("LatencyBurns", "callers wait for the statements")],
        provoke: |stage| {
            async {
                stage.wire.judge(|sql| reads_tasks(sql).then_some(Delay(Duration::from_millis(1_500))));
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "a table is locked, and its readers hold connections",
        raises: &["ConnectionsRunOut"],
        settings: &[("TASKGATE_DATABASE__MAX_CONNECTIONS", "40"), ("TASKGATE_DATABASE__STATEMENT_TIMEOUT_MS", "60000")],
        provoke: |stage| {
            async {
                let mut forgotten = stage.database().pool.begin().await.unwrap();
                forgotten.execute("LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE").await.unwrap();
                stage.forgotten = Some(forgotten);
                let task = stage.world.secret().await;
                for _ in 0..POOL - 3 {
                    let (owner, asked) = (stage.world.owner.clone(), json!({ "thread_id": task }));
                    stage.callers.spawn(async move { drop(owner.post("/checkpoints/list", asked).await) });
                }
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "the engine does not decide",
        raises: &["EngineFails"],
        besides: &[("AvailabilityBurns", "nobody is let in without a decision: 503")],
        provoke: |stage| async { stage.wire.judge(|sql| decides(sql).then_some(Refuse)) }.boxed(),
        ..PLAIN
    },
    Fault {
        name: "the engine is slow to decide",
        raises: &["EngineSlow"],
        besides: &[("LatencyBurns", "callers wait for the decisions")],
        provoke: |stage| {
            async {
                stage.wire.judge(|sql| decides(sql).then_some(Delay(Duration::from_millis(700))));
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "a stranger guesses",
        raises: &["DenialsUnusual"],
        besides: &[("CacheCollapses", "a denial is not kept, so each guess is a decision that was not")],
        settings: CACHED,
        quiet: USUAL,
        provoke: |stage| {
            async {
                let stranger = stage.world.server.stranger();
                stage.goes_on(move || {
                    let stranger = stranger.clone();
                    async move {
                        let guess = |n| format!("g{n}: task(id: \"{}\") {{ id }}", nobody());
                        let guesses = (0..40).map(guess).collect::<Vec<_>>().join(" ");
                        stranger.gql(&format!("{{ {guesses} }}"), json!({})).await;
                    }
                });
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "Redis is cut off",
        raises: &["CacheCollapses"],
        besides: &[
            ("LatencyBurns", "whoever takes something away waits until no gateway trusts what it keeps"),
            ("IntentsOld", "reconcilers take away once more what was ended just after it was made, and wait each time"),
        ],
        settings: CACHED,
        quiet: USUAL,
        provoke: |stage| async { stage.redis.cut() }.boxed(),
        ..PLAIN
    },
    Fault {
        name: "a route leads to an engine that is not here",
        raises: &["RoutesLeadNowhere"],
        besides: &[("AvailabilityBurns", "who is routed there is let in nowhere: 503")],
        provoke: |stage| {
            async {
                let key = stage.world.api_key(&stage.world.agent, "routed").await;
                let there =
                    [("TASKGATE_SPICEDB__ENDPOINT", "http://127.0.0.1:9"), ("TASKGATE_SPICEDB__TOKEN", "another's")];
                let routed = ["engine", "route", "api_key", "spicedb", "--account", "demo", "--reason", "a test"];
                let routed = stage.command(&routed, &there).await;
                assert!(routed.status.success(), "{routed:?}");
                let (owner, path) =
                    (stage.world.owner.clone(), format!("/agent_api_keys/{}", key["id"].as_str().unwrap()));
                stage.goes_on(move || {
                    let (owner, path) = (owner.clone(), path.clone());
                    async move { drop(owner.get(&path).await) }
                });
            }
            .boxed()
        },
        // What is ended must be forgotten by every engine in use: dual writes would fail there, too.
        creates: false,
        ..PLAIN
    },
    Fault {
        name: "the engine takes no registrations",
        raises: &["DualWriteFails", "CircuitOpen"],
        besides: &[
            ("DualWriteRetries", "each was tried again before it failed"),
            ("EngineFails", "each try was a call of the engine that failed"),
        ],
        provoke: |stage| async { stage.database().break_table("relationships", "INSERT").await }.boxed(),
        ..PLAIN
    },
    Fault {
        name: "the engine takes every second registration",
        raises: &["DualWriteRetries"],
        besides: &[("EngineFails", "each try that failed was a call of the engine that did")],
        provoke: |stage| {
            async {
                let mut turn = false;
                stage.wire.judge(move |sql| {
                    let registers = step(sql) == Some("registered");
                    turn ^= registers;
                    (registers && turn).then_some(Refuse)
                });
            }
            .boxed()
        },
        ..PLAIN
    },
    Fault {
        name: "the engine lets go of nothing",
        raises: &["IntentsOld"],
        besides: &[
            ("DualWriteFails", "each ending failed before it was left to reconcilers"),
            ("DualWriteRetries", "and was tried again before that"),
            ("EngineFails", "each try was a call of the engine that failed"),
        ],
        provoke: |stage| async { stage.database().break_table("relationships", "DELETE").await }.boxed(),
        ..PLAIN
    },
    Fault {
        name: "a task's relationships are lost",
        raises: &["OrphansFound"],
        provoke: |stage| {
            async {
                let orphan = stage.world.secret().await;
                stage.database().run(&format!("DELETE FROM relationships WHERE resource_id = '{orphan}'")).await;
                let found = stage.command(&["dual-write", "orphans", "--grace", "0"], &[]).await;
                assert_eq!(found.status.code(), Some(3), "{found:?}");
            }
            .boxed()
        },
        // Nothing is half made when rows are compared without grace.
        creates: false,
        ..PLAIN
    },
    Fault {
        name: "the engine forgets, in shadow",
        raises: &["DualWriteMismatches"],
        provoke: |stage| {
            async {
                let switch = "mutation($input: SwitchDualWriteInput!) { switchDualWrite(input: $input) { from } }";
                let input = json!({ "resource": "task", "account": "demo", "mode": "SHADOW", "reason": "a test" });
                stage.world.server.operator().gql(switch, json!({ "input": input })).await.data();
                stage
                    .database()
                    .run(
                        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
                         CREATE TRIGGER forget BEFORE INSERT ON relationships FOR EACH ROW EXECUTE FUNCTION forget();",
                    )
                    .await;
                for _ in 0..5 {
                    let input = json!({ "input": { "agentId": stage.world.agent } });
                    stage.world.owner.gql(documents::CREATE_TASK, input).await;
                }
            }
            .boxed()
        },
        creates: false,
        ..PLAIN
    },
];
