//! `import`: accounts from files, such as Django's `dumpdata` writes.

mod bring;
mod flow;
mod pace;
mod pictures;
mod record;
mod report;
mod source;

use std::{num::NonZeroU32, path::PathBuf};

use anyhow::anyhow;
use clap::Args;

use self::{
    bring::Import,
    flow::{Done, read_all},
    report::{Outcome, Report},
};
pub(super) use self::{record::Names, report::new_file};
use crate::{failure::Failure, output::Record as Output, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Files: Django's `dumpdata` (JSON or JSON lines) or one account a line as JSON, gzipped or not.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Django's model of the accounts; without it, the first that has an address and a password.
    #[arg(long, value_name = "APP.MODEL")]
    model: Option<String>,

    /// A field that has another name in the files, such as `avatar=photo`.
    #[arg(long = "field", value_name = "OURS=THEIRS")]
    fields: Vec<String>,

    /// Folder of the pictures, Django's `MEDIA_ROOT`.
    #[arg(long, value_name = "DIR")]
    media: Option<PathBuf>,

    /// New file for a JSON line about each account that did not come, or not with all it had.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// New CSV file of primary keys and uuids.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,

    /// Take over what is new in the files about accounts that an earlier import brought and nobody has
    /// touched since.
    #[arg(long)]
    update: bool,

    /// Write nothing if two accounts want the same address or username.
    #[arg(long)]
    strict: bool,

    /// Most accounts to write a second.
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let names = Names::parse(&options.fields)?;
    let mut report = Report::new(
        &options.files,
        options.report.as_deref(),
        options.map.as_deref(),
    )?;
    if options.strict && !session.dry_run {
        let rehearsal = Import::new(options, session, true).await?;
        let rehearsed = read_all(rehearsal, options, &names, &mut report).await?;
        if report.collisions() > 0 {
            print(session, options, true, &mut report, &rehearsed)?;
            let collisions = report.collisions();
            return Err(Failure::Refused(format!(
                "accounts want the same address or username, {collisions} times; nothing was written"
            )));
        }
        rehearsed.outcome?;
        report = report.restart()?;
    }
    let import = Import::new(options, session, session.dry_run).await?;
    if !session.dry_run {
        session.begin().await?;
    }
    let done = read_all(import, options, &names, &mut report).await?;
    let written = report.count(Outcome::Created) + report.count(Outcome::Updated);
    if !session.dry_run && written + done.unknown > 0 {
        session.end(None, &["accounts"], Ok(()))?;
    }
    print(session, options, session.dry_run, &mut report, &done)?;
    if report.done() + done.unknown != report.read {
        return Err(anyhow!(
            "{} entries were read, and not as many are done",
            report.read
        )
        .into());
    }
    done.outcome?;
    if report.read == 0 && !done.models.is_empty() {
        let models: Vec<_> = done.models.keys().map(String::as_str).collect();
        let models = models.join(", ");
        return Err(Failure::Usage(format!(
            "the files have no accounts, but entries of {models}: name one with --model, and its \
             fields with --field"
        )));
    }
    match report.count(Outcome::Rejected) {
        0 => Ok(()),
        rejected => Err(Failure::Rejected {
            rejected,
            of: report.read,
        }),
    }
}

/// Prints the counts.
fn print(
    session: &Session,
    options: &Options,
    dry_run: bool,
    report: &mut Report,
    done: &Done,
) -> Result<(), Failure> {
    let mut output = report.finish(&done.fields, &done.models)?;
    if done.unknown > 0 {
        output = output.with("unknown", done.unknown);
    }
    output = output.with("dry_run", dry_run);
    if dry_run {
        output = estimate(output, report, options.rate);
    }
    Ok(session.format.print(&output)?)
}

/// Appends what the import would cost and take on AWS.
fn estimate(output: Output, report: &Report, rate: Option<NonZeroU32>) -> Output {
    /// Three items of at most a kilobyte, each twice because of the transaction.
    const UNITS: u64 = 6;
    /// Of a million write units, and of a million objects in S3; docs/cost.md has the sources.
    const DOLLARS: [f64; 2] = [0.625, 5.0];
    /// A new on-demand table takes 4,000 write units a second, of which `logins` needs four an account.
    const ACCOUNTS_PER_SECOND: u32 = 1_000;
    let accounts = report.count(Outcome::Created) + report.count(Outcome::Updated);
    let rate = rate.map_or(ACCOUNTS_PER_SECOND, |rate| {
        rate.get().min(ACCOUNTS_PER_SECOND)
    });
    let units = accounts * UNITS;
    let dollars = (units as f64 * DOLLARS[0] + report.pictures() as f64 * DOLLARS[1]) / 1e6;
    output
        .with("write_units", units)
        .with("dollars", (dollars * 100.0).ceil() / 100.0)
        .with("minutes", accounts.div_ceil(60 * u64::from(rate)))
}
