//! The registry as people read it: `observability/METRICS.md`.

use crate::registry::{Begins, GROUPS, Instrument, Shape, Values};
use metrics::Unit;
use std::fmt::Write as _;

/// The document of every instrument.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(HEAD);
    for group in GROUPS {
        // Nothing fails to be written to a string.
        let _ = write!(text, "\n## {}\n", group.title);
        for instrument in group.instruments {
            describe(instrument, &mut text);
        }
    }
    text
}

const HEAD: &str = "# Metrics

Every instrument there is, written from the registry by its test (`TASKGATE_BLESS=1 cargo test -p instruments` after an intended change).
How they are read: [README.md](README.md).
";

fn describe(instrument: &Instrument, text: &mut String) {
    let Instrument { name, statsd, shape, unit, labels, help, begins } = *instrument;
    let kind = match shape {
        Shape::Counter => "counter",
        Shape::Gauge => "gauge",
        Shape::Histogram(_) => "histogram",
    };
    let unit = if unit == Unit::Count { String::new() } else { format!(", {}", unit.as_str()) };
    let begins = match begins {
        Begins::AtZero => ", from the start",
        Begins::WhenCounted => "",
        Begins::WhenKnown => ", of the whole deployment",
    };
    let _ = write!(text, "\n### `{name}`\n\n{kind}{unit}{begins}. {help}\n");
    if statsd != name {
        let _ = writeln!(text, "StatsD calls it `{statsd}`.");
    }
    if let Shape::Histogram(bounds) = shape {
        let bounds: Vec<_> = bounds.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "Buckets: {}.", bounds.join(", "));
    }
    if !labels.is_empty() {
        text.push_str("\n| label | values |\n| --- | --- |\n");
    }
    for label in labels {
        let values = match label.values {
            Values::These(values) => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
            Values::Known(what) => what.to_owned(),
        };
        let _ = writeln!(text, "| `{}` | {values} |", label.name);
    }
}

#[cfg(test)]
mod tests {
    use super::document;
    use std::{fs, path::Path};

    #[test]
    fn the_document_is_that_of_the_registry() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../observability/METRICS.md");
        if std::env::var_os("TASKGATE_BLESS").is_some() {
            fs::write(&path, document()).unwrap();
        }
        assert!(fs::read_to_string(path).unwrap() == document(), "observability/METRICS.md is not the registry's");
    }
}
