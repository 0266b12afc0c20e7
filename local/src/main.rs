//! `cargo dev`: the whole service in one process.

mod data_folder;
mod lambda_env;

use std::{
    fs,
    future::Future,
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use local::{
    EXAMPLE_EMAIL, EXAMPLE_PASSWORD, EXAMPLE_USERNAME, Engines, LOOPBACK, Settings, Stack, Storage,
    random_hex,
};
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
    /// Address to listen on, which is also in the avatars' URLs.
    #[arg(long, value_name = "IP", default_value_t = LOOPBACK)]
    host: IpAddr,

    /// Port; 0 is any free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,

    /// Folder for tables, avatars and the signing key.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data_dir: PathBuf,

    /// Keep nothing.
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,

    #[arg(long, help = example_help())]
    example: bool,
}

fn example_help() -> String {
    format!(
        "Register the account of the sample events in `events/`: e-mail {EXAMPLE_EMAIL}, \
         username {EXAMPLE_USERNAME}, password {EXAMPLE_PASSWORD}"
    )
}

/// Time that requests in flight get at a graceful shutdown.
const GRACE: Duration = Duration::from_millis(800);

/// An image to try uploads with.
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
    // Install the signal handlers before printing, so that a signal sent after the first line is not
    // lost.
    let stopped = stop_signal()?;
    if options.in_memory {
        let folder = TempDir::new().context("cannot make a temporary folder")?;
        let secret = random_hex::<32>()?;
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
        // A developer may set the variables that a deployment sets. An empty one counts as unset.
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
    let engines_variables = engines.variables().iter();
    let engines_variables = engines_variables.map(|(name, value)| (*name, value.as_str()));
    lambda_env::write(&variables, engines_variables.chain(stack.env().iter()))
        .with_context(|| format!("cannot write {}", variables.display()))?;
    let data = match storage {
        Storage::Memory(_) => "in memory".to_owned(),
        Storage::Folder(folder) => format!("in {}", folder.display()),
    };
    // Ignore the error: a closed stdout (`cargo dev | head`) must not stop the service.
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
    // After the grace period only clients that never completed their request are left; drop them.
    time::timeout(GRACE, stop).await.unwrap_or(Ok(()))
}

/// Returns a future that completes at the first Ctrl-C or `SIGTERM`.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_help_names_the_account_of_the_sample_events() {
        let help = Options::command().render_help().to_string();

        let account = "e-mail test@test.ru, username Test, password 12345";
        assert!(help.contains(account), "{help}");
    }
}
