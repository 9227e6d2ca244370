//! Comparing everything, and repairing it, from a command: in steps, until it is done or told to stop.

use super::{Outcome, progress::Progress, report::Report};
use crate::{serve::told_to_stop, sweeper::reconciler};
use authz::ResourceRef;
use dual_write::{COMPARED, Direction, Extract, Inspector, Orphan, Remedy, Repair, Step, Swept};
use std::time::{Duration, Instant};

/// What is done about orphans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are found.
    Find,
    /// They are found, and it is said what would be done.
    Pretend,
    /// They are repaired.
    Repair,
}

/// What a scan has come to so far.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) rows: u64,
    pub(super) registrations: u64,
    /// Rows without registration.
    pub(super) unregistered: u64,
    /// Registrations without row.
    pub(super) left_behind: u64,
    /// Differences that somebody is at, or that are young.
    pub(super) waiting: u64,
    /// What could be repaired: the rest needs a person.
    pub(super) repairable: u64,
    pub(super) repaired: u64,
    pub(super) failed: u64,
    /// Behind what to go on, unless all has been compared.
    pub(super) cursor: Option<ResourceRef>,
    pub(super) took: Duration,
}

impl Total {
    pub(super) const fn orphans(&self) -> u64 {
        self.unregistered + self.left_behind
    }

    fn add(&mut self, step: &Step) {
        self.rows += step.rows;
        self.registrations += step.registrations;
        self.waiting += step.waiting;
        for Orphan { direction, remedy, .. } in &step.orphans {
            match direction {
                Direction::Row => self.unregistered += 1,
                Direction::Registration => self.left_behind += 1,
            }
            self.repairable += u64::from(!matches!(remedy, Remedy::Decide(_)));
        }
    }

    fn add_repair(&mut self, repair: &Repair) {
        match repair {
            Repair::Done | Repair::Gone => self.repaired += 1,
            Repair::Failed(_) => self.failed += 1,
            Repair::Left => {}
        }
    }
}

/// Compares what `extract` says. Told to stop, or failing, it says where to go on.
pub(super) async fn run(
    inspector: &Inspector,
    extract: Extract,
    mode: Mode,
    report: Report,
) -> anyhow::Result<Outcome> {
    let (mut total, begun) = (Total { cursor: extract.after.clone(), ..Total::default() }, Instant::now());
    let progress = Progress::new(expected(inspector, &extract).await);
    report.begin(mode)?;
    let ended = work(inspector, extract, mode, report, &mut total, &progress).await;
    progress.clear();
    total.took = begun.elapsed();
    if matches!(ended, Ok(false)) {
        total.cursor = None;
    }
    report.end(mode, &total, matches!(ended, Ok(false)))?;
    if ended? {
        return Ok(Outcome::Interrupted);
    }
    let left = if mode == Mode::Repair { total.orphans() - total.repaired } else { total.orphans() };
    Ok(if left == 0 { Outcome::Well } else { Outcome::Orphans })
}

/// Whether it was interrupted.
async fn work(
    inspector: &Inspector,
    extract: Extract,
    mode: Mode,
    report: Report,
    total: &mut Total,
    progress: &Progress,
) -> anyhow::Result<bool> {
    let mut told = std::pin::pin!(told_to_stop()?);
    let mut comparison = inspector.compare(extract);
    while !comparison.is_done() {
        let step = tokio::select! {
            biased;
            () = &mut told => return Ok(true),
            step = comparison.step() => step?,
        };
        total.add(&step);
        // A repair that has begun is ended.
        let repairs = if mode == Mode::Repair { inspector.repair(&step.orphans).await } else { Vec::new() };
        for repair in &repairs {
            total.add_repair(repair);
        }
        progress.pause(|| report.orphans(mode, &step.orphans, &repairs))?;
        total.cursor = comparison.place().cloned();
        progress.at(total.rows, total.orphans());
    }
    Ok(false)
}

/// About how many rows there are to compare.
async fn expected(inspector: &Inspector, extract: &Extract) -> u64 {
    let mut rows = 0;
    for kind in COMPARED.into_iter().filter(|kind| extract.kind.is_none_or(|wanted| wanted == *kind)) {
        rows += inspector.rows.estimate(kind).await.unwrap_or_default();
    }
    rows
}

/// Finishes or undoes what is overdue, as gateways do; here until nothing more gets done.
pub(super) async fn sweep(inspector: &Inspector) -> anyhow::Result<Swept> {
    let (reconciler, mut all) = (reconciler(&inspector.dual_write), Swept::default());
    loop {
        let Swept { settled, undone, registered, left } = reconciler.sweep().await?;
        all.settled += settled;
        all.undone += undone;
        all.registered += registered;
        all.left += left;
        if settled + undone + registered == 0 {
            return Ok(all);
        }
    }
}
