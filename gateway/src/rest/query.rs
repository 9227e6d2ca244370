//! What a request says behind its question mark.

use super::request::NUL;
use crate::{App, Failure};
use authz::{Direction, Id, Start, Window};
use axum::extract::{FromRequestParts, Query};
use http::request;
use serde::Deserialize;
use std::ops::RangeInclusive;
use utoipa::{IntoParams, ToSchema};

/// The most rows a page may have.
pub const LARGEST_PAGE: u32 = 1000;
/// The rows of a page when the caller does not say.
const USUAL_PAGE: u32 = 50;

/// The words of a query string, not yet understood. Words that nobody asks for are passed over.
pub struct Words(Vec<(String, String)>);

impl FromRequestParts<App> for Words {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Failure> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(words)) => Ok(Self(words)),
            Err(_) => Err(Failure::invalid("the query string cannot be read")),
        }
    }
}

impl Words {
    /// What is said of `name`; of several, the last.
    pub fn word(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.all(name).last() {
            Some(text) if text.contains('\0') => Err(Failure::invalid(format!("{name}: {NUL}"))),
            said => Ok(said),
        }
    }

    /// What is said of `name`, which must be said.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.word(name)?.ok_or_else(|| Failure::invalid(format!("{name}: is required")))
    }

    /// Everything that is said of `name`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(said, _)| said == name).map(|(_, text)| text.as_str())
    }

    /// An id to filter by. One that no row could have finds no row.
    pub fn id<R>(&self, name: &str) -> Result<Option<Id<R>>, Failure> {
        Ok(self.word(name)?.map(Id::new))
    }

    /// A whole number in `range`.
    pub fn number(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Failure> {
        let Some(text) = self.word(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (from, to) = range.into_inner();
        let refusal = || Failure::invalid(format!("{name}: must be a whole number from {from} to {to}"));
        number.map(Some).ok_or_else(refusal)
    }

    /// One of the values that have a word.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(text) = self.word(name)? else { return Ok(None) };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(one_of(name, choices.iter().map(|(word, _)| *word))),
        }
    }

    /// The page to show. A `smallest` of 0 takes a limit of 0 for none.
    pub fn window(&self, smallest: u32) -> Result<Window, Failure> {
        let limit = match self.number("limit", smallest..=LARGEST_PAGE)? {
            None | Some(0) => USUAL_PAGE,
            Some(limit) => limit,
        };
        let page = self.number("page_number", 1..=u32::MAX)?.unwrap_or(1);
        let start = Start::Skip(u64::from(page - 1) * u64::from(limit));
        Ok(Window { limit, start, direction: self.direction()? })
    }

    fn direction(&self) -> Result<Direction, Failure> {
        match self.word("order_direction")?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("desc") => Ok(Direction::Descending),
            Some("asc") => Ok(Direction::Ascending),
            Some(_) => Err(one_of("order_direction", ["asc", "desc"])),
        }
    }
}

fn one_of<'a>(name: &str, words: impl IntoIterator<Item = &'a str>) -> Failure {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    Failure::invalid(format!("{name}: must be one of {}", words.join(", ")))
}

/// The words of [`Words::window`], for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Words::window` reads")]
pub struct Paging {
    /// At most this many rows.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// Which page, from 1.
    #[param(minimum = 1, default = 1)]
    page_number: Option<u32>,
    /// Which way the list runs.
    #[param(inline)]
    order_direction: Option<DirectionWord>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(default = "desc")]
enum DirectionWord {
    Asc,
    Desc,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(said: &[(&str, &str)]) -> Words {
        Words(said.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    fn skipped(said: &[(&str, &str)]) -> Result<(u32, Start), String> {
        words(said).window(1).map(|window| (window.limit, window.start)).map_err(|error| error.to_string())
    }

    #[test]
    fn pages_are_counted_from_one_and_have_a_size() {
        assert_eq!(skipped(&[]), Ok((50, Start::Skip(0))));
        assert_eq!(skipped(&[("limit", "7"), ("page_number", "3")]), Ok((7, Start::Skip(14))));
        let largest = [("limit", "1000"), ("page_number", "4294967295")];
        assert_eq!(skipped(&largest), Ok((1000, Start::Skip(4_294_967_294_000))));
        for bad in ["0", "1001", "-1", "ten", "", "1.5"] {
            assert_eq!(skipped(&[("limit", bad)]), Err("limit: must be a whole number from 1 to 1000".to_owned()));
        }
        for bad in ["0", "-1", "4294967296", "x"] {
            let refused = "page_number: must be a whole number from 1 to 4294967295".to_owned();
            assert_eq!(skipped(&[("page_number", bad)]), Err(refused));
        }
    }

    #[test]
    fn a_limit_of_zero_is_none_where_it_is_taken() {
        assert_eq!(words(&[("limit", "0")]).window(0).map(|window| window.limit).ok(), Some(50));
    }

    #[test]
    fn a_direction_is_a_word_in_any_case() {
        let runs = |word| words(&[("order_direction", word)]).window(1).map(|window| window.direction).ok();
        assert_eq!(
            (runs("ASC"), runs("Desc"), runs("up")),
            (Some(Direction::Ascending), Some(Direction::Descending), None)
        );
    }

    #[test]
    fn an_unknown_choice_is_told_the_known_ones() {
        let choices = [("id", 1), ("name", 2)];
        let chosen = |said| words(said).choice("order_by", &choices).map_err(|error| error.to_string());
        assert_eq!(chosen(&[]), Ok(None));
        assert_eq!(chosen(&[("order_by", "id"), ("order_by", "name")]), Ok(Some(2)));
        assert_eq!(chosen(&[("order_by", "agents")]), Err("order_by: must be one of `id`, `name`".to_owned()));
    }
}
