//! `change-email` and `change-username`: give an account another login.

use clap::Args;
use shared::user::{Email, LoginKey, Username};

use crate::{
    accounts::{Account, LoginKind, Taken},
    failure::Failure,
    session::{Session, now_ms},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address, username or uuid.
    login: String,

    /// New address or username, by the rules of sign-up.
    new: String,
}

/// Changes the login of this kind.
pub(crate) async fn run(
    options: &Options,
    session: &mut Session,
    kind: LoginKind,
) -> Result<(), Failure> {
    let refused = |error: &dyn std::error::Error| Failure::Refused(error.to_string());
    let account = session.accounts.find(&options.login).await?;
    let now_ms = now_ms();
    let (key, taken, plan) = match kind {
        LoginKind::Email => {
            let email = Email::parse(&options.new).map_err(|error| refused(&error))?;
            let plan = session.accounts.change_email(&account, &email, now_ms)?;
            (LoginKey::email(&email), Taken::Email, plan)
        }
        LoginKind::Username => {
            let username = Username::parse(&options.new).map_err(|error| refused(&error))?;
            let plan = session
                .accounts
                .change_username(&account, &username, now_ms)?;
            (LoginKey::username(&username), Taken::Username, plan)
        }
    };
    if session.dry_run && !has(&account, &key) && session.accounts.is_taken(&key).await? {
        return Err(Failure::Refused(taken.to_string()));
    }
    session.write(&plan).await
}

/// Returns whether `key` is one of the account's own.
fn has(account: &Account, key: &LoginKey) -> bool {
    account.logins.iter().any(|login| login.key == *key)
}
