//! The context of a command: the service, how to print and to ask, and the way in which it writes.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    accounts::{Accounts, Plan},
    audit::{Audit, Line, Outcome},
    caller::Caller,
    connect::{Service, Target},
    failure::Failure,
    output::{Format, Record},
    prompt::{self, Prompt},
};

/// The flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,

    /// How data is printed on stdout.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    output: Format,

    /// Never ask; fail and name the flag that is missing.
    #[arg(long, global = true, help_heading = "Output")]
    no_input: bool,

    /// Do everything but write.
    #[arg(long, global = true, help_heading = "Writing")]
    dry_run: bool,

    /// Confirm beforehand what would be asked for.
    #[arg(long, global = true, help_heading = "Writing")]
    yes: bool,

    /// Why, for the audit; a ticket's number, for example, and nothing personal.
    #[arg(long, global = true, value_name = "TEXT", help_heading = "Writing")]
    reason: Option<String>,

    /// File to append an audit line to for each write; stderr without it.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Writing")]
    audit: Option<PathBuf>,
}

/// One run of a command.
#[derive(Debug)]
pub(crate) struct Session {
    /// The service.
    pub service: Service,
    /// Its accounts.
    pub accounts: Accounts,
    /// How data is printed.
    pub format: Format,
    /// How people are asked.
    pub prompt: Prompt,
    /// Whether nothing may be written.
    pub dry_run: bool,
    command: &'static str,
    reason: Option<String>,
    audit: Audit,
    caller: Option<Caller>,
}

impl Session {
    /// Finds the service for `command`.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or the audit cannot be written.
    pub(crate) async fn open(options: Options, command: &'static str) -> Result<Self, Failure> {
        let service = options.target.connect().await?;
        let dynamodb = aws_sdk_dynamodb::Client::new(&service.aws);
        Ok(Self {
            accounts: Accounts::from_env(&service.env, dynamodb)?,
            format: options.output,
            prompt: Prompt::new(options.no_input, options.yes),
            dry_run: options.dry_run,
            command,
            reason: options.reason,
            audit: Audit::open(options.audit.as_deref())?,
            caller: None,
            service,
        })
    }

    /// Carries out `plan` and reports it, or only reports what it would change.
    ///
    /// # Errors
    ///
    /// Those of [`Accounts::carry_out`], and fails if the audit line cannot be written.
    pub(crate) async fn write(&mut self, plan: &Plan) -> Result<(), Failure> {
        self.apply(plan).await?;
        self.report(plan.uuid, &plan.changed, &[])
    }

    /// Carries out `plan`, unless this is a dry run.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    pub(crate) async fn apply(&mut self, plan: &Plan) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        self.begin().await?;
        let outcome = self.accounts.carry_out(plan).await;
        self.end(plan.uuid, &plan.changed, outcome)
    }

    /// Runs `action` for each of `logins`, even after a failure.
    ///
    /// # Errors
    ///
    /// The failure of the only one, or [`Failure::Several`].
    pub(crate) async fn for_each(
        &mut self,
        logins: &[String],
        mut action: impl AsyncFnMut(&mut Self, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let logins = prompt::logins(logins)?;
        let mut first = None;
        let mut failed = 0;
        for login in &logins {
            let Err(failure) = action(self, login).await else {
                continue;
            };
            if logins.len() == 1 {
                return Err(failure);
            }
            eprintln!("error: {login}: {failure}");
            failed += 1;
            first.get_or_insert(failure);
        }
        match first {
            None => Ok(()),
            Some(first) => Err(Failure::Several {
                first: Box::new(first),
                failed,
                of: logins.len(),
            }),
        }
    }

    /// Names the service and the caller on stderr, once, before the first write.
    ///
    /// # Errors
    ///
    /// Fails if the caller is unknown.
    pub(crate) async fn begin(&mut self) -> Result<(), Failure> {
        if self.caller.is_some() {
            return Ok(());
        }
        let caller = Caller::of(&self.service).await?;
        let place = match (&caller.account, &self.service.region) {
            (Some(account), Some(region)) => {
                format!("stack {}, account {account}, {region}", self.service.name)
            }
            _ => self.service.name.clone(),
        };
        eprintln!("{}: {place}, as {}", self.command, caller.by);
        self.caller = Some(caller);
        Ok(())
    }

    /// Writes the audit line of a write that has ended, and returns its outcome.
    ///
    /// # Errors
    ///
    /// The failure in `outcome`, or that of writing the line.
    pub(crate) fn end<T>(
        &mut self,
        uuid: Option<Uuid>,
        changed: &[&'static str],
        outcome: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let written = match &outcome {
            Ok(_) => Outcome::Written,
            Err(Failure::Other(_)) => Outcome::Unknown,
            // Nothing was written.
            Err(_) => return outcome,
        };
        if let Some(caller) = &self.caller {
            self.audit.append(&Line {
                caller,
                service: &self.service,
                command: self.command,
                uuid,
                changed,
                outcome: written,
                reason: self.reason.as_deref(),
            })?;
        }
        outcome
    }

    /// Reports what was or would be changed: as a line on stderr for people, or as JSON on stdout.
    /// `data` follows on stdout in either case.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written.
    pub(crate) fn report(
        &self,
        uuid: Option<Uuid>,
        changed: &[&'static str],
        data: &[(&'static str, &str)],
    ) -> Result<(), Failure> {
        if self.format == Format::Json {
            let uuid = uuid.map_or(Value::Null, |uuid| uuid.to_string().into());
            let record = Record::default()
                .with("command", self.command)
                .with("uuid", uuid)
                .with("changed", changed)
                .with("dry_run", self.dry_run);
            let fields = data.iter();
            let record = fields.fold(record, |record, (name, text)| record.with(name, *text));
            return Ok(self.format.print(&record)?);
        }
        let verb = if self.dry_run {
            "would change"
        } else {
            "changed"
        };
        let account = uuid.map(|uuid| format!(" of {uuid}")).unwrap_or_default();
        let fields = changed.join(", ").replace('_', " ");
        let fields = if changed.is_empty() {
            "nothing"
        } else {
            &fields
        };
        eprintln!("{verb} {fields}{account}");
        for (_, text) in data {
            crate::output::print_line(text)?;
        }
        Ok(())
    }
}

/// The time of a write, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
