//! Documents that were looked at before.
//!
//! Callers ask the same few documents over and over, and reading one costs more than answering it:
//! parsing and validating were half of the processor time of a small query. What was found out about a
//! text is kept, as long as there is room for it.

use super::{
    document::{name_of, nested_variables},
    errors, limits,
};
use crate::Limits;
use async_graphql::{
    Name, Request, ServerError, ValidationResult, Value, Variables,
    extensions::{ExtensionContext, NextValidation},
    parser::{
        parse_query,
        types::{BaseType, ExecutableDocument},
    },
};
use moka::sync::Cache;
use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The room for texts, in bytes. What is kept of a text takes some thirty times as much.
const ROOM: u64 = 256 * 1024;
/// How many sets of variables a document is known to be valid with, and how large each may be, in bytes.
const SETS: usize = 32;
const SET_BYTES: usize = 1024;
/// The longest document that gets suggestions, in bytes.
const SHORT: usize = 4096;

/// Documents by their text. It keeps those that are asked again, and a flood of new ones does not drive
/// them out.
pub struct Documents {
    known: Cache<String, Arc<Document>>,
    limits: Limits,
}

impl Documents {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        let weight = |text: &String, _: &Arc<Document>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self { known: Cache::builder().weigher(weight).max_capacity(ROOM).build(), limits }
    }

    /// The document of this text, unless it is none or too large.
    pub fn read(&self, text: String) -> Result<Arc<Document>, ServerError> {
        if let Some(known) = self.known.get(&text) {
            return Ok(known);
        }
        let document = Arc::new(self.make(&text)?);
        self.known.insert(text, Arc::clone(&document));
        Ok(document)
    }

    /// The same, for whoever keeps the document, because it is trusted.
    pub fn keep(&self, text: &str) -> Result<Arc<Document>, ServerError> {
        Ok(Arc::new(Document { trusted: true, ..self.make(text)? }))
    }

    fn make(&self, text: &str) -> Result<Document, ServerError> {
        limits::text(text, &self.limits).map_err(errors::too_much)?;
        let parsed = parse_query(text).map_err(errors::unparsed)?;
        let counted = limits::document(&parsed).map_err(errors::too_much)?;
        Ok(Document::of(parsed, text.len() <= SHORT, counted, self.limits))
    }
}

/// One document, and what is known about it.
pub struct Document {
    parsed: ExecutableDocument,
    trusted: bool,
    short: bool,
    counted: limits::Counted,
    limits: Limits,
    /// The variables of which any text is as valid as any other.
    free: HashSet<Name>,
    valid: Mutex<HashMap<String, ValidationResult>>,
}

impl Document {
    fn of(parsed: ExecutableDocument, short: bool, counted: limits::Counted, limits: Limits) -> Self {
        let mut free = HashSet::new();
        // Within a list or an object, a text may stand where an enumeration belongs.
        let mut bound = nested_variables(&parsed);
        for (_, operation) in parsed.operations.iter() {
            for variable in &operation.node.variable_definitions {
                let name = variable.node.name.node.clone();
                match &variable.node.var_type.node.base {
                    BaseType::Named(base) if base == "ID" || base == "String" => free.insert(name),
                    BaseType::Named(_) | BaseType::List(_) => bound.insert(name),
                };
            }
        }
        free.retain(|name| !bound.contains(name));
        Self { parsed, trusted: false, short, counted, limits, free, valid: Mutex::default() }
    }

    /// The document, parsed.
    pub const fn parsed(&self) -> &ExecutableDocument {
        &self.parsed
    }

    /// The name of the operation in it that `name` chooses, if the deployment trusts the document. Nobody can make
    /// up one of these.
    pub fn trusted_name(&self, name: Option<&str>) -> Option<&str> {
        self.trusted.then(|| name_of(&self.parsed, name).unwrap_or("unnamed"))
    }

    /// Whether it is so short that a person may have typed it.
    pub const fn is_short(&self) -> bool {
        self.short
    }

    /// Whether it asks about the schema.
    pub const fn asks_about_schema(&self) -> bool {
        self.counted.asks_about_schema()
    }

    /// A request for it.
    pub fn request(self: &Arc<Self>, variables: Variables) -> Request {
        let mut request = Request::new("").data(Asked { document: Arc::clone(self), set: self.set(&variables) });
        request.set_parsed_query(self.parsed.clone());
        request.variables(variables)
    }

    /// All in the variables that its validity depends on, unless that is too much to keep.
    fn set(&self, variables: &Variables) -> Option<String> {
        let mut set = String::new();
        for (name, value) in &**variables {
            let free = matches!(value, Value::String(_)) && self.free.contains(name);
            let written = if free { write!(set, "{name},") } else { write!(set, "{name}={value},") };
            written.ok().filter(|()| set.len() <= SET_BYTES)?;
        }
        Some(set)
    }

    fn valid(&self) -> MutexGuard<'_, HashMap<String, ValidationResult>> {
        // Nothing panics while it holds the lock, so a poisoned lock is whole.
        self.valid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document, and the variables it is asked with.
struct Asked {
    document: Arc<Document>,
    set: Option<String>,
}

/// Validates a request made by [`Document::request`], unless it is known to be valid, and holds it against the
/// bounds. Its complexity is what it answers.
pub async fn validate(
    ctx: &ExtensionContext<'_>,
    next: NextValidation<'_>,
) -> Result<ValidationResult, Vec<ServerError>> {
    let Some(Asked { document, set }) = ctx.data_opt::<Asked>() else { return next.run(ctx).await };
    let known = set.as_ref().and_then(|set| document.valid().get(set).copied());
    let valid = match known {
        Some(valid) => valid,
        None => next.run(ctx).await?,
    };
    if let (None, Some(set)) = (known, set) {
        let mut all = document.valid();
        if all.len() == SETS {
            all.clear();
        }
        all.insert(set.clone(), valid);
    }
    let admitted = document.counted.admit(valid, &document.limits);
    let complexity = admitted.map_err(|too_much| vec![errors::too_much(too_much)])?;
    Ok(ValidationResult { complexity, ..valid })
}
