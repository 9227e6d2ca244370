//! What is added to the library, in one extension: each costs a future for every field.
//!
//! - A failed nullable field answers `null` with its error, and nothing else in the response changes.
//!   That is what the GraphQL specification says; async-graphql 7.0.17 by itself gives up the whole
//!   parent object.
//! - What is known to be valid is not validated again; and the caller pays for what is executed.
//! - Of a request that is traced, fields that have fields are spans.

use super::{access::Session, documents, errors};
use crate::telemetry;
use async_graphql::{
    Response, ServerError, ServerResult, ValidationResult, Value,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, NextValidation, ResolveInfo,
    },
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tracing::{Instrument as _, Span};

/// The extension.
pub struct Hooks;

impl ExtensionFactory for Hooks {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Caught::default())
    }
}

/// The errors of nullable fields of one request.
#[derive(Default)]
struct Caught {
    errors: Mutex<Vec<ServerError>>,
    traced: AtomicBool,
}

/// The span of a field; none, of one that is only read off its parent, and of an item of a list.
fn span(info: &ResolveInfo<'_>) -> Span {
    if info.field.selection_set.node.items.is_empty() || info.parent_type.starts_with('[') {
        return Span::none();
    }
    let name = format_args!("{}.{}", info.parent_type, info.name);
    tracing::debug_span!("field", otel.name = %name, graphql.field.path = %info.path_node)
}

#[async_trait::async_trait]
impl Extension for Caught {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let valid = documents::validate(ctx, next).await?;
        // What is refused has cost nobody anything; what is executed is paid for first.
        if let Some(session) = ctx.data_opt::<Arc<Session>>() {
            session.spend(valid.complexity).await.map_err(|failure| vec![errors::of(&failure)])?;
        }
        Ok(valid)
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let nullable = !info.return_type.ends_with('!');
        let span = if self.traced.load(Ordering::Relaxed) { span(&info) } else { Span::none() };
        let resolved =
            if span.is_none() { next.run(ctx, info).await } else { next.run(ctx, info).instrument(span).await };
        match resolved {
            Err(error) if nullable => {
                self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                Ok(Some(Value::Null))
            }
            answer => answer,
        }
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, operation: Option<&str>, next: NextExecute<'_>) -> Response {
        self.traced.store(telemetry::sampled(), Ordering::Relaxed);
        let mut response = next.run(ctx, operation).await;
        response.errors.append(&mut self.errors.lock().unwrap_or_else(PoisonError::into_inner));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Hooks;
    use async_graphql::{EmptyMutation, EmptySubscription, Error, Object, Result, Schema};
    use serde_json::{Value, json};

    struct Child;

    async fn fail<T>() -> Result<T> {
        tokio::task::yield_now().await;
        Err(Error::new("no"))
    }

    #[Object(name = "Child")]
    impl Child {
        async fn slow(&self) -> i32 {
            tokio::task::yield_now().await;
            1
        }
        async fn fast(&self) -> i32 {
            2
        }
        async fn nullable(&self) -> Result<Option<i32>> {
            fail().await
        }
        async fn required(&self) -> Result<i32> {
            fail().await
        }
        async fn child(&self) -> Option<Self> {
            Some(Self)
        }
        async fn children(&self) -> Vec<Option<Self>> {
            vec![Some(Self), Some(Self)]
        }
    }

    /// The data, and the paths of the errors.
    async fn ask(query: &str) -> (Value, Vec<Value>) {
        let schema = Schema::build(Child, EmptyMutation, EmptySubscription).extension(Hooks).finish();
        let response = serde_json::to_value(schema.execute(query).await).unwrap();
        let errors = response["errors"].as_array().into_iter().flatten();
        (response["data"].clone(), errors.map(|error| error["path"].clone()).collect())
    }

    #[tokio::test]
    async fn a_nullable_field_is_null_and_its_siblings_stay() {
        let answer = ask("{ child { fast nullable } fast }").await;
        let expected = json!({"child": {"fast": 2, "nullable": null}, "fast": 2});
        assert_eq!(answer, (expected, vec![json!(["child", "nullable"])]));
    }

    #[tokio::test]
    async fn a_required_field_is_its_parents_null() {
        let answer = ask("{ child { fast required } fast }").await;
        assert_eq!(answer, (json!({"child": null, "fast": 2}), vec![json!(["child", "required"])]));
        let answer = ask("{ child { child { required } fast } }").await;
        assert_eq!(answer.0, json!({"child": {"child": null, "fast": 2}}));
    }

    #[tokio::test]
    async fn an_item_of_a_list_stands_for_itself() {
        let (data, paths) = ask("{ children { nullable } again: children { required } }").await;
        assert_eq!(data, json!({"children": [{"nullable": null}, {"nullable": null}], "again": [null, null]}));
        assert_eq!(paths.len(), 4);
        for path in [json!(["children", 1, "nullable"]), json!(["again", 0, "required"])] {
            assert!(paths.contains(&path), "{path} in {paths:?}");
        }
    }

    #[tokio::test]
    async fn an_alias_is_the_key_and_the_path() {
        let answer = ask("{ a: child { b: child { c: nullable d: fast } } }").await;
        assert_eq!(answer, (json!({"a": {"b": {"c": null, "d": 2}}}), vec![json!(["a", "b", "c"])]));
    }

    #[tokio::test]
    async fn fields_come_in_the_order_asked() {
        let schema = Schema::build(Child, EmptyMutation, EmptySubscription).extension(Hooks).finish();
        let response = schema.execute("{ slow nullable child { slow fast } fast }").await;
        let text = serde_json::to_string(&response.data).unwrap();
        assert_eq!(text, r#"{"slow":1,"nullable":null,"child":{"slow":1,"fast":2},"fast":2}"#);
    }
}
