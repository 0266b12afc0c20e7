//! `log-out`: revokes all tokens of accounts.

use clap::Args;

use crate::{
    failure::Failure,
    session::{Session, now_ms},
};

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
            let plan = session.accounts.revoke_tokens(&account, now_ms())?;
            session.write(&plan).await
        })
        .await
}
