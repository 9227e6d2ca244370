//! That the corpus says something: whatever in it is made wrong is noticed, and what cannot be meant is refused.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use authz::{Action, Authorizer, Kind, schema::RULES};
use authz_graph::MemoryGraph;
use conformance::corpus::{ASSERTIONS, Corpus, FILES};
use std::{collections::BTreeSet, sync::Arc};

fn engine() -> Arc<dyn Authorizer> {
    Arc::new(MemoryGraph::new())
}

/// The text with one line made another.
fn with_line(text: &str, number: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(place, old)| if place == number { line } else { old });
    lines.collect::<Vec<_>>().join("\n")
}

/// The lines of a text that hold `word`, with that word made another.
fn each_turned<'a>(text: &'a str, word: &'a str, other: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = text.lines().enumerate().filter(move |(_, line)| line.contains(word));
    lines.map(move |(number, line)| with_line(text, number, &line.replace(word, other)))
}

/// What is wrong with each of these texts, as the runner says it.
async fn said(name: &str, texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut said = Vec::new();
    for text in texts {
        said.push(Corpus::read(name, &text).unwrap().run(&engine()).await.join("\n"));
    }
    said
}

#[tokio::test]
async fn every_answer_counts() {
    for (name, text) in FILES {
        assert_eq!(Corpus::read(name, text).unwrap().run(&engine()).await, [""; 0]);
        let answers = said(name, each_turned(text, " allowed]", " denied]")).await;
        assert!(
            answers.len() > 3 && answers.iter().all(|said| said.contains(" is allowed, not denied")),
            "{answers:#?}"
        );
        let answers = said(name, each_turned(text, " denied]", " allowed]")).await;
        assert!(
            answers.len() > 3 && answers.iter().all(|said| said.contains(" is denied, not allowed")),
            "{answers:#?}"
        );
        let finds = said(name, each_turned(text, "finds: [", "finds: [no-such-id, ")).await;
        assert!(finds.len() > 4 && finds.iter().all(|said| said.contains("no-such-id")), "{finds:#?}");
    }
    let wrong =
        ASSERTIONS.replace("assertTrue", "x").replace("assertFalse", "assertTrue").replace("x:", "assertFalse:");
    let wrong = Corpus::read_assertions(&wrong).unwrap();
    // However fresh they are asked.
    assert_eq!(wrong.run(&engine()).await.len(), wrong.assertions().len() * 2);
}

const SMALL: &str = "
about: A small world.
relationships:
  - [task:plan, owner, user:olga]
  - [task:plan, viewer, user:vera]
revoked:
  - [task:plan, viewer, user:vera]
check:
  - [user:olga, read, task:plan, allowed]
bulk:
  - who: user:olga
    asks:
      - [execute, task:plan, allowed]
lookup:
  - {who: user:olga, action: read, kind: task, finds: [plan]}
";

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_name() {
    assert_eq!(Corpus::read("small", SMALL).unwrap().run(&engine()).await, [""; 0]);
    for (right, wrong, told) in [
        ("task:plan, owner", "tusk:plan, owner", "`tusk:plan`"),
        ("owner, user:olga", "ower, user:olga", "no relation `ower`"),
        ("owner, user:olga", "member, user:olga", "no relation `member`"),
        ("owner, user:olga", "owner, tenant:olga", "`tenant:olga` cannot be owner"),
        ("owner, user:olga", "tenant, user:olga", "`user:olga` cannot be tenant"),
        ("owner, user:olga", "owner, olga", "`olga`"),
        ("[user:olga, read", "[person:olga, read", "`person:olga`"),
        ("[user:olga, read", "[user:olga, raed", "`raed` on task"),
        ("[user:olga, read", "[user:olga, create", "`create` on task"),
        ("read, task:plan, allowed", "read, task:plan, perhaps", "perhaps"),
        ("read, task:plan, allowed", "read, task:plan", ""),
        ("[execute, task:plan", "[execute, 'task:'", "`task:`"),
        ("kind: task", "kind: tusk", "`tusk`"),
        ("kind: task", "sort: task", "sort"),
        ("lookup:", "lookups:", "lookups"),
        ("about: A small world.", "about: ''", "about"),
        (
            "  - [task:plan, viewer, user:vera]\ncheck",
            "  - [task:plan, viewer, user:vero]\ncheck",
            "user:vero is revoked",
        ),
    ] {
        assert!(SMALL.contains(right), "{right}");
        let refused = Corpus::read("small", &SMALL.replacen(right, wrong, 1)).map(drop).unwrap_err();
        assert!(refused.starts_with("small: ") && refused.contains(told), "{wrong}: {refused}");
    }
    for (right, wrong) in [
        ("schema.zed", "other.zed"),
        ("#owner@user:ed", "#owner@agent:ed"),
        ("task:plan#read@user:vera", "task:plan@user:vera"),
        ("task:plan#cancel@", "agent:scout#cancel@"),
    ] {
        assert!(ASSERTIONS.contains(right), "{right}");
        assert!(Corpus::read_assertions(&ASSERTIONS.replace(right, wrong)).is_err(), "{wrong}");
    }
}

/// Every permission that the schema has is asserted of somebody who has it and of somebody who has not.
#[test]
fn the_assertions_are_about_every_permission_both_ways() {
    let corpus = Corpus::read_assertions(ASSERTIONS).unwrap();
    let asserted: BTreeSet<(Kind, Action, bool)> =
        corpus.assertions().iter().map(|one| (one.resource.kind, one.action, one.allowed)).collect();
    let all = RULES.iter().flat_map(|rule| [true, false].map(|allowed| (rule.kind, rule.action, allowed)));
    assert_eq!(all.filter(|one| !asserted.contains(one)).collect::<Vec<_>>(), []);
}
