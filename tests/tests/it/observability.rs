//! What operators are given: dashboards, rules, alerts and runbooks that fit each other.

use blackbox::tree;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

const FOLDER: &str = "observability";

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(tree::root().join(FOLDER)).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error} (tests/run installs it)"));
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{program} {arguments:?}: {told}");
}

fn read(path: &str) -> String {
    tree::read(&format!("{FOLDER}/{path}"))
}

/// The files of a folder with this ending, by name.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let folder = format!("{FOLDER}/{folder}/");
    let ours = tree::files().into_iter().filter(|path| path.starts_with(&folder) && path.ends_with(ending));
    ours.map(|path| path[FOLDER.len() + 1..].to_owned()).collect()
}

/// The sections of every runbook, as links name them.
fn sections() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for path in files("runbooks", ".md").iter().filter(|path| !PROCEDURES.contains(&path.as_str())) {
        let text = read(path);
        for section in text.split("\n## ").skip(1) {
            let (title, body) = section.split_once('\n').unwrap();
            let anchor = title.to_lowercase().replace(' ', "-");
            all.insert(format!("{path}#{anchor}"), body.to_owned());
        }
    }
    all
}

/// Runbooks of what is done on purpose, step by step; no alert leads there.
const PROCEDURES: &[&str] = &["runbooks/engine-migration.md"];

/// The runbook sections that alerts name.
fn named_by_alerts() -> BTreeSet<String> {
    let alerts = read("prometheus/alerts.yaml");
    alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")).map(str::to_owned).collect()
}

#[test]
fn dashboards_are_what_their_generator_writes() {
    run("python3", &["grafana/generate.py", "--check"]);
}

#[test]
fn every_panel_says_what_it_means_and_where_to_go() {
    let sections = sections();
    let mut panels = 0;
    for path in files("grafana", ".json") {
        let board: Value = serde_json::from_str(&read(&path)).unwrap();
        for panel in board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let title = format!("{path}: {}", panel["title"]);
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{title}");
            let link = panel["links"][0]["url"].as_str().unwrap().strip_prefix("${runbooks}/").unwrap();
            assert!(sections.contains_key(&format!("runbooks/{link}")), "{title} leads to {link}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}");
            panels += 1;
        }
    }
    assert!(panels > 30, "{panels}");
}

#[test]
fn rules_are_well_formed_and_alerts_fire_for_their_faults_only() {
    run("promtool", &["check", "config", "prometheus/prometheus.yaml"]);
    run("promtool", &["test", "rules", "prometheus/tests.yaml"]);
}

#[test]
fn every_alert_is_tested() {
    let (alerts, tests) = (read("prometheus/alerts.yaml"), read("prometheus/tests.yaml"));
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names.collect::<BTreeSet<_>>() {
        let quiet = tests.matches(&format!("alertname: {name} }}")).count();
        let fires = tests.matches(&format!("alertname: {name}\n        exp_alerts:")).count();
        assert!(quiet > 0 && fires > 0, "{name} is tested {quiet} times to be quiet, {fires} times to fire");
    }
}

#[test]
fn every_alert_has_a_runbook_that_says_all_that_is_needed() {
    let (sections, named) = (sections(), named_by_alerts());
    assert!(named.len() > 12, "{named:?}");
    for link in &named {
        let body = sections.get(link).unwrap_or_else(|| panic!("an alert names {link}, which is not there"));
        for part in ["**Meaning.**", "**First look.**", "**Fix.**", "**Verify.**"] {
            assert!(body.contains(part), "{link} lacks {part}");
        }
    }
    let idle: Vec<_> = sections.keys().filter(|section| !named.contains(*section)).collect();
    assert!(idle.is_empty(), "no alert leads to {idle:?}");
}

/// Python's YAML reader is on every machine that the outside clients run on; `tests/run` installs it.
#[test]
fn manifests_are_yaml_and_name_files_that_are_there() {
    run("python3", &["kubernetes/check.py"]);
}
