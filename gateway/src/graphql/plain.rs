//! Fields that are only read off a row.
//!
//! The library makes futures for every field of every row, and asks its extensions about each. Where nothing is
//! asked of a thing but what its row says, all of it is read off at once, behind the same permit. Anything else, and
//! whatever goes wrong, is left to the library, which answers the same: a test compares the two.

use super::requires::asks;
use crate::Failure;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Name, ObjectType, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
};
use authz::Action;
use std::borrow::Cow;

/// A thing some of whose fields are only read off its row.
pub trait Plain: ObjectType {
    /// The row.
    type Row: Sync;

    /// Its row, for a viewer who may read it.
    fn row(&self) -> impl Future<Output = Result<&Self::Row, Failure>> + Send;

    /// What a field says, if it takes the row only.
    fn told(&self, row: &Self::Row, field: &str) -> Option<Value>;
}

/// Something that may be such a thing.
pub trait Perhaps: OutputType {
    /// The thing.
    type Plain: Plain;

    /// The thing that it is.
    fn plain(&self) -> Option<&Self::Plain>;
}

/// A thing on its way to the viewer.
pub struct Plainly<T>(pub T);

/// Things that were found, or not, on their way to the viewer.
pub struct Found<T>(pub Vec<Option<Result<T, Failure>>>);

/// The fields asked for, each under the key of its answer.
struct Asked<'a>(Vec<(&'a Name, &'a str)>);

impl<'a> Asked<'a> {
    /// The fields asked of an object called `object`; `None` where more than fields is asked. Some of them need reading it,
    /// so that the gate is asked about that, and none needs more: what does has a permit of its own, whatever it is read off.
    fn of(ctx: &ContextSelectionSet<'a>, object: &str) -> Option<Self> {
        let mut asked = Self(Vec::with_capacity(ctx.item.node.items.len()));
        asked.add(ctx, &ctx.item.node, object)?;
        let mut needed = asked.0.iter().filter_map(|(_, field)| Some(asks(object, field)?.1)).peekable();
        let only_read = needed.peek().is_some() && needed.all(|action| action == Action::Read);
        only_read.then_some(asked)
    }

    fn add(&mut self, ctx: &ContextSelectionSet<'a>, set: &'a SelectionSet, object: &str) -> Option<()> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let is_bare = field.directives.is_empty()
                        && field.arguments.is_empty()
                        && field.selection_set.node.items.is_empty();
                    is_bare.then(|| self.push(&field.response_key().node, field.name.node.as_str()))??;
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    let fits = inline.node.directives.is_empty() && on.is_none_or(|on| on == object);
                    fits.then(|| self.add(ctx, &inline.node.selection_set.node, object))??;
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &ctx.query_env.fragments.get(&spread.node.fragment_name.node)?.node;
                    let fits = spread.node.directives.is_empty() && fragment.type_condition.node.on.node == object;
                    fits.then(|| self.add(ctx, &fragment.selection_set.node, object))??;
                }
            }
        }
        Some(())
    }

    /// Adds a field, once. Two under one key are for the library to choose from.
    fn push(&mut self, key: &'a Name, field: &'a str) -> Option<()> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| *known == key) {
            return (*known == field).then_some(());
        }
        self.0.push((key, field));
        Some(())
    }

    /// What a thing says, if it says all of it.
    async fn told<T: Plain>(&self, thing: &T) -> Option<Value> {
        // What is wrong the library will say, of each field.
        let row = thing.row().await.ok()?;
        let mut told = IndexMap::with_capacity(self.0.len());
        for (key, field) in &self.0 {
            let value = match *field {
                "__typename" => Value::String(T::type_name().into_owned()),
                field => thing.told(row, field)?,
            };
            told.insert((*key).clone(), value);
        }
        Some(Value::Object(told))
    }
}

impl<T: Plain> OutputType for Plainly<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        if let Some(asked) = Asked::of(ctx, &T::type_name())
            && let Some(told) = asked.told(&self.0).await
        {
            return Ok(told);
        }
        self.0.resolve(ctx, field).await
    }
}

impl<T: Plain> ContainerType for Plainly<T> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.0.resolve_field(ctx).await
    }
}

impl<T: Plain> ObjectType for Plainly<T> {}

impl<T: Perhaps> Found<T> {
    /// What all of them say, if all are there.
    async fn told(&self, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
        let asked = Asked::of(ctx, &T::Plain::type_name())?;
        // Before anything is written that would be written again.
        let things = self.0.iter().map(|found| found.as_ref()?.as_ref().ok()?.plain());
        let things = things.collect::<Option<Vec<_>>>()?;
        let mut all = Vec::with_capacity(things.len());
        for thing in things {
            all.push(asked.told(thing).await?);
        }
        Some(Value::List(all))
    }
}

impl<T: Perhaps> OutputType for Found<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<Option<Result<T, Failure>>>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<Option<Result<T, Failure>>>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match self.told(ctx).await {
            Some(told) => Ok(told),
            None => self.0.resolve(ctx, field).await,
        }
    }
}
