//! Bounds on a query that hold before the library looks at it.
//!
//! Depth and complexity are the library's to count, but it counts them by walking every fragment where
//! it is spread, and a few fragments that spread each other twice are a walk without end.

use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet},
};
use std::collections::HashMap;

/// The most requests of a batch.
pub const BATCH: usize = 10;
/// The most fields of a query, counting a fragment's wherever it is spread.
const FIELDS: usize = 10_000;
/// The deepest nesting of selections, counting fragments.
const DEPTH: usize = 64;
/// The deepest nesting of brackets, which the parser meets with its stack.
const BRACKETS: usize = 200;

/// Why a query is not looked at.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Brackets within brackets.
    #[error("the query nests more than {BRACKETS} brackets")]
    Brackets,
    /// Too many fields.
    #[error("the query selects more than {FIELDS} fields, counting a fragment's wherever it is spread")]
    Fields,
    /// Selections within selections, or fragments that spread themselves.
    #[error("the query nests more than {DEPTH} selections, or a fragment spreads itself")]
    Depth,
}

/// Bounds what the parser is given. Brackets in texts count: a bound need not be exact.
pub fn text(query: &str) -> Result<(), TooMuch> {
    let mut open = 0_usize;
    for byte in query.bytes() {
        match byte {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > BRACKETS {
            return Err(TooMuch::Brackets);
        }
    }
    Ok(())
}

/// Bounds what the validator is given.
pub fn document(document: &ExecutableDocument) -> Result<(), TooMuch> {
    let mut count = Count { fragments: &document.fragments, known: HashMap::new() };
    let mut fields = 0;
    for (_, operation) in document.operations.iter() {
        fields += count.fields(&operation.node.selection_set.node, 0)?;
    }
    for name in document.fragments.keys() {
        count.spread(name, 0)?;
    }
    if fields > FIELDS { Err(TooMuch::Fields) } else { Ok(()) }
}

/// Counts fields, each fragment once.
struct Count<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    known: HashMap<&'a str, usize>,
}

impl<'a> Count<'a> {
    fn fields(&mut self, set: &'a SelectionSet, depth: usize) -> Result<usize, TooMuch> {
        if depth > DEPTH {
            return Err(TooMuch::Depth);
        }
        let mut fields = 0_usize;
        for selection in &set.items {
            fields += match &selection.node {
                Selection::Field(field) => 1 + self.fields(&field.node.selection_set.node, depth + 1)?,
                Selection::InlineFragment(inline) => self.fields(&inline.node.selection_set.node, depth + 1)?,
                Selection::FragmentSpread(spread) => self.spread(&spread.node.fragment_name.node, depth + 1)?,
            };
            if fields > FIELDS {
                return Err(TooMuch::Fields);
            }
        }
        Ok(fields)
    }

    fn spread(&mut self, name: &str, depth: usize) -> Result<usize, TooMuch> {
        // A fragment that does not exist is the validator's to name.
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Ok(0) };
        if let Some(fields) = self.known.get(name.as_str()) {
            return Ok(*fields);
        }
        let fields = self.fields(&fragment.node.selection_set.node, depth)?;
        self.known.insert(name, fields);
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn count(query: &str) -> Result<(), TooMuch> {
        text(query)?;
        document(&parse_query(query).unwrap())
    }

    #[test]
    fn an_ordinary_query_passes() {
        assert_eq!(count("{ a { ...f ... { c } } } fragment f on A { b(x: [[{y: 1}]]) }"), Ok(()));
    }

    #[test]
    fn fragments_that_double_each_other_are_counted_without_walking_them() {
        use std::fmt::Write as _;
        let mut query = "{ ...f0 }".to_owned();
        for n in 0..40 {
            let _ = write!(query, " fragment f{n} on Q {{ ...f{0} ...f{0} }}", n + 1);
        }
        query.push_str(" fragment f40 on Q { a }");
        assert_eq!(count(&query), Err(TooMuch::Fields));
    }

    #[test]
    fn a_fragment_that_spreads_itself_ends() {
        assert_eq!(count("{ ...f } fragment f on Q { ...f ...f }"), Err(TooMuch::Depth));
        assert_eq!(count("{ a } fragment f on Q { ...g } fragment g on Q { ...f }"), Err(TooMuch::Depth));
    }

    #[test]
    fn brackets_end_before_the_stack_does() {
        for bracket in ["{", "[", "(", "{a(x:["] {
            assert_eq!(text(&bracket.repeat(100_000)), Err(TooMuch::Brackets), "{bracket}");
        }
        let deepest = "{a".repeat(BRACKETS - 1);
        assert_eq!(text(&deepest), Ok(()));
        assert!(parse_query(&deepest).is_err());
    }
}
