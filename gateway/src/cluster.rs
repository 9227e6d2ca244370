//! A private `PostgreSQL` cluster in the data folder: made on first use, started and stopped with the
//! gateway, and gone with it even when the gateway is killed.

use anyhow::{Context as _, bail, ensure};
use nix::unistd::{Uid, User};
use rand::distr::{Alphanumeric, SampleString as _};
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use std::{
    ffi::OsStr,
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

/// How long a cluster may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where clusters go that the account `PostgreSQL` runs as could not reach in the data folder.
const ELSEWHERE: &str = "/var/lib/taskgate";
/// The cluster's superuser and its database. The account is the cluster's own, not the machine's.
const NAME: &str = "taskgate";

/// Starts the server named by its arguments, and stops it when standard input ends: when the gateway
/// lets go of the other end, by will or by death. A signal meant for the gateway, which may reach this too,
/// does not part it from its server.
const SUPERVISE: &str = r#"trap "" HUP INT TERM; "$@" & server=$!; read -r _; kill -INT "$server"; wait "$server""#;

/// A running cluster.
pub struct Cluster {
    supervisor: Child,
    options: PgConnectOptions,
}

/// The account a cluster runs as when the gateway runs as root, which `PostgreSQL` refuses.
struct Account {
    uid: u32,
    gid: u32,
    name: String,
}

impl Account {
    fn needed() -> anyhow::Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name }));
            }
        }
        bail!("PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it as")
    }

    /// Whether this account can walk through every folder above and including `path`.
    fn reaches(&self, path: &Path) -> anyhow::Result<bool> {
        for folder in path.ancestors() {
            let meta = fs::metadata(folder)?;
            let needed = if meta.uid() == self.uid { 0o100 } else { 0o001 };
            if meta.mode() & needed == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The folder with `initdb` and `postgres` in it: `named`, or the newest that the machine has.
#[must_use]
pub fn binaries(named: Option<&Path>) -> Option<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    if let Some(named) = named {
        return Some(named.to_owned()).filter(complete);
    }
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(complete)
        .collect();
    debian.sort_by_key(|folder| {
        let version = folder.parent().and_then(Path::file_name).and_then(OsStr::to_str);
        version.and_then(|version| version.parse::<u32>().ok())
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.pop().or_else(|| std::env::split_paths(&path).find(complete))
}

impl Cluster {
    /// Starts the cluster of `data_dir` with the programs in `binaries`, making it if there is none.
    pub async fn start(data_dir: &Path, binaries: &Path) -> anyhow::Result<Self> {
        let account = Account::needed()?;
        let home = home(data_dir, account.as_ref()).context("preparing the data folder")?;
        let data = home.join("data");
        wait_for_predecessor(&data).await?;
        if !data.join("PG_VERSION").is_file() {
            make(&home, binaries, account.as_ref()).await.context("making a PostgreSQL cluster")?;
        }
        let password = fs::read_to_string(home.join("password")).context("reading the cluster's password")?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = fs::OpenOptions::new().create(true).append(true).open(home.join("postgres.log"))?;

        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISE, "taskgate-postgres"]).arg(binaries.join("postgres")).arg("-D").arg(&data);
        for setting in [
            &format!("port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
            "random_page_cost=1.1",
        ] {
            command.arg("-c").arg(setting);
        }
        // Its own process group: Ctrl-C reaches the gateway, which stops the cluster when it has drained.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).process_group(0).current_dir(&home);
        as_account(&mut command, account.as_ref());
        let supervisor = command.spawn().context("starting PostgreSQL")?;

        let mut cluster = Self { supervisor, options: options(port, &password) };
        cluster.await_ready(&home).await?;
        Ok(cluster)
    }

    /// Whether there is a cluster in `data_dir`, running or not.
    #[must_use]
    pub fn exists(data_dir: &Path) -> bool {
        data_dir.join("postgres/data/PG_VERSION").is_file()
    }

    /// How to connect to the cluster of `data_dir` that a gateway has started, if one is running.
    #[must_use]
    pub fn running(data_dir: &Path) -> Option<PgConnectOptions> {
        let home = data_dir.join("postgres");
        // The process id is on its first line, the port on its fourth.
        let lock = fs::read_to_string(home.join("data/postmaster.pid")).ok()?;
        let pid = lock.lines().next()?.trim().parse().ok()?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).ok()?;
        let port = lock.lines().nth(3)?.trim().parse().ok()?;
        Some(options(port, &fs::read_to_string(home.join("password")).ok()?))
    }

    /// How to connect to it.
    #[must_use]
    pub const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Stops it, after its clients have let go.
    pub async fn stop(mut self) {
        drop(self.supervisor.stdin.take());
        if tokio::time::timeout(PATIENCE, self.supervisor.wait()).await.is_err() {
            tracing::warn!("the private PostgreSQL cluster did not stop in time");
        }
    }

    async fn await_ready(&mut self, home: &Path) -> anyhow::Result<()> {
        let started = Instant::now();
        let postmaster = home.join("data/postmaster.pid");
        loop {
            match self.options.clone().disable_statement_logging().connect().await {
                Ok(connection) => return Ok(connection.close().await?),
                Err(error) if started.elapsed() > PATIENCE => return Err(error).context("waiting for PostgreSQL"),
                Err(_) => {}
            }
            // The supervisor outlives its server; a server that is gone has taken its pid file along.
            if started.elapsed() > Duration::from_secs(2) && !postmaster.exists() {
                let log = fs::read_to_string(home.join("postgres.log")).unwrap_or_default();
                let tail: Vec<_> = log.lines().rev().take(5).collect();
                bail!("PostgreSQL did not start: {}", tail.into_iter().rev().collect::<Vec<_>>().join(" | "));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn options(port: u16, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(NAME)
        .password(password.trim())
        .database("postgres")
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
}

/// The folder the cluster lives in, ready for the account that will run it.
fn home(data_dir: &Path, account: Option<&Account>) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(data_dir)?;
    let data_dir = data_dir.canonicalize()?;
    let home = data_dir.join("postgres");
    let Some(account) = account else {
        fs::create_dir_all(&home)?;
        return Ok(home);
    };
    // The data folder is ours: others may walk through it, and still not look into it.
    let mode = fs::metadata(&data_dir)?.permissions().mode();
    if mode & 0o011 != 0o011 {
        fs::set_permissions(&data_dir, fs::Permissions::from_mode(mode | 0o011))?;
    }
    ensure!(
        home.exists() || !home.is_symlink(),
        "`{}` links to a cluster that is gone; remove the link to start with an empty one",
        home.display()
    );
    if !home.exists() && !account.reaches(&data_dir)? {
        let elsewhere = Path::new(ELSEWHERE).join(uuid::Uuid::now_v7().to_string());
        fs::create_dir_all(&elsewhere)?;
        tracing::info!(cluster = %elsewhere.display(), "account `{}` cannot reach the data folder; the cluster is linked from it", account.name);
        std::os::unix::fs::symlink(&elsewhere, &home)?;
    }
    fs::create_dir_all(&home)?;
    let home = home.canonicalize()?;
    std::os::unix::fs::chown(&home, Some(account.uid), Some(account.gid))?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
    Ok(home)
}

/// Waits until a server that still runs on `data` has gone: one whose gateway was killed a moment ago.
async fn wait_for_predecessor(data: &Path) -> anyhow::Result<()> {
    let lock = data.join("postmaster.pid");
    let started = Instant::now();
    loop {
        let pid = fs::read_to_string(&lock).ok().and_then(|text| text.lines().next()?.trim().parse().ok());
        let alive = pid.is_some_and(|pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok());
        if !alive {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "another process is using the data folder `{}`", data.display());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes a cluster beside its final place and moves it there whole, so that none is ever half made.
async fn make(home: &Path, binaries: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    let (draft, password) = (home.join("data.new"), home.join("password"));
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    fs::write(&password, Alphanumeric.sample_string(&mut rand::rng(), 32))?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    if let Some(account) = account {
        std::os::unix::fs::chown(&password, Some(account.uid), Some(account.gid))?;
    }
    let mut command = Command::new(binaries.join("initdb"));
    command.arg("-D").arg(&draft).args(["-U", NAME, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]);
    command.arg(format!("--pwfile={}", password.display())).current_dir(home).stdin(Stdio::null());
    as_account(&mut command, account);
    let output = command.output().await.context("running initdb")?;
    ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr).trim());
    fs::rename(&draft, home.join("data"))?;
    Ok(())
}

fn as_account(command: &mut Command, account: Option<&Account>) {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
}
