//! `cargo dev`: the whole service in one process.

mod data_folder;

use std::{
    fs::{self, OpenOptions},
    future::Future,
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use local::{Engines, LOOPBACK, Settings, Stack, Storage};
use shared::{env::Env, lambda::start_log};
use tempfile::TempDir;
use tokio::{
    signal::unix::{SignalKind, signal},
    time,
};

use crate::data_folder::DataFolder;

/// Runs the accounts service on this machine, on engines that stand in for AWS.
#[derive(Debug, Parser)]
#[command(name = "cargo dev")]
struct Options {
    /// Address to listen on, which is also the one in the avatars' URLs.
    #[arg(long, value_name = "IP", default_value_t = LOOPBACK)]
    host: IpAddr,

    /// Port; 0 is any free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,

    /// Folder that keeps tables, avatars and the signing key.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data_dir: PathBuf,

    /// Keep nothing.
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,

    /// Register the account of the sample events in `events/`.
    #[arg(long)]
    example: bool,
}

/// How long requests in flight may take once the service has been told to stop.
const GRACE: Duration = Duration::from_millis(800);

/// An upload to try the service with.
const AVATAR: &[u8] = include_bytes!("avatar.png");

fn main() -> ExitCode {
    let options = Options::parse();
    start_log(&Env::process());
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, with all causes.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    // Before anything is printed, so that nothing is lost that arrives from then on.
    let stopped = stop_signal()?;
    if options.in_memory {
        let folder = TempDir::new().context("cannot make a temporary folder")?;
        let secret = data_folder::random_secret()?;
        let storage = Storage::Memory(folder.path().to_owned());
        return serve(options, &storage, folder.path(), secret, stopped).await;
    }
    let folder = DataFolder::open(&options.data_dir)?;
    let storage = Storage::Folder(folder.path().to_owned());
    let secret = folder.jwt_secret()?;
    serve(options, &storage, folder.path(), secret, stopped).await
}

async fn serve(
    options: &Options,
    storage: &Storage,
    folder: &Path,
    jwt_secret: String,
    stopped: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let engines = Engines::start(options.host, storage).await?;
    let settings = Settings {
        address: SocketAddr::new(options.host, options.port),
        name: "accounts".to_owned(),
        jwt_secret,
        // What a function on Lambda is given, a developer may set, too. Empty is unset.
        variables: [
            "ALLOWED_ORIGINS",
            "JWT_SECRET",
            "PASSWORD_POLICY",
            "TOKEN_TTL_SECONDS",
        ]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect(),
    };
    let stack = Stack::start(&engines.aws(), settings).await?;
    if options.example {
        stack.register_example(&engines.aws()).await?;
    }
    let avatar = folder.join("avatar.png");
    fs::write(&avatar, AVATAR).with_context(|| format!("cannot write {}", avatar.display()))?;
    let variables = folder.join("lambda.env");
    write_variables(&variables, &engines, &stack)
        .with_context(|| format!("cannot write {}", variables.display()))?;
    let data = match storage {
        Storage::Memory(_) => "in memory".to_owned(),
        Storage::Folder(folder) => format!("in {}", folder.display()),
    };
    // Whoever has closed the output does not want to read it; that is no reason to stop.
    let _ = writeln!(
        io::stdout(),
        "{}",
        welcome(&stack.base_url(), &data, &avatar)
    );

    stopped.await;
    let stop = async {
        stack.stop().await?;
        engines.stop().await
    };
    // What has not ended by then is a client that never finished its request.
    time::timeout(GRACE, stop).await.unwrap_or(Ok(()))
}

/// Writes the variables with which `cargo lambda watch` and `sam local invoke` run the functions on
/// these engines. Only its owner can read the file, because the signing key is in it.
fn write_variables(file: &Path, engines: &Engines, stack: &Stack) -> io::Result<()> {
    let mut lines: Vec<String> = engines
        .variables()
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .chain(stack.env().iter())
        .map(|(name, value)| format!("{name}=\"{value}\"\n"))
        .collect();
    lines.sort();
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(file)?
        .write_all(lines.concat().as_bytes())
}

/// Ends at the first Ctrl-C or `SIGTERM`.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn welcome(url: &str, data: &str, avatar: &Path) -> String {
    let avatar = avatar.display();
    format!(
        r#"The accounts service listens on {url}
It keeps its data {data}. Ctrl-C stops it.

curl -X POST {url}/create_user/ -H 'Content-Type: application/json' -d '{{"email":"vasya@test.com","password":"12345"}}'
TOKEN=$(curl -s -X POST {url}/obtain_token/ -H 'Content-Type: application/json' -d '{{"login":"vasya@test.com","password":"12345"}}' | cut -d '"' -f 4)
curl {url}/get_profile/ -H "Authorization: JWT $TOKEN"
curl -X PUT {url}/update_profile/ -H "Authorization: JWT $TOKEN" -F 'first_name=Вася' -F 'avatar=@{avatar}'
"#
    )
}
