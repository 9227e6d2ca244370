//! What the console's page is made of.

use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, sync::LazyLock};

/// A file that the page loads.
pub struct Asset {
    name: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(Asset { name: $name, bytes: include_bytes!(concat!("../../assets/console/", $name)) }),*]
    };
}

const ASSETS: &[Asset] = assets![
    "access.js",
    "actions.js",
    "api.js",
    "base.css",
    "checkpoint.js",
    "console.css",
    "conversation.js",
    "create.js",
    "dialog.js",
    "dom.js",
    "icon.svg",
    "json.js",
    "list.js",
    "main.js",
    "operations.js",
    "permissions.js",
    "route.js",
    "shortcuts.js",
    "signin.js",
    "task.js",
    "theme.js",
];

impl Asset {
    /// The asset of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.name == name)
    }

    /// Its media type.
    pub fn media(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        }
    }
}

/// What tells these assets from those of any other build: half a digest of them all, in hexadecimal digits.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in ASSETS {
        digest.update(asset.name);
        digest.update(asset.bytes.len().to_le_bytes());
        digest.update(asset.bytes);
    }
    digest.finalize().iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
});

/// The page, with the version in its addresses.
pub static PAGE: LazyLock<String> =
    LazyLock::new(|| include_str!("../../assets/console/page.html").replace("{version}", &VERSION));
