//! `unlock`: forgets the failed log-ins of accounts.

use clap::Args;

use crate::{failure::Failure, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Addresses, usernames or uuids; `-` reads them from stdin, one a line.
    #[arg(required = true, value_name = "LOGIN")]
    logins: Vec<String>,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    session
        .for_each(&options.logins, async |session, login| {
            let account = session.accounts.find(login).await?;
            let failures = account.logins.iter().map(|login| login.failures.failures);
            if failures.sum::<u32>() == 0 {
                return session.report(Some(account.user.uuid), &[], &[]);
            }
            let plan = session.accounts.unlock(&account)?;
            session.write(&plan).await
        })
        .await
}
