//! `show`: what is stored about accounts, but for the hashes of passwords.

use serde_json::{Value, json};
use shared::user::AvatarUrls;

use super::Logins;
use crate::{
    accounts::{Account, LoginKind, StoredLogin},
    failure::Failure,
    output::{self, Record},
    password_kind::PasswordKind,
    session::{Session, now_ms},
};

pub(crate) async fn run(accounts: &Logins, session: &mut Session) -> Result<(), Failure> {
    let avatars = avatar_urls(session)?;
    session
        .for_each(&accounts.logins, async |session, login| {
            let account = session.accounts.find(login).await?;
            Ok(session.format.print(&describe(&account, &avatars))?)
        })
        .await
}

/// Where the service's avatars are.
///
/// # Errors
///
/// Fails if the service does not say.
pub(crate) fn avatar_urls(session: &Session) -> Result<AvatarUrls, Failure> {
    Ok(AvatarUrls::from_env(&session.service.env).map_err(anyhow::Error::from)?)
}

/// Describes `account`.
pub(crate) fn describe(account: &Account, avatars: &AvatarUrls) -> Record {
    let profile = account.user.profile(avatars);
    let record = Record::default()
        .with("uuid", profile.uuid.to_string())
        .with("username", profile.username)
        .with("email", profile.email)
        .with("first_name", profile.first_name)
        .with("last_name", profile.last_name)
        .with("patronymic", profile.patronymic)
        .with("avatar", profile.avatar)
        .with("disabled", account.user.disabled)
        .with("password", password(account))
        .with("tokens_from", account.user.tokens_from_ms.map(output::time));
    let now_ms = now_ms();
    LoginKind::BOTH
        .iter()
        .zip(&account.logins)
        .fold(record, |record, (kind, login)| {
            let [failures, locked] = match kind {
                LoginKind::Email => ["email_failures", "email_locked_until"],
                LoginKind::Username => ["username_failures", "username_locked_until"],
            };
            record
                .with(failures, login.failures.failures)
                .with(locked, locked_until(login, now_ms))
        })
}

/// The kind of the stored hash; `null` where the account has no password.
pub(crate) fn password(account: &Account) -> Value {
    let hash = account.password_hash();
    hash.map_or(Value::Null, |hash| {
        json!(PasswordKind::of(hash).to_string())
    })
}

/// Until when the next attempt on `login` is refused.
pub(crate) fn locked_until(login: &StoredLogin, now_ms: u64) -> Option<String> {
    let wait = login.failures.wait(now_ms)?;
    let wait_ms = u64::try_from(wait.as_millis()).ok()?;
    Some(output::time(now_ms.saturating_add(wait_ms)))
}
