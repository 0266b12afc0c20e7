//! The audit: one line for each write with its author, command, time and reason. It names accounts
//! by uuid alone and fields without their values.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    caller::Caller,
    connect::Service,
    failure::Failure,
    output::{self, Record},
    session::now_ms,
};

/// Whether the write of a line took place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// It was written.
    Written,
    /// AWS did not respond: the items may have been written.
    Unknown,
}

/// The destination of the lines.
#[derive(Debug)]
pub(crate) enum Audit {
    /// Standard error.
    Stderr,
    /// The end of a file.
    File(File),
}

impl Audit {
    /// Opens `path`, or stderr without one, before anything is written. A new file can be read by its
    /// owner alone.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be opened.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stderr);
        };
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot write to {}", path.display()))?;
        Ok(Self::File(file))
    }

    /// Appends `line` at once, so that lines of several commands in one file do not mix.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written to; the error says that the write itself took place.
    pub(crate) fn append(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let line = line.text()?;
        match self {
            Self::Stderr => io::stderr().write_all(line.as_bytes()),
            Self::File(file) => file.write_all(line.as_bytes()),
        }
        .with_context(|| format!("the audit line could not be written: {}", line.trim_end()))?;
        Ok(())
    }
}

/// The content of a line.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub caller: &'a Caller,
    pub service: &'a Service,
    pub command: &'static str,
    pub uuid: Option<Uuid>,
    pub changed: &'a [&'static str],
    pub outcome: Outcome,
    pub reason: Option<&'a str>,
}

impl Line<'_> {
    fn text(&self) -> Result<String, Failure> {
        let outcome = match self.outcome {
            Outcome::Written => "written",
            Outcome::Unknown => "unknown",
        };
        let record = Record::default()
            .with("at", output::time(now_ms()))
            .with("by", self.caller.by.as_str())
            .with("account", self.caller.account.as_deref())
            .with("region", self.service.region.as_deref())
            .with("service", self.service.name.as_str())
            .with("command", self.command)
            .with(
                "uuid",
                self.uuid
                    .map_or(Value::Null, |uuid| uuid.to_string().into()),
            )
            .with("changed", self.changed)
            .with("outcome", outcome)
            .with("reason", self.reason);
        let line = serde_json::to_string(&record).map_err(anyhow::Error::from)?;
        Ok(line + "\n")
    }
}
