//! `cargo admin`: the operators' command line. Nothing that is deployed contains it.

mod sweep_avatars;

use std::process::ExitCode;

use clap::Parser;

/// Runs one command on the accounts of a deployed or a local service.
#[derive(Debug, Parser)]
#[command(name = "accounts-admin")]
enum Command {
    SweepAvatars(sweep_avatars::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::SweepAvatars(options) => sweep_avatars::run(&options).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, with all causes.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
