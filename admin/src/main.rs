//! `cargo admin`: the operators' command line. Nothing that is deployed contains it.

mod accounts;
mod audit;
mod caller;
mod commands;
mod connect;
mod failure;
mod output;
mod password_kind;
mod prompt;
mod session;

use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::CommandLine;

#[tokio::main]
async fn main() -> ExitCode {
    match CommandLine::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(&failure)
        }
    }
}
