//! A Prometheus of one test's own, with the project's rules, in which time goes sixty times as fast: an hour of the
//! rules is a minute here.

use crate::tree;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. It is stopped when it is dropped.
pub struct Prometheus {
    url: String,
    client: reqwest::Client,
    child: Child,
    home: TempDir,
}

/// The rules with every duration a sixtieth of what it is, and an age in seconds with it.
fn hurried(rules: &str) -> String {
    let mut hurried = String::with_capacity(rules.len());
    let mut rest = rules.replace("oldest_intent_age_seconds) > 300", "oldest_intent_age_seconds) > 10");
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let digits = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(digits);
        let alone = before.ends_with(['[', ' ']);
        let (seconds, unit) = match after.chars().next() {
            Some('d') if alone => (24 * 60, 1),
            Some('h') if alone => (60, 1),
            Some('m') if alone => (1, 1),
            _ => (0, 0),
        };
        hurried.push_str(before);
        match seconds {
            0 => hurried.push_str(number),
            seconds => write!(hurried, "{}s", number.parse::<u64>().unwrap() * seconds).unwrap(),
        }
        rest = after[unit..].to_owned();
    }
    hurried + &rest
}

impl Prometheus {
    /// Starts one that reads a gateway's metrics at `target`, an address.
    pub async fn start(target: &str) -> Self {
        let home = tempfile::Builder::new().prefix("taskgate-prometheus.").tempdir().unwrap();
        for rules in ["recording.yaml", "alerts.yaml"] {
            let text = hurried(&tree::read(&format!("observability/prometheus/{rules}")));
            fs::write(home.path().join(rules), text).unwrap();
        }
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [recording.yaml, alerts.yaml]\n\
             scrape_configs:\n  - {{ job_name: taskgate, static_configs: [{{ targets: [\"{target}\"] }}] }}\n"
        );
        fs::write(home.path().join("prometheus.yaml"), config).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = fs::File::create(home.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", home.path().join("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("prometheus is installed: tests/run does that");
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let started = Self { url: format!("http://{address}"), client, child, home };
        let begun = Instant::now();
        while started.query("up == 1").await.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(started.home.path().join("log")).unwrap());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        started
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let answer = self.client.get(format!("{}{path}", self.url)).query(query).send().await.ok()?;
        answer.json().await.ok()
    }

    /// What a query finds now: a sample for each series.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let Some(answer) = self.get("/api/v1/query", &[("query", query)]).await else { return vec![] };
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The exemplars of the last minutes of the series that a query names.
    pub async fn exemplars(&self, query: &str) -> Vec<Value> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (start, end) = ((now - 600).to_string(), (now + 60).to_string());
        let asked = [("query", query), ("start", &start), ("end", &end)];
        let Some(answer) = self.get("/api/v1/query_exemplars", &asked).await else { return vec![] };
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"].as_array().cloned().unwrap_or_default()
    }

    /// The names of the alerts that fire now.
    pub async fn firing(&self) -> BTreeSet<String> {
        let Some(answer) = self.get("/api/v1/alerts", &[]).await else { return BTreeSet::new() };
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::hurried;

    #[test]
    fn time_is_shortened_and_nothing_else() {
        for (rule, short) in [
            ("rate(a_5m_total[5m])", "rate(a_5m_total[5s])"),
            ("[1d] offset 15m) > 3 * 0.2", "[1440s] offset 15s) > 3 * 0.2"),
            ("record: taskgate:x:ratio_rate1h", "record: taskgate:x:ratio_rate1h"),
            ("for: 2m", "for: 2s"),
            ("rate(x[6h]) > 14.4 * 0.001", "rate(x[360s]) > 14.4 * 0.001"),
            ("le=\"0.25\"", "le=\"0.25\""),
        ] {
            assert_eq!(hurried(rule), short);
        }
    }
}
