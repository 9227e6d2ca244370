//! What the specification asks of a query before it is executed, and the library does not.

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};
use async_graphql_value::Value;
use std::collections::HashSet;

/// Why a query is not executed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It writes, and was asked in a way that must not.
    #[error("GET is for queries only")]
    Writes,
    /// A variable without a default, that cannot be null, is missing or null.
    #[error("variable `${0}` of required type `{1}` was not provided")]
    Missing(String, String),
    /// The library would do it twice, where the specification merges the two into one.
    #[error("`{0}` is selected twice: give each mutation a name of its own")]
    Twice(String),
}

/// Gives the variables that are left out, and say whether something is asked at all, the defaults of the operation that
/// `name` chooses. The library does that where a value is an argument, and takes these for false: what is to be skipped it
/// would do. The others are its own matter: it holds them against all operations of the document.
pub fn fill(document: &ExecutableDocument, name: Option<&str>, variables: &mut Variables) {
    let Some(operation) = chosen(document, name) else { return };
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let defaults =
        definitions.filter_map(|definition| Some((&definition.name.node, &definition.default_value.as_ref()?.node)));
    let mut left_out = defaults.filter(|(name, _)| !variables.contains_key(*name)).collect::<Vec<_>>();
    if left_out.is_empty() {
        return;
    }
    let conditions = Conditions::of(document, operation);
    left_out.retain(|(name, _)| conditions.taken.contains(name));
    variables.extend(left_out.into_iter().map(|(name, default)| (name.clone(), default.clone())));
}

/// Whether the operation that `name` chooses may be executed. One that is not there is the library's to name.
pub fn check(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: &Variables,
    writing: bool,
) -> Result<(), Unfit> {
    let Some(operation) = chosen(document, name) else { return Ok(()) };
    if !writing && operation.ty != OperationType::Query {
        return Err(Unfit::Writes);
    }
    let missing = operation.variable_definitions.iter().map(|definition| &definition.node).find(|definition| {
        let required = !definition.var_type.node.nullable && definition.default_value.is_none();
        let value = variables.get(&definition.name.node);
        required && value.is_none_or(|value| *value == async_graphql::Value::Null)
    });
    if let Some(missing) = missing {
        return Err(Unfit::Missing(missing.name.node.to_string(), missing.var_type.node.to_string()));
    }
    if operation.ty == OperationType::Mutation {
        once(document, &operation.selection_set.node, &mut HashSet::new())?;
    }
    Ok(())
}

/// The name of the operation that `name` chooses, if it has one.
pub fn name_of<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a str> {
    let DocumentOperations::Multiple(operations) = &document.operations else { return None };
    let chosen = match name {
        Some(name) => operations.keys().find(|known| known.as_str() == name),
        None => operations.keys().next().filter(|_| operations.len() == 1),
    };
    chosen.map(Name::as_str)
}

/// The word for what the operation that `name` chooses is: `query`, `mutation` or `subscription`.
pub fn word(document: &ExecutableDocument, name: Option<&str>) -> &'static str {
    match chosen(document, name).map(|operation| operation.ty) {
        Some(OperationType::Mutation) => "mutation",
        Some(OperationType::Subscription) => "subscription",
        Some(OperationType::Query) | None => "query",
    }
}

fn chosen<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(&operation.node),
        (DocumentOperations::Multiple(operations), Some(name)) => Some(&operations.get(name)?.node),
        (DocumentOperations::Multiple(operations), None) => {
            operations.values().next().filter(|_| operations.len() == 1).map(|operation| &operation.node)
        }
    }
}

/// Each field of a mutation, fragments included, has a key of its own.
fn once<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, keys: &mut HashSet<&'a str>) -> Result<(), Unfit> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let key = field.node.response_key().node.as_str();
                if !keys.insert(key) {
                    return Err(Unfit::Twice(key.to_owned()));
                }
            }
            Selection::InlineFragment(inline) => once(document, &inline.node.selection_set.node, keys)?,
            Selection::FragmentSpread(spread) => {
                let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) else { continue };
                once(document, &fragment.node.selection_set.node, keys)?;
            }
        }
    }
    Ok(())
}

/// The variables that say whether something is asked at all, in one operation and the fragments that it spreads.
#[derive(Default)]
struct Conditions<'a> {
    taken: HashSet<&'a Name>,
    spread: HashSet<&'a Name>,
}

impl<'a> Conditions<'a> {
    fn of(document: &'a ExecutableDocument, operation: &'a OperationDefinition) -> Self {
        let mut conditions = Self::default();
        conditions.add(document, &operation.selection_set.node);
        conditions
    }

    fn add(&mut self, document: &'a ExecutableDocument, set: &'a SelectionSet) {
        for selection in &set.items {
            let (directives, mut below) = parts(&selection.node);
            let asks = directives.iter().filter(|directive| ["skip", "include"].contains(&&*directive.node.name.node));
            for value in asks.filter_map(|directive| directive.node.get_argument("if")) {
                if let Value::Variable(name) = &value.node {
                    self.taken.insert(name);
                }
            }
            // Once, however often it is spread.
            if let Selection::FragmentSpread(spread) = &selection.node
                && self.spread.insert(&spread.node.fragment_name.node)
            {
                let fragment = document.fragments.get(&spread.node.fragment_name.node);
                below = fragment.map(|fragment| &fragment.node.selection_set.node);
            }
            if let Some(below) = below {
                self.add(document, below);
            }
        }
    }
}

/// The directives of a selection, and what is selected below it.
const fn parts(selection: &Selection) -> (&Vec<Positioned<Directive>>, Option<&SelectionSet>) {
    match selection {
        Selection::Field(field) => (&field.node.directives, Some(&field.node.selection_set.node)),
        Selection::InlineFragment(inline) => (&inline.node.directives, Some(&inline.node.selection_set.node)),
        Selection::FragmentSpread(spread) => (&spread.node.directives, None),
    }
}

/// The variables that stand within a list or an object somewhere in the document.
pub fn nested_variables(document: &ExecutableDocument) -> HashSet<Name> {
    let mut nested = HashSet::new();
    let operations = document.operations.iter().map(|(_, operation)| &operation.node);
    for operation in operations.clone() {
        in_directives(&operation.directives, &mut nested);
        in_selections(&operation.selection_set.node, &mut nested);
    }
    for fragment in document.fragments.values() {
        in_directives(&fragment.node.directives, &mut nested);
        in_selections(&fragment.node.selection_set.node, &mut nested);
    }
    nested
}

fn in_selections(set: &SelectionSet, nested: &mut HashSet<Name>) {
    for selection in &set.items {
        if let Selection::Field(field) = &selection.node {
            field.node.arguments.iter().for_each(|(_, value)| in_value(&value.node, nested));
        }
        let (directives, below) = parts(&selection.node);
        in_directives(directives, nested);
        if let Some(below) = below {
            in_selections(below, nested);
        }
    }
}

fn in_directives(directives: &[Positioned<Directive>], nested: &mut HashSet<Name>) {
    let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
    arguments.for_each(|(_, value)| in_value(&value.node, nested));
}

fn in_value(value: &Value, nested: &mut HashSet<Name>) {
    if let Value::List(items) = value {
        for item in items {
            within(item, nested);
        }
    }
    if let Value::Object(fields) = value {
        for field in fields.values() {
            within(field, nested);
        }
    }
}

fn within(value: &Value, nested: &mut HashSet<Name>) {
    if let Value::Variable(name) = value {
        nested.insert(name.clone());
    }
    in_value(value, nested);
}
