//! Pages of a list whose rows are asked about as they are met, because nobody can join with what is held.

use crate::{
    fault::Fault,
    held::Sql,
    list::{Item, List, fetch},
};
use authz::{EngineError, Extent, Page, Sieve, Start, Window};
use sqlx::PgPool;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// The most rows that are asked about at once.
const SIFT: u64 = 1_000;

/// How many batches of rows an engine elsewhere is asked about before it is to name all that is held.
const SIEVES: usize = 6;

/// The rows of a page, as they are met.
struct Walk<T> {
    start: Start,
    skip: u64,
    limit: usize,
    kept: u64,
    found: Vec<T>,
}

impl<T: Item + Send> List<'_, T> {
    /// The page of the rows that `allowed` lets through.
    pub async fn sifted(
        &self,
        pool: &PgPool,
        allowed: &(dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<Page<T>, Fault> {
        let mut walk = self.walk();
        while !walk.is_full() {
            let (batch, last) = self.batch(pool, None, &walk.start, SIFT).await?;
            walk.keep(batch.into_iter().filter(|item| allowed(item.resource())));
            let Some(last) = last else { break };
            walk.start = last;
        }
        Ok(Page::cut(walk.found, self.window.limit))
    }

    /// The page of the rows that the engine lets through. Whoever holds much is met soon; where too little is
    /// met, all that is held is named after all. So a page costs at most [`SIEVES`] checks and one look-up.
    pub async fn asked(&self, pool: &PgPool, sieve: &Sieve) -> Result<Page<T>, Fault> {
        let (mut walk, mut size) = (self.walk(), self.fetched().min(SIFT));
        for _ in 0..SIEVES {
            let (batch, last) = self.batch(pool, sieve.among(), &walk.start, size).await?;
            let met = batch.len();
            let allowed = allowed(sieve, &batch).await?;
            let before = walk.kept();
            walk.keep(batch.into_iter().filter(|item| allowed.contains(item.resource())));
            match last {
                Some(last) if !walk.is_full() => walk.start = last,
                _ => return Ok(Page::cut(walk.found, self.window.limit)),
            }
            size = match sieve.among() {
                // Nearly all of them are let through. Statements differ by their limit, and each is kept.
                Some(_) => SIFT,
                None => next(size, met, walk.kept() - before, walk.lacks()),
            };
        }
        let all = sieve.all().await.map_err(unanswered)?;
        Box::pin(self.page(pool, &all)).await
    }

    fn walk(&self) -> Walk<T> {
        let (start, skip) = match self.window.start {
            Start::Skip(rows) => (Start::First, rows),
            ref start @ (Start::First | Start::After(_)) => (start.clone(), 0),
        };
        Walk { start, skip, limit: self.window.limit as usize, kept: 0, found: Vec::new() }
    }

    /// The next rows, or those of `among`, and where the ones behind them start, if there may be any.
    async fn batch(
        &self,
        pool: &PgPool,
        among: Option<&Extent>,
        start: &Start,
        size: u64,
    ) -> Result<(Vec<T>, Option<Start>), Fault> {
        let (rows, more) = if let Some(extent) = among {
            let limit = u32::try_from(size).unwrap_or(u32::MAX);
            let window = Window { limit, start: start.clone(), direction: self.window.direction };
            let page = Box::pin(List { window: &window, ..*self }.page(pool, extent)).await?;
            (page.rows, page.more)
        } else {
            let mut sql = Sql::new("");
            self.plain(&mut sql, start, size, |_| ());
            let rows: Vec<T> = fetch(pool, sql, true).await?;
            let more = rows.len() as u64 == size;
            (rows, more)
        };
        let last = rows.last().filter(|_| more).map(|last| Start::After((self.after)(last)));
        Ok((rows, last))
    }
}

impl<T> Walk<T> {
    fn keep(&mut self, items: impl Iterator<Item = T>) {
        for item in items {
            self.kept += 1;
            if self.skip > 0 {
                self.skip -= 1;
            } else {
                self.found.push(item);
            }
        }
    }

    /// How many rows have been kept, those before the page included.
    fn kept(&self) -> u64 {
        self.kept
    }

    /// How many rows are still to be met.
    fn lacks(&self) -> u64 {
        self.skip + (self.limit + 1).saturating_sub(self.found.len()) as u64
    }

    /// Whether the page and the row behind it have been met.
    fn is_full(&self) -> bool {
        self.found.len() > self.limit
    }
}

/// How many rows to ask about next: as many as will do, and a quarter more, if there are as many to be kept among them as
/// among the `met` ones; and four times as many as before while none is.
fn next(size: u64, met: usize, kept: u64, lacks: u64) -> u64 {
    let enough = (lacks * met as u64 * 5).div_ceil((kept * 4).max(1));
    if kept == 0 { (size * 4).min(SIFT) } else { enough.clamp(size, SIFT) }
}

/// Those of the rows' resources that the engine lets through.
async fn allowed<T: Item>(sieve: &Sieve, rows: &[T]) -> Result<HashSet<Arc<str>>, Fault> {
    let ids: BTreeSet<&str> = rows.iter().map(Item::resource).collect();
    let ids: Vec<Arc<str>> = ids.into_iter().map(Into::into).collect();
    let allowed = sieve.sift(&ids).await.map_err(unanswered)?;
    Ok(ids.into_iter().zip(allowed).filter(|(_, allowed)| *allowed).map(|(id, _)| id).collect())
}

/// Nobody can say what is held: nothing is shown.
fn unanswered(error: EngineError) -> Fault {
    Fault::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_asked_about_as_will_do() {
        // A tenth is kept, and 46 are still to be met.
        assert_eq!(next(51, 51, 5, 46), 587);
        // Nearly all are.
        assert_eq!(next(51, 51, 50, 1), 51);
        // None was, and then: no more than may be asked about at once.
        assert_eq!((next(51, 51, 0, 51), next(816, 816, 0, 51), next(51, 51, 1, 50)), (204, SIFT, SIFT));
    }
}
