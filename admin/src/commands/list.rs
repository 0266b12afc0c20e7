//! `list`: accounts, page by page.

use std::io;

use clap::Args;
use uuid::Uuid;

use super::show;
use crate::{
    accounts::Account,
    failure::Failure,
    output::{self, Format, Record},
    password_kind::PasswordKind,
    session::{Session, now_ms},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only disabled accounts.
    #[arg(long)]
    disabled: bool,

    /// Only accounts of which a login has to wait after failed log-ins.
    #[arg(long)]
    locked: bool,

    /// Only accounts without a password.
    #[arg(long, conflicts_with = "hash")]
    no_password: bool,

    /// Only accounts whose hash is of this kind, such as `argon2id` or `pbkdf2_sha256`.
    #[arg(long, value_name = "KIND")]
    hash: Option<String>,

    /// Most accounts to print.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,

    /// Print all accounts.
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Start after this account: the last uuid of the page before.
    #[arg(long, value_name = "UUID")]
    after: Option<Uuid>,

    /// Print CSV with a line of names instead.
    #[arg(long)]
    csv: bool,
}

impl Options {
    fn matches(&self, account: &Account, now_ms: u64) -> bool {
        let hash = account.password_hash();
        let is_locked = || {
            let mut logins = account.logins.iter();
            logins.any(|login| login.failures.wait(now_ms).is_some())
        };
        (!self.disabled || account.user.disabled)
            && (!self.locked || is_locked())
            && (!self.no_password || hash.is_none())
            && self.hash.as_ref().is_none_or(|kind| {
                hash.is_some_and(|hash| PasswordKind::of(hash).algorithm == *kind)
            })
    }
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let limit = if options.all {
        usize::MAX
    } else {
        options.limit
    };
    let progress = output::progress("accounts read");
    let mut printer = Printer::new(options, session.format);
    let mut start = options.after.map(|uuid| uuid.to_string());
    let (mut printed, mut damaged) = (0, 0);
    let mut last = None;
    'pages: loop {
        let page = session.accounts.page(start.as_deref()).await?;
        progress.inc(page.accounts.len() as u64);
        damaged += page.damaged.len();
        let now_ms = now_ms();
        for account in &page.accounts {
            if !options.matches(account, now_ms) {
                continue;
            }
            // Another account matches, so this page is not the last one.
            if printed == limit {
                break 'pages;
            }
            let record = describe(account, now_ms);
            progress.suspend(|| printer.print(record))?;
            printed += 1;
            last = Some(account.user.uuid);
        }
        start = page.next;
        if start.is_none() {
            last = None;
            break;
        }
    }
    progress.finish_and_clear();
    printer.finish()?;
    if let Some(last) = last {
        eprintln!("there are more: --after {last}");
    }
    if damaged > 0 {
        eprintln!("left out: {damaged} profiles that cannot be read; see `accounts-admin check`");
    }
    Ok(())
}

fn describe(account: &Account, now_ms: u64) -> Record {
    let mut logins = account.logins.iter();
    let is_locked = logins.any(|login| login.failures.wait(now_ms).is_some());
    Record::default()
        .with("uuid", account.user.uuid.to_string())
        .with("username", account.user.username.as_str())
        .with("email", account.user.email.as_str())
        .with("disabled", account.user.disabled)
        .with("locked", is_locked)
        .with("password", show::password(account))
}

/// Prints the accounts of a list, at once where the format allows it.
enum Printer {
    Json,
    Table(Vec<Record>),
    Csv {
        writer: Box<csv::Writer<io::Stdout>>,
        is_empty: bool,
    },
}

impl Printer {
    fn new(options: &Options, format: Format) -> Self {
        if options.csv {
            return Self::Csv {
                writer: Box::new(csv::Writer::from_writer(io::stdout())),
                is_empty: true,
            };
        }
        match format {
            Format::Json => Self::Json,
            Format::Table => Self::Table(Vec::new()),
        }
    }

    fn print(&mut self, record: Record) -> io::Result<()> {
        match self {
            Self::Json => Format::Json.print(&record),
            Self::Table(records) => {
                // A table has the width of its widest cells, which are not known before its end. A long
                // list is printed in several.
                const ROWS: usize = 1_000;
                records.push(record);
                if records.len() < ROWS {
                    return Ok(());
                }
                Format::Table.print_all(&std::mem::take(records))
            }
            Self::Csv { writer, is_empty } => {
                if std::mem::take(is_empty) {
                    writer.write_record(record.names())?;
                }
                writer.write_record(record.cells())?;
                Ok(())
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Json => Ok(()),
            Self::Table(records) => Format::Table.print_all(&records),
            Self::Csv { mut writer, .. } => writer.flush(),
        }
    }
}
