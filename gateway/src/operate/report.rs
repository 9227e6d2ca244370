//! What the operator's commands write: tables for people, or an object on each line for scripts.

use super::scan::{Mode, Total};
use authz::{Holder, Principal};
use chrono::{DateTime, SecondsFormat, Utc};
use dual_write::{Backlog, Direction, Explanation, Intent, Orphan, Remedy, Repair, Swept, Tally, Wait};
use serde_json::{Value, json};
use std::io::{self, Write as _};

/// Where to, and in which form.
#[derive(Clone, Copy)]
pub(super) struct Report {
    json: bool,
}

/// What is said of every orphan.
const HEAD: [&str; 5] = ["RESOURCE", "IS A", "ACCOUNT", "CREATOR", "SINCE"];

impl Report {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// What is not settled, and what comparisons have found.
    pub(super) fn status(
        self,
        storage: &str,
        backlog: &Backlog,
        oldest: &[Intent],
        tallies: &[Tally],
    ) -> io::Result<()> {
        let now = Utc::now();
        if self.json {
            let intents: Vec<_> = oldest.iter().map(intent).collect();
            let age = backlog.oldest.map(|oldest| (now - oldest).num_seconds());
            let tallies: Vec<_> = tallies.iter().map(tally).collect();
            return line(&json!({
                "storage": storage, "pending": backlog.pending, "oldest_age_seconds": age, "oldest": intents,
                "orphans": tallies,
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "storage: {storage}")?;
        match backlog.oldest {
            Some(oldest) => {
                let age = (now - oldest).num_seconds();
                writeln!(out, "intents: {} not settled, the oldest of {age} s ago", backlog.pending)?;
            }
            None => writeln!(out, "intents: all settled")?,
        }
        for intent in oldest {
            writeln!(out, "  {}", intent_line(intent, now))?;
        }
        if tallies.is_empty() {
            writeln!(out, "orphans: none found so far")?;
        }
        for Tally { kind, direction, found, repaired } in tallies {
            writeln!(out, "orphans: {found} {kind} {} found so far, {repaired} repaired", plural(*direction))?;
        }
        Ok(())
    }

    /// What the sweep before a repair has done.
    pub(super) fn swept(self, swept: &Swept) -> io::Result<()> {
        let Swept { settled, undone, registered, left } = swept;
        if self.json {
            let swept = json!({ "settled": settled, "undone": undone, "registered": registered, "left": left });
            return line(&json!({ "swept": swept }));
        }
        if *swept == Swept::default() {
            return Ok(());
        }
        let owed = if *registered > 0 { format!(", {registered} owed registrations made") } else { String::new() };
        writeln!(io::stdout(), "overdue intents: {settled} settled, {undone} undone for now, {left} left{owed}")
    }

    /// The head of a list of orphans.
    pub(super) fn begin(self, mode: Mode) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let last = if mode == Mode::Find { "REMEDY" } else { "OUTCOME" };
        writeln!(io::stdout(), "{}{last}", columns(HEAD))
    }

    /// Some orphans, and what became of each if they were repaired.
    pub(super) fn orphans(self, mode: Mode, orphans: &[Orphan], repairs: &[Repair]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for (number, found) in orphans.iter().enumerate() {
            let repair = repairs.get(number);
            if self.json {
                writeln!(out, "{}", orphan(found, repair))?;
                continue;
            }
            let outcome = match (mode, repair) {
                (_, Some(repair)) => outcome(found, repair),
                (Mode::Pretend, None) => format!("would {}", remedy(found)),
                (Mode::Find | Mode::Repair, None) => remedy(found),
            };
            let (creator, account) = (text(found.creator.as_ref()), text(found.tenant.as_ref()));
            let cells =
                [found.resource.to_string(), sort(found.direction).to_owned(), account, creator, time(found.since)];
            writeln!(out, "{}{outcome}", columns(cells))?;
        }
        out.flush()
    }

    /// What a scan has come to, and where to go on.
    pub(super) fn end(self, mode: Mode, total: &Total, complete: bool) -> io::Result<()> {
        let cursor = total.cursor.as_ref().map(ToString::to_string);
        if self.json {
            return line(&json!({ "summary": {
                "complete": complete, "cursor": cursor, "seconds": total.took.as_secs_f64(),
                "rows": total.rows, "registrations": total.registrations,
                "unregistered_rows": total.unregistered, "registrations_left_behind": total.left_behind,
                "waiting": total.waiting, "repairable": total.repairable, "repaired": total.repaired,
                "failed": total.failed, "dry_run": mode != Mode::Repair,
            }}));
        }
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "\n{} rows and {} registrations compared in {:.1} s: {} rows without registration, {} registrations without row",
            total.rows,
            total.registrations,
            total.took.as_secs_f64(),
            total.unregistered,
            total.left_behind
        )?;
        if total.waiting > 0 {
            writeln!(out, "{} more differ and are left alone: being made or ended, or too young", total.waiting)?;
        }
        let undecided = total.orphans() - total.repairable;
        match mode {
            Mode::Repair => {
                writeln!(out, "{} repaired, {} failed, {undecided} need a person", total.repaired, total.failed)?;
            }
            Mode::Find | Mode::Pretend if total.orphans() > 0 => {
                writeln!(out, "{} can be repaired (`reconcile`), {undecided} need a person", total.repairable)?;
            }
            Mode::Find | Mode::Pretend => {}
        }
        if !complete {
            let go_on = cursor.map_or_else(|| "from the start".to_owned(), |cursor| format!("with `--after {cursor}`"));
            writeln!(out, "not done: go on {go_on}")?;
        }
        out.flush()
    }

    /// All that is known of one thing.
    pub(super) fn explanation(self, explanation: &Explanation, holders: &[Holder]) -> io::Result<()> {
        let Explanation { resource, row, known, intents, finding } = explanation;
        let now = Utc::now();
        if self.json {
            let holders: Vec<_> = holders
                .iter()
                .map(|holder| {
                    json!({
                        "principal": holder.principal.to_string(), "role": holder.role.relation().as_str(),
                    })
                })
                .collect();
            return line(&json!({
                "resource": resource.to_string(),
                "row": row.as_ref().map(|row| json!({
                    "account": row.tenant, "agents": row.agents, "creator": row.creator.as_ref().map(Principal::to_string),
                    "made_at": row.made_at,
                })),
                "registration": known.as_ref().map(|known| json!({
                    "accounts": known.tenants, "agents": known.parents, "owned": known.owned, "runtime": known.runtime,
                    "since": known.since,
                })),
                "holders": holders,
                "intents": intents.iter().map(intent).collect::<Vec<_>>(),
                "orphan": finding.as_ref().map(|finding| orphan(&finding.orphan, None)),
                "wait": finding.as_ref().and_then(|finding| finding.wait).map(wait),
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{resource}")?;
        match row {
            Some(row) => writeln!(
                out,
                "  row           of account {}, made by {} at {}, on agents [{}]",
                text(row.tenant.as_ref()),
                text(row.creator.as_ref()),
                time(row.made_at),
                row.agents.join(", ")
            )?,
            None => writeln!(out, "  row           none")?,
        }
        match known {
            Some(known) => writeln!(
                out,
                "  registration  of accounts [{}], on agents [{}], owned: {}, last changed {}",
                known.tenants.join(", "),
                known.parents.join(", "),
                if known.owned { "yes" } else { "no" },
                time(known.since)
            )?,
            None => writeln!(out, "  registration  none")?,
        }
        for holder in holders {
            writeln!(out, "  {:<14}{}", holder.role.relation().as_str(), holder.principal)?;
        }
        for intent in intents {
            writeln!(out, "  intent        {}", intent_line(intent, now))?;
        }
        let verdict = match finding {
            None if row.is_none() => "not there, on either side".to_owned(),
            None => "both sides agree".to_owned(),
            Some(finding) => {
                let what =
                    format!("{}; `reconcile` would {}", whole_sort(finding.orphan.direction), remedy(&finding.orphan));
                finding.wait.map_or_else(|| what.clone(), |reason| format!("{what}, but waits: {}", wait(reason)))
            }
        };
        writeln!(out, "  verdict       {verdict}")?;
        out.flush()
    }
}

fn line(value: &Value) -> io::Result<()> {
    writeln!(io::stdout(), "{value}")
}

fn columns(cells: [impl std::fmt::Display; 5]) -> String {
    let [resource, sort, account, creator, since] = cells;
    format!("{resource:<44} {sort:<18} {account:<16} {creator:<26} {since:<21} ")
}

fn text(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

const fn sort(direction: Direction) -> &'static str {
    match direction {
        Direction::Row => "unregistered row",
        Direction::Registration => "registration only",
    }
}

const fn whole_sort(direction: Direction) -> &'static str {
    match direction {
        Direction::Row => "a row whose registration is missing or not whole",
        Direction::Registration => "a registration without a row",
    }
}

const fn plural(direction: Direction) -> &'static str {
    match direction {
        Direction::Row => "rows without registration",
        Direction::Registration => "registrations without row",
    }
}

const fn wait(wait: Wait) -> &'static str {
    match wait {
        Wait::Unsettled => "an intent on it is not settled",
        Wait::Young => "it is too young",
        Wait::Off => "dual writes are switched off for it",
    }
}

fn remedy(orphan: &Orphan) -> String {
    match &orphan.remedy {
        Remedy::Register(edges) => {
            let edges: Vec<_> = edges
                .iter()
                .map(|edge| format!("{} {}:{}", edge.relation.as_str(), edge.subject_kind, edge.subject_id))
                .collect();
            format!("register {}", edges.join(", "))
        }
        Remedy::Deregister => "remove its relationships".to_owned(),
        Remedy::Decide(obstacle) => format!("leave it to a person: {obstacle}"),
    }
}

fn outcome(orphan: &Orphan, repair: &Repair) -> String {
    match repair {
        Repair::Done => format!("done: {}", remedy(orphan)),
        Repair::Gone => "its row went away meanwhile".to_owned(),
        Repair::Left => remedy(orphan),
        Repair::Failed(error) => format!("FAILED: {error}"),
    }
}

/// An orphan for scripts.
fn orphan(orphan: &Orphan, repair: Option<&Repair>) -> Value {
    let (action, missing, obstacle) = match &orphan.remedy {
        Remedy::Register(edges) => {
            let missing: Vec<_> = edges.iter().map(|edge| edge.relation.as_str()).collect();
            ("register", missing, None)
        }
        Remedy::Deregister => ("deregister", Vec::new(), None),
        Remedy::Decide(obstacle) => ("none", Vec::new(), Some(*obstacle)),
    };
    let outcome = repair.map(|repair| match repair {
        Repair::Done => "done",
        Repair::Gone => "gone",
        Repair::Left => "left",
        Repair::Failed(_) => "failed",
    });
    json!({
        "resource": orphan.resource.to_string(), "direction": orphan.direction.as_str(), "account": orphan.tenant,
        "creator": orphan.creator.as_ref().map(Principal::to_string), "since": orphan.since, "remedy": action,
        "missing": missing, "obstacle": obstacle.map(dual_write::Obstacle::as_str),
        "reason": obstacle.map(|obstacle| obstacle.to_string()), "outcome": outcome,
    })
}

fn intent(intent: &Intent) -> Value {
    json!({
        "id": intent.id.as_str(), "op": intent.op.as_str(), "resource": intent.resource.to_string(),
        "stage": intent.stage.as_str(), "attempts": intent.attempts, "opened_at": intent.opened_at, "due_at": intent.due_at,
    })
}

fn intent_line(intent: &Intent, now: DateTime<Utc>) -> String {
    let Intent { op, resource, stage, attempts, opened_at, due_at, .. } = intent;
    let (age, due) = ((now - *opened_at).num_seconds(), (*due_at - now).num_seconds());
    let due = if due >= 0 { format!("due in {due} s") } else { format!("overdue by {} s", -due) };
    format!("{} {resource}, {}, begun {age} s ago, tried {attempts} times since, {due}", op.as_str(), stage.as_str())
}

fn tally(tally: &Tally) -> Value {
    let Tally { kind, direction, found, repaired } = tally;
    json!({ "resource": kind.as_str(), "direction": direction.as_str(), "found": found, "repaired": repaired })
}
