//! `disable` and `enable`: shut accounts and open them again.

use clap::Args;

use crate::{failure::Failure, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Addresses, usernames or uuids; `-` reads them from stdin, one a line.
    #[arg(required = true, value_name = "LOGIN")]
    logins: Vec<String>,
}

/// Sets whether the accounts are disabled.
pub(crate) async fn run(
    options: &Options,
    session: &mut Session,
    disabled: bool,
) -> Result<(), Failure> {
    session
        .for_each(&options.logins, async |session, login| {
            let account = session.accounts.find(login).await?;
            if account.is_disabled()? == [disabled; 3] {
                return session.report(Some(account.user.uuid), &[], &[]);
            }
            let plan = session.accounts.set_disabled(&account, disabled)?;
            session.write(&plan).await
        })
        .await
}
