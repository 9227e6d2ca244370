//! One case for each file.

use super::Engine;
use crate::corpus::{ASSERTIONS, Corpus, FILES};

async fn holds(engine: &Engine, corpus: Result<Corpus, String>) {
    let wrong = corpus.unwrap().run(engine).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! cases {
    ($($case:ident: $file:literal),+ $(,)?) => { $(
        pub(super) async fn $case(engine: &Engine) {
            let (_, text) = FILES.iter().find(|(name, _)| *name == $file).unwrap();
            holds(engine, Corpus::read($file, text)).await;
        }
    )+

    #[cfg(test)]
    const CASES: &[&str] = &[$($file),+]; };
}
cases! {
    roles_on_tasks: "roles-on-tasks",
    tenant_gate: "tenant-gate",
    agents_and_runtimes: "agents-and-runtimes",
    api_keys: "api-keys",
    strangers_and_odd_ids: "strangers-and-odd-ids",
    revoked: "revoked",
    many: "many",
}

pub(super) async fn schema_assertions(engine: &Engine) {
    holds(engine, Corpus::read_assertions(ASSERTIONS)).await;
}

#[test]
fn every_file_is_a_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.filter_map(|file| file.strip_suffix(".yaml").map(str::to_owned)).collect();
    let mut cases = CASES.to_vec();
    files.sort_unstable();
    cases.sort_unstable();
    assert_eq!(files, cases);
    assert_eq!(FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), CASES);
}
