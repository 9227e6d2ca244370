//! Pages of lists, as Relay connections.
//!
//! A cursor is the place right behind a row: the list's order, the row's sort key, its id. It is
//! opaque, and good for that order only.

use crate::Failure;
use async_graphql::{
    Enum, InputObject, InputType, OutputType,
    connection::{Connection, CursorType, Edge},
};
use authz::{After, SortKey, Start, Window};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::{fmt::Debug, sync::Arc};

/// The most rows of a page.
const MOST: i32 = 100;
/// The rows of a page when nobody says how many.
const SOME: i32 = 50;
/// Written into every cursor: one of another layout is refused, not misread.
const VERSION: u8 = 1;

/// A page of nodes.
pub type Page<N> = Connection<Cursor, N>;

/// Which way a list runs.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Smallest or oldest first.
    Asc,
    /// Largest or newest first.
    #[default]
    Desc,
}

impl From<Direction> for authz::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Asc => Self::Ascending,
            Direction::Desc => Self::Descending,
        }
    }
}

/// A place in a list.
pub struct Cursor {
    order: Arc<str>,
    after: After,
}

#[derive(Serialize, Deserialize)]
enum Key {
    T(i64),
    N(i64),
    S(Arc<str>),
}

type Wire<Order> = (u8, Order, Key, Arc<str>);

impl CursorType for Cursor {
    type Error = Failure;

    fn decode_cursor(text: &str) -> Result<Self, Failure> {
        let wire = URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let Some((VERSION, order, key, id)): Option<Wire<Arc<str>>> = wire else { return Err(no_cursor()) };
        let key = match key {
            Key::T(time) => SortKey::Time(time),
            Key::N(number) => SortKey::Number(number),
            Key::S(text) => SortKey::Text(text),
        };
        Ok(Self { order, after: After { key, id } })
    }

    fn encode_cursor(&self) -> String {
        let key = match &self.after.key {
            SortKey::Time(time) => Key::T(*time),
            SortKey::Number(number) => Key::N(*number),
            SortKey::Text(text) => Key::S(Arc::clone(text)),
        };
        let wire: Wire<&str> = (VERSION, &self.order, key, Arc::clone(&self.after.id));
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).unwrap_or_default())
    }
}

fn no_cursor() -> Failure {
    Failure::invalid("`after` is not a cursor of this list")
}

/// What a list can be sorted by.
pub trait SortField: Copy + Default + Debug {
    /// Whether it is a time. Everything else is text.
    fn is_time(self) -> bool;
}

/// How to sort.
#[derive(InputObject, Default)]
#[graphql(concrete(name = "TaskOrder", params("super::task::TaskOrderField")))]
#[graphql(concrete(name = "TrackerOrder", params("super::tracker::TrackerOrderField")))]
#[graphql(concrete(name = "AgentOrder", params("super::agent::AgentOrderField")))]
pub struct OrderBy<F: InputType> {
    /// By what. Ids break ties.
    pub field: F,
    /// Which way.
    #[graphql(default)]
    pub direction: Direction,
}

impl<F: InputType + SortField> OrderBy<F> {
    /// The page of `list` that a field's arguments ask for.
    pub fn ask(&self, list: &str, first: Option<i32>, after: Option<&str>) -> Result<Ask, Failure> {
        let ask = Ask::new(format!("{list} {:?} {:?}", self.field, self.direction), first, after)?;
        match &ask.after {
            Some(After { key, .. }) if !fits(key, self.field.is_time()) => Err(no_cursor()),
            _ => Ok(ask),
        }
    }
}

/// Whether a list sorted by times, or by texts, has such a key: a cursor can be made up.
fn fits(key: &SortKey, is_time: bool) -> bool {
    /// The last microsecond of the year 9999.
    const END: i64 = 253_402_300_799_999_999;
    match key {
        SortKey::Time(time) => is_time && (0..=END).contains(time),
        SortKey::Text(_) => !is_time,
        SortKey::Number(_) => false,
    }
}

/// Which page of a list in a certain order is asked for.
pub struct Ask {
    order: Arc<str>,
    limit: u32,
    after: Option<After>,
}

impl Ask {
    /// From a field's arguments. `order` names the list and how it is sorted.
    pub fn new(order: String, first: Option<i32>, after: Option<&str>) -> Result<Self, Failure> {
        let first = first.unwrap_or(SOME);
        let limit = u32::try_from(first).ok().filter(|_| (1..=MOST).contains(&first));
        let limit = limit.ok_or_else(|| Failure::invalid(format!("`first` must be from 1 to {MOST}")))?;
        let order = Arc::from(order);
        let Some(after) = after else { return Ok(Self { order, limit, after: None }) };
        let cursor = Cursor::decode_cursor(after)?;
        if cursor.order != order {
            return Err(Failure::invalid("`after` is a cursor of another list, or of another order of this one"));
        }
        Ok(Self { order, limit, after: Some(cursor.after) })
    }

    /// The most rows of the page.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The place to start behind.
    pub const fn after(&self) -> Option<&After> {
        self.after.as_ref()
    }

    /// The window for a store.
    pub fn window(&self, direction: Direction) -> Window {
        let start = self.after.clone().map_or(Start::First, Start::After);
        Window { limit: self.limit, start, direction: direction.into() }
    }

    /// The page, from its nodes and the place behind each.
    pub fn page<N: OutputType>(&self, nodes: impl Iterator<Item = (After, N)>, more: bool) -> Page<N> {
        // A cursor is the place behind a row, so there is a row before whatever follows it.
        let mut page = Page::new(self.after.is_some(), more);
        let cursor = |after| Cursor { order: Arc::clone(&self.order), after };
        page.edges.extend(nodes.map(|(after, node)| Edge::new(cursor(after), node)));
        page
    }
}

/// What a page costs: each of its rows costs what one costs.
pub fn cost(first: Option<i32>, row: usize) -> usize {
    // However deep lists are nested, the sum stays far from overflowing.
    const ENDLESS: usize = 1 << 40;
    let rows = first.unwrap_or(SOME).clamp(0, MOST).unsigned_abs() as usize;
    rows.saturating_mul(row).min(ENDLESS) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(key: SortKey, id: &str) -> Cursor {
        Cursor { order: "tasks Name Asc".into(), after: After { key, id: id.into() } }
    }

    #[test]
    fn a_cursor_leads_back() {
        for key in [SortKey::Time(-5), SortKey::Number(i64::MAX), SortKey::Text("ä\"\u{1F600}".into())] {
            let cursor = cursor(key, "id");
            let back = Cursor::decode_cursor(&cursor.encode_cursor()).unwrap();
            assert_eq!((back.order, back.after), (cursor.order, cursor.after));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        let other_version = URL_SAFE_NO_PAD.encode(r#"[2,"tasks Name Asc",{"T":1},"id"]"#);
        for text in ["", "?", "bm90IGpzb24", &other_version] {
            let failure = Ask::new("tasks Name Asc".into(), None, Some(text)).err().unwrap();
            assert!(failure.to_string().contains("`after`"), "{text}: {failure}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_order_only() {
        let text = cursor(SortKey::Text("a".into()), "id").encode_cursor();
        assert!(Ask::new("tasks Name Asc".into(), None, Some(&text)).is_ok());
        assert!(Ask::new("tasks Name Desc".into(), None, Some(&text)).is_err());
        assert!(Ask::new("agents Name Asc".into(), None, Some(&text)).is_err());
    }

    #[test]
    fn a_page_has_one_to_a_hundred_rows() {
        let limit = |first| Ask::new(String::new(), first, None).map(|ask| ask.limit()).ok();
        assert_eq!([1, 100].map(|first| limit(Some(first))), [Some(1), Some(100)]);
        assert_eq!([-1, 0, 101, i32::MAX, i32::MIN].map(|first| limit(Some(first))), [None; 5]);
        assert_eq!(limit(None), Some(50));
    }

    #[test]
    fn a_page_costs_its_rows() {
        assert_eq!(cost(Some(10), 3), 31);
        assert_eq!(cost(None, 2), 101);
        assert!(cost(Some(i32::MAX), usize::MAX) < usize::MAX / 1000);
    }
}
