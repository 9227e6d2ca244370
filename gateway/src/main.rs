//! The `taskgate` program.

use clap::{Parser, Subcommand};
use figment::value::Value;
use gateway::{
    config::{Config, Denials, LogFormat, StorageChoice},
    doctor::{self, Doctor},
    engine::SchemaCommand,
    graphql, operate, rest, serve,
    telemetry::{self, Telemetry},
};
use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The task control plane: tasks, trackers and checkpoints of many tenants, behind one authorization gate.
///
/// With nothing configured it serves on 127.0.0.1:8080, keeps its rows in a private PostgreSQL cluster
/// under ./.taskgate (in memory when PostgreSQL is not installed), and makes a demo tenant whose
/// tokens it prints. Every key can be set in taskgate.toml, as TASKGATE_KEY in the environment
/// (TASKGATE_LIMITS__BODY_BYTES for a key of a section), or by a flag here; flags win.
#[derive(Parser)]
#[expect(clippy::doc_markdown, reason = "this text is shown by `--help`")]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default).
    Serve,
    /// Bring the configured database's schema up to date, and exit.
    Migrate,
    /// Compare or write the authorization schema in SpiceDB.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// See and repair what rows and relationships disagree on.
    ///
    /// Works on the configured storage, beside running gateways. Exits with 0 when nothing is wrong, or no longer; with 3 when
    /// orphans were found, or are left; with 130 when it was interrupted, having said where to go on; with 1 when it failed.
    DualWrite(operate::DualWrite),
    /// Look at all that a gateway needs, and say what to do about what is wrong.
    ///
    /// Changes nothing, and works beside running gateways and before the first start. Exits with 0 when a gateway can do its work,
    /// warnings included; with 3 when something failed.
    Doctor(Doctor),
    /// Say why somebody may do something, or what they lack.
    ///
    /// Works on the configured storage and engine, beside running gateways. Exits with 0 whatever the answer is; with 3 when the
    /// engine decides otherwise than its relationships say, which is a fault; with 1 when it could not be asked. What rows and
    /// relationships say of one thing, whoever asks for it: `taskgate dual-write explain`.
    Explain(operate::Explain),
    /// Say which authorization engine answers whom, and copy relationships from one to another.
    Engine(operate::Engine),
    /// Print the GraphQL schema.
    Sdl {
        /// As composition into a larger graph wants it, as a subgraph of Apollo Federation 2.
        #[arg(long)]
        federation: bool,
    },
    /// Print the OpenAPI document.
    Openapi,
}

#[derive(clap::Args)]
#[expect(clippy::doc_markdown, reason = "this text is shown by `--help`")]
struct Flags {
    /// The configuration file [env: TASKGATE_CONFIG] [default: taskgate.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, global = true)]
    listen: Option<SocketAddr>,
    /// Where a private cluster and the demo's tokens live [default: .taskgate]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where rows are kept [default: auto]
    #[arg(long, global = true, value_enum)]
    storage: Option<StorageChoice>,
    /// Whether to make the demo tenant [default: when no database URL is set]
    #[arg(long, global = true, value_name = "BOOL")]
    demo: Option<bool>,
    /// Where to write the demo's addresses and tokens, once they can be used
    #[arg(long, global = true, value_name = "FILE")]
    demo_file: Option<PathBuf>,
    /// What callers are told who may see a thing but not do this to it [default: hide]
    #[arg(long, global = true, value_enum)]
    denials: Option<Denials>,
    /// How the log is written [default: pretty]
    #[arg(long, global = true, value_enum)]
    log_format: Option<LogFormat>,
    /// What is logged, as tracing directives [default: info]
    #[arg(long, global = true, value_name = "DIRECTIVES")]
    log_filter: Option<String>,
}

impl Flags {
    fn load(self) -> anyhow::Result<Config> {
        let file = self.config.or_else(|| std::env::var_os("TASKGATE_CONFIG").map(PathBuf::from));
        let path = |path: PathBuf| Value::from(path.to_string_lossy().into_owned());
        let flags = [
            ("listen", self.listen.map(|listen| listen.to_string().into())),
            ("data_dir", self.data_dir.map(path)),
            ("storage", self.storage.map(word)),
            ("demo", self.demo.map(Value::from)),
            ("demo_file", self.demo_file.map(path)),
            ("denials", self.denials.map(word)),
            ("log_format", self.log_format.map(word)),
            ("log_filter", self.log_filter.map(Value::from)),
        ];
        Config::load(file.as_deref(), flags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }
}

/// The word a value has on the command line, which is also its word in the file.
#[expect(clippy::needless_pass_by_value, reason = "it is mapped over options")]
fn word(value: impl clap::ValueEnum) -> Value {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default().into()
}

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // There may be no log yet, and a start-up error is for whoever started it.
            drop(writeln!(std::io::stderr(), "taskgate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve) {
        Command::Sdl { federation: true } => print(graphql::federation_sdl())?,
        Command::Sdl { federation: false } => print(&graphql::sdl())?,
        Command::Openapi => print(&rest::openapi().to_pretty_json()?)?,
        Command::Serve => return serve_until_told(cli.flags),
        Command::Migrate => run(cli.flags, serve::migrate)?,
        Command::Schema(command) => run(cli.flags, |config| command.run(config))?,
        // A configuration that cannot be read is the first thing it speaks of.
        Command::Doctor(arguments) => return runtime()?.block_on(doctor::run(cli.flags.load(), arguments)),
        Command::Explain(arguments) => return run(cli.flags, |config| arguments.run(config)),
        Command::Engine(arguments) => return run(cli.flags, |config| operate::run_engine(config, arguments)),
        Command::DualWrite(arguments) => return run(cli.flags, |config| operate::run(config, arguments)),
    }
    Ok(ExitCode::SUCCESS)
}

fn run<T, F: Future<Output = anyhow::Result<T>>>(flags: Flags, job: impl FnOnce(Config) -> F) -> anyhow::Result<T> {
    let config = flags.load()?;
    telemetry::start_log(&config)?;
    runtime()?.block_on(job(config))
}

fn serve_until_told(flags: Flags) -> anyhow::Result<ExitCode> {
    let config = flags.load()?;
    runtime()?.block_on(async {
        let telemetry = Telemetry::start(&config)?;
        let served = serve::serve(config).await;
        telemetry.stop().await;
        served.map(|()| ExitCode::SUCCESS)
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}
