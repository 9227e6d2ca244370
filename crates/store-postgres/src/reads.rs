//! Reads of tasks by their ids, which share statements: under load the database is asked less often, and
//! without load nobody waits.

use crate::{
    fault::Fault,
    tasks::{TaskRow, rows},
};
use coalesce::{Coalescer, Limits, Question, Unanswered};
use futures::FutureExt as _;
use sqlx::PgPool;
use std::collections::HashMap;
use tasks::Task;

/// Two statements at a time keep the database busy while rows are being read; more ids than that in one
/// statement would make the others on it wait.
const LIMITS: Limits = Limits { flights: 2, room: 256 };

/// The ids one caller asks for.
struct Ids(Vec<String>);

impl Question for Ids {
    fn size(&self) -> usize {
        self.0.len()
    }
}

/// Where tasks are read by their ids.
#[derive(Debug)]
pub(crate) struct TaskReads {
    pool: PgPool,
    shared: Coalescer<Ids, Vec<TaskRow>, sqlx::Error>,
}

impl TaskReads {
    pub(crate) fn new(pool: PgPool) -> Self {
        let reading = pool.clone();
        let shared = Coalescer::new(LIMITS, move |asked: Vec<Ids>| {
            let pool = reading.clone();
            async move { together(&pool, &asked).await }.boxed()
        });
        Self { pool, shared }
    }

    /// The tasks that are there, of those asked for, in no order.
    pub(crate) async fn get(&self, ids: Vec<String>) -> Result<Vec<Task>, Fault> {
        let rows = match self.shared.ask(Ids(ids.clone())).await {
            Ok(rows) => rows,
            // Somebody's row cannot be read, or somebody's id not be asked for: the others are not to suffer.
            Err(Unanswered::Failed(error)) if is_about_rows(&error) => rows(&self.pool, &ids).await?,
            Err(Unanswered::Failed(error)) => return Err(Fault::Unavailable(Box::new(error))),
            Err(Unanswered::Lost) => return Err(Fault::Unavailable("the read was lost".into())),
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

/// Reads what several callers ask for in one statement: the rows of each.
async fn together(pool: &PgPool, asked: &[Ids]) -> Result<Vec<Vec<TaskRow>>, sqlx::Error> {
    let all: Vec<_> = asked.iter().flat_map(|asked| asked.0.iter().cloned()).collect();
    let rows = rows(pool, &all).await?;
    if asked.len() == 1 {
        return Ok(vec![rows]);
    }
    let rows: HashMap<_, _> = rows.iter().map(|row| (row.id(), row)).collect();
    let of_each = |asked: &Ids| {
        let mut ids: Vec<_> = asked.0.iter().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| rows.get(id).copied().cloned()).collect()
    };
    Ok(asked.iter().map(of_each).collect())
}

/// Whether others may be answered where this failed.
const fn is_about_rows(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Database(_))
}
