//! Documents that are asked by name.
//!
//! *Trusted* documents are the operator's, read when the gateway starts. Where only they are answered, nobody can
//! ask anything that was not reviewed. *Persisted* ones are left here by callers, and asked again by their digest:
//! that saves the way, and trusts nobody.

use super::{
    documents::{Document, Documents},
    errors,
};
use crate::config::GraphQl;
use anyhow::Context as _;
use async_graphql::ServerError;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use std::{collections::HashMap, fmt::Write as _, fs, path::Path, sync::Arc};

/// The room for the texts that callers leave here, in bytes.
const ROOM: u64 = 4 * 1024 * 1024;

/// Which document is asked for.
pub struct Wanted {
    /// Its text.
    pub text: Option<String>,
    /// Its id, of a trusted document's, or `sha256:` and its digest.
    pub id: Option<String>,
    /// Its digest, in lower-case hexadecimal digits.
    pub hash: Option<String>,
}

/// Why a document is not found.
#[derive(Debug, thiserror::Error)]
pub enum Unfound {
    /// None is asked for.
    #[error("`query` is missing")]
    Nothing,
    /// It is not the one it is said to be.
    #[error("`sha256Hash` is not the digest of `query`")]
    Mismatch,
    /// It is not here, and may be left here.
    #[error("PersistedQueryNotFound")]
    Unknown,
    /// Documents cannot be left here.
    #[error("PersistedQueryNotSupported")]
    Unsupported,
    /// Only trusted ones are answered.
    #[error("this document is not trusted here")]
    Untrusted,
    /// It is not GraphQL, or too large.
    #[error("{}", .0.message)]
    Unreadable(Box<ServerError>),
}

impl Unfound {
    /// What callers are told, of a request that is one.
    pub fn error(self) -> ServerError {
        match self {
            Self::Nothing | Self::Mismatch => errors::said(errors::BAD_REQUEST, &self),
            Self::Unknown => errors::said(errors::PERSISTED_NOT_FOUND, &self),
            Self::Unsupported => errors::said(errors::PERSISTED_NOT_SUPPORTED, &self),
            Self::Untrusted => errors::said(errors::NOT_TRUSTED, &self),
            Self::Unreadable(error) => *error,
        }
    }
}

/// All documents there are.
pub struct Persisted {
    documents: Documents,
    trusted: HashMap<String, Arc<Document>>,
    only_trusted: bool,
    left: Option<Cache<String, Arc<str>>>,
}

impl Persisted {
    /// Reads the trusted ones. One that is not a document, or too large, is an error that names it.
    pub fn open(settings: &GraphQl, documents: Documents) -> anyhow::Result<Self> {
        let mut trusted = HashMap::new();
        if let Some(path) = &settings.trusted_documents {
            let texts = read(path)
                .with_context(|| format!("configuration key `graphql.trusted_documents`: {}", path.display()))?;
            for (id, text) in texts {
                let document = documents.keep(&text).map_err(|error| {
                    let message = error.message;
                    anyhow::anyhow!("configuration key `graphql.trusted_documents`: document `{id}`: {message}")
                })?;
                trusted.insert(digest(&text), Arc::clone(&document));
                trusted.insert(id, document);
            }
        }
        let left = (settings.persisted_documents && !settings.only_trusted).then(|| {
            let weight = |hash: &String, text: &Arc<str>| u32::try_from(hash.len() + text.len()).unwrap_or(u32::MAX);
            Cache::builder().weigher(weight).max_capacity(ROOM).build()
        });
        Ok(Self { documents, trusted, only_trusted: settings.only_trusted, left })
    }

    /// The document that is asked for.
    pub fn find(&self, wanted: Wanted) -> Result<Arc<Document>, Unfound> {
        let Some(text) = wanted.text else {
            let id = wanted.id.or(wanted.hash).ok_or(Unfound::Nothing)?;
            return self.known(id.strip_prefix("sha256:").unwrap_or(&id));
        };
        if self.only_trusted {
            return self.trusted.get(&digest(&text)).cloned().ok_or(Unfound::Untrusted);
        }
        let Some(hash) = wanted.hash else { return self.readable(text) };
        if digest(&text) != hash {
            return Err(Unfound::Mismatch);
        }
        let left = self.left.as_ref().ok_or(Unfound::Unsupported)?;
        let kept: Arc<str> = text.as_str().into();
        let document = self.readable(text)?;
        left.insert(hash, kept);
        Ok(document)
    }

    fn known(&self, id: &str) -> Result<Arc<Document>, Unfound> {
        if let Some(trusted) = self.trusted.get(id) {
            return Ok(Arc::clone(trusted));
        }
        if self.only_trusted {
            return Err(Unfound::Untrusted);
        }
        let left = self.left.as_ref().ok_or(Unfound::Unsupported)?;
        let text = left.get(id).ok_or(Unfound::Unknown)?;
        self.readable(text.to_string())
    }

    fn readable(&self, text: String) -> Result<Arc<Document>, Unfound> {
        self.documents.read(text).map_err(|error| Unfound::Unreadable(Box::new(error)))
    }
}

/// The documents of a file or a folder, each with its id.
fn read(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    if !path.is_dir() {
        let texts: HashMap<String, String> = serde_json::from_slice(&fs::read(path)?)?;
        return Ok(texts.into_iter().collect());
    }
    let mut texts = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "graphql") {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            texts.push((digest(&text), text));
        }
    }
    Ok(texts)
}

/// The SHA-256 digest of a text, in lower-case hexadecimal digits.
fn digest(text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
