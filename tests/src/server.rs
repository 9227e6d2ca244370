//! A `taskgate` of one test's own: the real program, on a free port, with its own data folder.

use crate::{As, Database, binary};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a start may take: a debug build on a busy machine may have a cluster to make.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where the server under test keeps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory.
    Memory,
    /// In a cluster of its own.
    Private,
    /// In a new database on the PostgreSQL that `tests/run` started.
    Url,
}

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    environment: Vec<(String, String)>,
}

impl Settings {
    /// Adds an environment variable.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.environment.push((key.to_owned(), value.into()));
        self
    }

    /// The program with this environment and nothing of ours: `BLACKBOX_BIN`, for one, is no key of its.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.env_clear().stdin(Stdio::null());
        for key in ["PATH", "HOME", "LANG", "TMPDIR"] {
            if let Some(value) = std::env::var_os(key) {
                command.env(key, value);
            }
        }
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Starts a server and waits until it can be used.
    pub async fn start(self, storage: Storage) -> Server {
        match storage {
            Storage::Memory => self.with("TASKGATE_STORAGE", "memory").run(None).await,
            Storage::Private => self.with("TASKGATE_STORAGE", "private").run(None).await,
            Storage::Url => self.start_on(Database::create().await).await,
        }
    }

    /// Starts a server on a database.
    pub async fn start_on(self, database: Database) -> Server {
        let url = database.url.clone();
        self.with("TASKGATE_STORAGE", "url").with("DATABASE_URL", url).run(Some(database)).await
    }

    /// Starts a server on whatever these settings say.
    pub async fn run(self, database: Option<Database>) -> Server {
        let home = tempfile::Builder::new().prefix("taskgate-test.").tempdir().expect("a temporary folder");
        // The account that a private cluster runs as has to walk through it.
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        Server::spawn(home, self, database).await
    }
}

/// What the server says of its demo.
#[derive(Clone, Debug)]
pub struct Demo(pub Value);

impl Demo {
    fn text(&self, pointer: &str) -> String {
        let found = self.0.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("the demo file has no {pointer}: {}", self.0)).to_owned()
    }

    /// Where the server listens.
    #[must_use]
    pub fn url(&self) -> String {
        self.text("/url")
    }

    /// The agent that the demo's tasks run on.
    #[must_use]
    pub fn agent(&self) -> String {
        self.text("/agent_id")
    }

    /// Somebody of the demo.
    #[must_use]
    pub fn caller(&self, part: &'static str) -> As {
        let token = self.text(&format!("/principals/{part}/token"));
        let principal = self.text(&format!("/principals/{part}/principal"));
        As::new(part, &self.url(), Some(token), Some(principal))
    }
}

/// What a command of the program came to.
#[derive(Clone, Debug)]
pub struct Said {
    /// How it exited.
    pub code: Option<i32>,
    /// What it wrote for whoever asked.
    pub out: String,
    /// What it wrote beside that.
    pub err: String,
}

impl Said {
    /// The objects it wrote, one on each line.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let object =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.err));
        self.out.lines().map(object).collect()
    }
}

/// A running server. Stopped when dropped; when its test fails, the end of its log is printed.
#[derive(Debug)]
pub struct Server {
    /// What it says of its demo.
    pub demo: Demo,
    /// How long it took until it could be used.
    pub took: Duration,
    database: Option<Database>,
    settings: Settings,
    home: Option<TempDir>,
    child: Child,
}

/// The port in a URL.
#[must_use]
pub fn port_of(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next());
    port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port in {url}"))
}

impl Server {
    /// Starts a server with nothing set but its storage.
    pub async fn start(storage: Storage) -> Self {
        Settings::default().start(storage).await
    }

    async fn spawn(home: TempDir, settings: Settings, database: Option<Database>) -> Self {
        let (log, demo_file) = (home.path().join("log"), home.path().join("demo.json"));
        let _ = fs::remove_file(&demo_file);
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = settings.command();
        command
            .env("TASKGATE_LISTEN", "127.0.0.1:0")
            .env("TASKGATE_DATA_DIR", home.path().join("data"))
            .env("TASKGATE_DEMO_FILE", &demo_file)
            .current_dir(home.path())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary()));
        let demo = loop {
            if let Ok(bytes) = fs::read(&demo_file) {
                break Demo(serde_json::from_slice(&bytes).expect("the demo file is whole when it is there"));
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended at start ({status}):\n{}", tail(&log));
            }
            if started.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("the server did not start in {PATIENCE:?}:\n{}", tail(&log));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        Self { demo, took: started.elapsed(), database, settings, home: Some(home), child }
    }

    /// The same server again, on the same data, once this one has ended.
    pub async fn again(mut self) -> Self {
        self.stop();
        let home = self.home.take().expect("a running server has a folder");
        let settings = Settings { environment: self.settings.environment.clone() };
        Self::spawn(home, settings, self.database.clone()).await
    }

    /// Somebody of the demo.
    #[must_use]
    pub fn caller(&self, part: &'static str) -> As {
        self.demo.caller(part)
    }

    /// Owns the demo's tasks.
    #[must_use]
    pub fn owner(&self) -> As {
        self.caller("owner")
    }

    /// May change them.
    #[must_use]
    pub fn editor(&self) -> As {
        self.caller("editor")
    }

    /// May see them.
    #[must_use]
    pub fn viewer(&self) -> As {
        self.caller("viewer")
    }

    /// Belongs to another tenant.
    #[must_use]
    pub fn stranger(&self) -> As {
        self.caller("stranger")
    }

    /// The agent's own credential.
    #[must_use]
    pub fn agent(&self) -> As {
        self.caller("agent")
    }

    /// Operates the deployment, and runs the demo's tenant.
    #[must_use]
    pub fn operator(&self) -> As {
        self.caller("operator")
    }

    /// A command of the program, with the configuration of this server.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.settings.command();
        command.env("TASKGATE_DATA_DIR", self.data_dir()).args(arguments);
        command
    }

    /// Runs a command of the program to its end.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap_or_else(|error| panic!("{}: {error}", binary()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Has no credential.
    #[must_use]
    pub fn anonymous(&self) -> As {
        As::new("anonymous", &self.demo.url(), None, None)
    }

    /// The database of a server that was started on one.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("this server was started on a database of its own")
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its data lies.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.home.as_ref().expect("a running server has a folder").path().join("data")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.home.as_ref().map(|home| tail(&home.path().join("log"))).unwrap_or_default()
    }

    /// All that it has logged, from the first line.
    #[must_use]
    pub fn whole_log(&self) -> String {
        let home = self.home.as_ref().expect("a running server has a folder");
        String::from_utf8_lossy(&fs::read(home.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// Kills it, as a machine that runs out of memory would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it where it stands, as a debugger or a machine that is moved would.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it is there");
    }

    /// Tells it to stop, and how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        if let Some(status) = self.child.try_wait().unwrap() {
            return status;
        }
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM);
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(15) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        ExitStatus::from_raw(Signal::SIGKILL as i32)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.home.is_none() {
            return;
        }
        self.stop();
        if thread::panicking() {
            let log = self.log();
            // The test's own output, which the runner shows for a test that failed.
            std::io::Write::write_all(&mut std::io::stderr(), format!("--- log of the server\n{log}\n").as_bytes())
                .unwrap_or_default();
        }
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
