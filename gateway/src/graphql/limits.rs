//! Bounds on a query that hold before the library looks at it, each in one pass over the text or over what was
//! parsed of it.
//!
//! What can be counted in the text is counted there: nothing is built of a document that is refused for it.
//! Depth and complexity are the library's to count, but it counts them by walking every fragment where it is
//! spread, and a few fragments that spread each other twice are a walk without end.

use super::lexer::Tokens;
use crate::Limits;
use async_graphql::{
    Name, Positioned, ValidationResult,
    parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet},
};
use std::collections::HashMap;

/// The most fields of a query, counting a fragment's wherever it is spread.
const FIELDS: usize = 10_000;
/// The most of them at the root, where each costs a question to the engine.
const ROOTS: usize = 100;
/// The deepest nesting of selections, counting fragments.
const NESTING: usize = 64;
/// The deepest nesting of brackets, which the parser meets with its stack.
const BRACKETS: usize = 200;
/// The deepest nesting of lists in a question about the schema. GraphiQL asks for three.
const SCHEMA_LISTS: usize = 3;
/// What a field of a question about the schema adds to the complexity: there are as many types.
const SCHEMA_FIELD: usize = 50;

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The length of the text.
    Bytes,
    /// Names, texts, numbers and signs.
    Tokens,
    /// Brackets within brackets. Those in texts count, since a bound need not be exact.
    Brackets,
    /// Fields with another name.
    Aliases,
    /// Directives, wherever they stand.
    Directives,
    /// Fields, a fragment's wherever it is spread.
    Fields,
    /// Fields at the root.
    Roots,
    /// Selections within selections, or fragments that spread themselves.
    Nesting,
    /// Lists within lists of the schema.
    Introspection,
    /// Fields within fields.
    Depth,
    /// Fields, times the sizes of the pages they are in.
    Complexity,
}

impl Bound {
    /// The word on wires.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Tokens => "tokens",
            Self::Brackets => "brackets",
            Self::Aliases => "aliases",
            Self::Directives => "directives",
            Self::Fields => "fields",
            Self::Roots => "rootFields",
            Self::Nesting => "nesting",
            Self::Introspection => "introspection",
            Self::Depth => "depth",
            Self::Complexity => "complexity",
        }
    }

    const fn said(self) -> &'static str {
        match self {
            Self::Bytes => "is longer than it may be, in bytes",
            Self::Tokens => "has too many tokens",
            Self::Brackets => "nests too many brackets",
            Self::Aliases => "has too many aliases",
            Self::Directives => "has too many directives",
            Self::Fields => "selects too many fields, counting a fragment's wherever it is spread",
            Self::Roots => "selects too many fields at its root, counting a fragment's wherever it is spread",
            Self::Nesting => "nests too many selections, or a fragment spreads itself",
            Self::Introspection => "nests too many lists of the schema",
            Self::Depth => "is nested too deep",
            Self::Complexity => "is too complex, counting each field as often as its page is long",
        }
    }
}

/// Why a query is not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query {}; the most is {most}", .bound.said())]
pub struct TooMuch {
    /// What there is too much of.
    pub bound: Bound,
    /// How much of it there may be.
    pub most: usize,
}

const fn within(count: usize, bound: Bound, most: usize) -> Result<(), TooMuch> {
    if count > most { Err(TooMuch { bound, most }) } else { Ok(()) }
}

/// Bounds what the parser is given.
pub fn text(query: &str, limits: &Limits) -> Result<(), TooMuch> {
    within(query.len(), Bound::Bytes, limits.graphql_document_bytes)?;
    let mut open = 0_usize;
    for byte in query.bytes() {
        match byte {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        within(open, Bound::Brackets, BRACKETS)?;
    }
    let (mut tokens, mut arguments, mut aliases, mut directives) = (0, 0_usize, 0, 0);
    for token in Tokens::of(query) {
        tokens += 1;
        match token {
            b'(' => arguments += 1,
            b')' => arguments = arguments.saturating_sub(1),
            // Elsewhere a colon is in brackets: of arguments, or of the types of variables.
            b':' if arguments == 0 => aliases += 1,
            b'@' => directives += 1,
            _ => {}
        }
        within(tokens, Bound::Tokens, limits.graphql_tokens)?;
        within(aliases, Bound::Aliases, limits.graphql_aliases)?;
        within(directives, Bound::Directives, limits.graphql_directives)?;
    }
    Ok(())
}

/// What is found out about a document on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Its fields.
    fields: usize,
    /// Of them, those about the schema.
    schema_fields: usize,
    /// Those at the top of the counted selection.
    tops: usize,
    /// How many lists of the schema are within each other, below the counted selection.
    schema_lists: usize,
}

impl Counted {
    /// Whether it asks about the schema.
    pub const fn asks_about_schema(&self) -> bool {
        self.schema_fields > 0
    }

    fn add(&mut self, other: Self) {
        self.fields += other.fields;
        self.schema_fields += other.schema_fields;
        self.tops += other.tops;
        self.schema_lists = self.schema_lists.max(other.schema_lists);
    }

    /// Bounds what the executor is given: how deep, and at what cost.
    pub fn admit(&self, valid: ValidationResult, limits: &Limits) -> Result<usize, TooMuch> {
        within(valid.depth, Bound::Depth, limits.graphql_depth)?;
        let complexity = valid.complexity.saturating_add(self.schema_fields * SCHEMA_FIELD);
        within(complexity, Bound::Complexity, limits.graphql_complexity)?;
        Ok(complexity)
    }
}

/// Bounds what the validator is given.
pub fn document(document: &ExecutableDocument) -> Result<Counted, TooMuch> {
    let mut count = Count { fragments: &document.fragments, known: HashMap::new() };
    let mut all = Counted::default();
    for (_, operation) in document.operations.iter() {
        let counted = count.set(&operation.node.selection_set.node, 0)?;
        within(counted.tops, Bound::Roots, ROOTS)?;
        all.add(counted);
    }
    for name in document.fragments.keys() {
        count.spread(name, 0)?;
    }
    within(all.fields, Bound::Fields, FIELDS)?;
    Ok(all)
}

/// Counts fields, each fragment once.
struct Count<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    known: HashMap<&'a str, Counted>,
}

impl<'a> Count<'a> {
    fn set(&mut self, set: &'a SelectionSet, depth: usize) -> Result<Counted, TooMuch> {
        within(depth, Bound::Nesting, NESTING)?;
        let mut all = Counted::default();
        for selection in &set.items {
            all.add(match &selection.node {
                Selection::Field(field) => {
                    let below = self.set(&field.node.selection_set.node, depth + 1)?;
                    field_of(&field.node.name.node, below)?
                }
                Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node, depth + 1)?,
                Selection::FragmentSpread(spread) => self.spread(&spread.node.fragment_name.node, depth + 1)?,
            });
            within(all.fields, Bound::Fields, FIELDS)?;
        }
        Ok(all)
    }

    fn spread(&mut self, name: &str, depth: usize) -> Result<Counted, TooMuch> {
        // A fragment that does not exist is the validator's to name.
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Ok(Counted::default()) };
        if let Some(counted) = self.known.get(name.as_str()) {
            return Ok(*counted);
        }
        let counted = self.set(&fragment.node.selection_set.node, depth)?;
        self.known.insert(name, counted);
        Ok(counted)
    }
}

/// A field, and what is below it.
fn field_of(name: &str, below: Counted) -> Result<Counted, TooMuch> {
    let is_list = matches!(name, "types" | "fields" | "inputFields" | "interfaces" | "possibleTypes" | "args");
    let asks = matches!(name, "__schema" | "__type" | "_service");
    if asks {
        within(below.schema_lists, Bound::Introspection, SCHEMA_LISTS)?;
    }
    let fields = below.fields + 1;
    Ok(Counted {
        fields,
        schema_fields: if asks { fields } else { below.schema_fields },
        tops: 1,
        schema_lists: below.schema_lists + usize::from(is_list),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn count(query: &str) -> Result<(), Bound> {
        text(query, &Limits::default()).map_err(|too_much| too_much.bound)?;
        document(&parse_query(query).unwrap()).map(drop).map_err(|too_much| too_much.bound)
    }

    #[test]
    fn an_ordinary_query_passes() {
        let query =
            "query($a: Int = 1) { a { x: b ...f ... @include(if: true) { c } } } fragment f on A { b(x: [[{y: 1}]]) }";
        assert_eq!(count(query), Ok(()));
    }

    #[test]
    fn fragments_that_double_each_other_are_counted_without_walking_them() {
        use std::fmt::Write as _;
        let mut query = "{ ...f0 }".to_owned();
        for n in 0..40 {
            let _ = write!(query, " fragment f{n} on Q {{ ...f{0} ...f{0} }}", n + 1);
        }
        query.push_str(" fragment f40 on Q { a }");
        assert_eq!(count(&query), Err(Bound::Fields));
    }

    #[test]
    fn a_fragment_that_spreads_itself_ends() {
        assert_eq!(count("{ ...f } fragment f on Q { ...f ...f }"), Err(Bound::Nesting));
        assert_eq!(count("{ a } fragment f on Q { ...g } fragment g on Q { ...f }"), Err(Bound::Nesting));
    }

    #[test]
    fn roots_count_as_often_as_they_are_spread() {
        let spread = |times: usize| format!("{{ {} }} fragment f on Q {{ a b }}", "...f ".repeat(times));
        assert_eq!(count(&spread(50)), Ok(()));
        assert_eq!(count(&spread(51)), Err(Bound::Roots));
    }

    #[test]
    fn brackets_end_before_the_stack_does() {
        for bracket in ["{", "[", "(", "{a(x:["] {
            assert_eq!(count(&bracket.repeat(20_000)), Err(Bound::Brackets), "{bracket}");
        }
        let deepest = "{a".repeat(BRACKETS - 1);
        assert_eq!(text(&deepest, &Limits::default()), Ok(()));
        assert!(parse_query(&deepest).is_err());
    }

    #[test]
    fn what_stands_in_the_text_is_counted_there() {
        let limits = Limits { graphql_tokens: 14, graphql_aliases: 1, graphql_directives: 1, ..Limits::default() };
        let of = |query: &str| text(query, &limits).map_err(|too_much| too_much.bound);
        assert_eq!(of("{ a b c d e f g h i j k l }"), Ok(()));
        assert_eq!(of("{ a b c d e f g h i j k l m }"), Err(Bound::Tokens));
        assert_eq!(of("{ a: b(c: {d: 1}) }"), Ok(()), "the colon of an argument gives no name");
        assert_eq!(of("{ a: b c: d }"), Err(Bound::Aliases));
        assert_eq!(of("{ a @b @c }"), Err(Bound::Directives));
        assert_eq!(of("{ a(b: \"@ @ : : : { } ( ) a b c d e f g h i\") }"), Ok(()), "a text is one token");
        assert_eq!(of("# @ @ : : a b c d e f g h i j k l m\n{ a }"), Ok(()), "a comment is none");
    }

    #[test]
    fn questions_about_the_schema_end() {
        assert_eq!(count("{ __schema { types { fields { args { name } } } } }"), Ok(()));
        let bomb = "{ __schema { ...t } } fragment t on S { types { fields { type { fields { type { fields { name } } } } } } }";
        assert_eq!(count(bomb), Err(Bound::Introspection));
        assert_eq!(count("{ fields { args { types { fields { a } } } } }"), Ok(()), "other fields may have such names");
    }
}
