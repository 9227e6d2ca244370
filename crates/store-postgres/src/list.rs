//! Pages of a list, whatever the scope.
//!
//! A principal may hold a hundred resources of a million, or all of them. To fetch what is held and sort
//! it is right for the first and hopeless for the second; to walk the list in its order and ask of each
//! row whether it is held is right for the second and hopeless for the first. Statistics do not help:
//! they may be missing, and they do not know where in the list the held rows stand. So the statement
//! finds out for itself (see [`List::weighed`]), and each of its parts is written so that the planner has
//! one way to run it. Lists in the order in which things came into being need none of that (see [`List::led`]).

use crate::{
    fault::Fault,
    held::{Sql, held, is_held},
};
use authz::{After, Beside, Direction, Extent, Kind, Page, SortKey, Start, Window};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, postgres::PgRow};

/// A principal who holds at most this many resources has them fetched and sorted: some milliseconds.
const FEW: u32 = 2_000;

/// For others the list is walked this far before what they hold is fetched all the same. About as dear
/// as fetching [`FEW`].
pub(crate) const WALK: u32 = 5_000;

/// A table that is listed. Its rows are called `item` in all SQL.
pub(crate) struct Table {
    /// Its name.
    pub name: &'static str,
    /// What a row is read from.
    pub columns: &'static str,
    /// Which rows are there at all.
    pub present: &'static str,
    /// The kind of resource a scope of this list is about.
    pub kind: Kind,
    /// The column with the id of that resource.
    pub resource: &'static str,
}

/// What a list is sorted by: an expression that has an index together with the id.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    /// A time, never null.
    Time(&'static str),
    /// When the resource that the scope is about came into being, never null.
    Birth(&'static str),
    /// A text, never null, by its bytes.
    Text(&'static str),
}

/// What a list is made of: read from a row of the table, and found again in the list.
pub(crate) trait Item: Sized {
    /// What it is read from.
    type Row: for<'r> FromRow<'r, PgRow> + TryInto<Self, Error: Into<Fault>> + Send + Unpin;
    /// The resource a scope is about.
    fn resource(&self) -> &str;
}

/// How far the conditions of a query narrow a list down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrowed {
    /// Not much: rows that meet them are met by walking.
    Little,
    /// Perhaps to a few rows, which an index finds.
    Indexed,
    /// To a handful of rows, so that there is nothing to weigh.
    Handful,
}

/// One page to find.
pub(crate) struct List<'a, T> {
    pub table: &'static Table,
    pub key: Key,
    pub window: &'a Window,
    /// Writes further conditions, each beginning with `AND`.
    pub filter: &'a (dyn Fn(&mut Sql) + Sync),
    /// How far these narrow the list down.
    pub narrowed: Narrowed,
    /// The place right behind an item.
    pub after: &'a (dyn Fn(&T) -> After + Sync),
}

impl<T: Item + Send> List<'_, T> {
    /// The page of the rows in `extent`. One round trip, but for [`Extent::Where`] and
    /// [`Extent::Asked`].
    pub async fn page(&self, pool: &PgPool, extent: &Extent) -> Result<Page<T>, Fault> {
        if !self.key.fits(&self.window.start) {
            return Ok(Page::empty());
        }
        let (mut sql, start) = (Sql::new(""), &self.window.start);
        match extent {
            Extent::Everything => self.plain(&mut sql, start, self.fetched(), |_| ()),
            Extent::Ids(ids) => self.plain(&mut sql, start, self.fetched(), |sql| {
                let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
                sql.push(" AND ").push(self.table.resource).push(" = ANY(").push_bind(ids).push(")");
            }),
            Extent::Beside(beside) if self.narrowed == Narrowed::Handful => {
                self.plain(&mut sql, start, self.fetched(), |sql| self.if_held(sql, beside));
            }
            Extent::Beside(beside) => self.weighed(&mut sql, beside),
            Extent::Where(allowed) => return self.sifted(pool, allowed.as_ref()).await,
            Extent::Asked(sieve) => return self.asked(pool, sieve).await,
        }
        // What has one way to be run is planned once. The rest is planned with its values each time.
        let planned_once = matches!(extent, Extent::Beside(_));
        Ok(Page::cut(fetch(pool, sql, planned_once).await?, self.window.limit))
    }

    /// A page and the row behind it.
    pub(crate) fn fetched(&self) -> u64 {
        u64::from(self.window.limit) + 1
    }

    /// The rows that meet the conditions, however the planner finds them.
    pub(crate) fn plain(&self, sql: &mut Sql, start: &Start, limit: u64, restrict: impl FnOnce(&mut Sql)) {
        self.select(sql, self.table.columns);
        self.rows_from(sql, start);
        restrict(sql);
        (self.filter)(sql);
        self.cut(sql, start, limit);
    }

    /// In the order in which things came into being, `led` answers where it can. Otherwise weighs what the principal
    /// holds, then runs what is cheap for that weight:
    ///
    /// - `walked`, for who holds more than a few: goes a bounded way along the list and keeps what is held.
    /// - `gathered`, for who holds a few, and where the walk did not fill the page: fetches what is held and
    ///   sorts it.
    /// - `picked`, in place of the latter where the conditions have an index and the principal holds more
    ///   than a few: fetches what meets the conditions, keeps what is held and sorts it.
    ///
    /// So a page costs at most a bounded walk, or two where `led` was tried, more than the better way would, wherever in
    /// the list the held rows stand.
    fn weighed(&self, sql: &mut Sql, beside: &Beside) {
        let (few, short) = (format!("(SELECT edges FROM held) <= {FEW}"), format!("({WALKED}) < {}", self.fetched()));
        let narrow = self.narrowed == Narrowed::Indexed;
        let led = self.can_be_led(beside);
        let unless_led = if led { " AND NOT (SELECT it FROM enough)" } else { "" };
        sql.push("WITH ");
        if led {
            self.led(sql, beside);
            sql.push(", ");
        }
        sql.push("held AS MATERIALIZED (SELECT count(*) AS edges FROM (SELECT FROM (");
        held(sql, self.table.kind, beside);
        sql.push(") AS edge LIMIT ").push(FEW + 1).push(") AS counted), walked AS MATERIALIZED (");
        self.walked(sql, beside);
        sql.push(unless_led).push(" AND NOT ").push(&few);
        self.cut(sql, &self.window.start, self.fetched());
        sql.push("), gathered AS (");
        self.gathered(sql, beside);
        sql.push(unless_led).push(" AND ").push(if narrow { &few } else { &short });
        self.cut(sql, &self.window.start, self.fetched());
        if narrow {
            sql.push("), picked AS (");
            self.picked(sql, beside);
            sql.push(" AND NOT ").push(&few).push(" AND ").push(&short);
            self.cut(sql, &self.window.start, self.fetched());
        }
        sql.push(") SELECT * FROM gathered UNION ALL SELECT * FROM walked WHERE NOT ").push(&short);
        if narrow {
            sql.push(" UNION ALL SELECT * FROM picked");
        }
        if led {
            sql.push(" UNION ALL SELECT * FROM led WHERE (SELECT it FROM enough)");
        }
        self.sorted(sql);
    }

    fn walked(&self, sql: &mut Sql, beside: &Beside) {
        self.select_from_keyed(sql);
        self.rows_from(sql, &self.window.start);
        self.sorted(sql);
        sql.push(" LIMIT ").push(WALK).push(") AS item WHERE true");
        self.if_held(sql, beside);
        (self.filter)(sql);
    }

    fn gathered(&self, sql: &mut Sql, beside: &Beside) {
        self.select(sql, self.table.columns);
        self.rows_from(sql, &self.window.start);
        (self.filter)(sql);
        sql.push(" AND ").push(self.table.resource).push(" = ANY(ARRAY(");
        held(sql, self.table.kind, beside);
        sql.push("))");
    }

    /// `OFFSET 0` keeps the planner from hoping that a walk will soon meet rows that meet the conditions.
    fn picked(&self, sql: &mut Sql, beside: &Beside) {
        self.select_from_keyed(sql);
        self.rows_from(sql, &self.window.start);
        (self.filter)(sql);
        sql.push(" OFFSET 0) AS item WHERE true");
        self.if_held(sql, beside);
    }

    /// Keeps a row that is held.
    fn if_held(&self, sql: &mut Sql, beside: &Beside) {
        sql.push(" AND ");
        is_held(sql, self.table.kind, self.table.resource, beside);
    }

    fn select(&self, sql: &mut Sql, columns: &str) {
        sql.push("SELECT ").push(columns);
        sql.push(", ").push(self.key.expression()).push(" AS sort_key, ").push(ID).push(" AS sort_id FROM ");
    }

    /// Selects from rows that have their sort key with them, so that the planner sees when they are sorted.
    fn select_from_keyed(&self, sql: &mut Sql) {
        sql.push("SELECT ").push(self.table.columns).push(", item.sort_key, item.sort_id FROM (");
        self.select(sql, "item.*");
    }

    /// The rows that are there, behind the start.
    fn rows_from(&self, sql: &mut Sql, start: &Start) {
        sql.push(self.table.name).push(" AS item WHERE ").push(self.table.present);
        if let Start::After(after) = start {
            sql.push(" AND (")
                .push(self.key.expression())
                .push(", ")
                .push(ID)
                .push(") ")
                .push(self.beyond())
                .push(" (");
            bind(sql, &after.key);
            sql.push(", (SELECT ").push_bind(after.id.as_ref()).push("::text))");
        }
    }

    /// How what is behind a place compares with it.
    pub(crate) const fn beyond(&self) -> &'static str {
        match self.window.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        }
    }

    /// Which way the list runs.
    pub(crate) const fn way(&self) -> &'static str {
        match self.window.direction {
            Direction::Ascending => " ASC",
            Direction::Descending => " DESC",
        }
    }

    fn sorted(&self, sql: &mut Sql) {
        sql.push(" ORDER BY sort_key").push(self.way()).push(", sort_id").push(self.way());
    }

    /// The limit is part of the text: as a parameter it would be unknown to a plan made once.
    pub(crate) fn cut(&self, sql: &mut Sql, start: &Start, limit: u64) {
        self.sorted(sql);
        sql.push(" LIMIT ").push(limit);
        if let Start::Skip(rows) = start {
            sql.push(" OFFSET ").push_bind(i64::try_from(*rows).unwrap_or(i64::MAX));
        }
    }
}

/// How many rows the walk has found.
const WALKED: &str = "SELECT count(*) FROM walked";

/// What breaks ties, by its bytes.
const ID: &str = "item.id COLLATE \"C\"";

impl Key {
    const fn expression(self) -> &'static str {
        match self {
            Self::Time(expression) | Self::Birth(expression) | Self::Text(expression) => expression,
        }
    }

    /// Whether the page starts at a key of this sort. Behind any other there is nothing.
    const fn fits(self, start: &Start) -> bool {
        let Start::After(after) = start else { return true };
        match self {
            Self::Time(_) | Self::Birth(_) => matches!(after.key, SortKey::Time(_)),
            Self::Text(_) => matches!(after.key, SortKey::Text(_)),
        }
    }
}

/// Through a subquery, as the principal in `held`.
pub(crate) fn bind(sql: &mut Sql, key: &SortKey) {
    sql.push("(SELECT ");
    match key {
        SortKey::Time(micros) => sql.push_bind(instant(*micros)).push("::timestamptz)"),
        SortKey::Number(number) => sql.push_bind(*number).push("::bigint)"),
        SortKey::Text(text) => sql.push_bind(text.as_ref()).push("::text)"),
    };
}

/// A time that PostgreSQL can hold: those beyond its years are beyond every row all the same.
fn instant(micros: i64) -> DateTime<Utc> {
    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_10000: i64 = 253_402_300_800_000_000;
    DateTime::from_timestamp_micros(micros.clamp(YEAR_1, YEAR_10000)).unwrap_or_default()
}

pub(crate) async fn fetch<T: Item>(pool: &PgPool, mut sql: Sql, planned_once: bool) -> Result<Vec<T>, Fault> {
    let rows = sql.build().persistent(planned_once).fetch_all(pool).await?;
    rows.iter().map(|row| T::Row::from_row(row)?.try_into().map_err(Into::into)).collect()
}
