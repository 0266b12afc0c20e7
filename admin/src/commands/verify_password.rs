//! `verify-password`: verifies a password without counting an attempt.

use anyhow::Context as _;
use clap::Args;
use shared::user::{Hasher, PasswordHash, Verdict};

use crate::{
    failure::Failure, output::Record, password_kind::PasswordKind, prompt::KnownPassword,
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address, username or uuid.
    login: String,

    #[command(flatten)]
    password: KnownPassword,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let account = session.accounts.find(&options.login).await?;
    let Some(stored) = account.password_hash() else {
        return Err(Failure::Refused("the account has no password".to_owned()));
    };
    let hash = PasswordHash::parse(stored).context("the stored hash is damaged")?;
    let password = options.password.get(session.prompt)?;
    let slot = Hasher::default().reserve().map_err(anyhow::Error::from)?;
    let verdict = slot.verify(Some(password), Some(hash)).await;
    let is_right = match verdict.map_err(anyhow::Error::from)? {
        Verdict::Right | Verdict::Outdated(_) => true,
        Verdict::Wrong => false,
    };
    let record = Record::default()
        .with("uuid", account.user.uuid.to_string())
        .with("password", PasswordKind::of(stored).to_string())
        .with("right", is_right)
        .with("disabled", account.user.disabled);
    session.format.print(&record)?;
    if is_right {
        Ok(())
    } else {
        Err(Failure::Refused("the password is wrong".to_owned()))
    }
}
