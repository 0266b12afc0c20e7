//! `export`: what is stored about one person, for that person.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::{Value, json};

use super::{avatars, show};
use crate::{
    accounts::LoginKind,
    failure::Failure,
    output::{self, Record, print_line},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address, username or uuid.
    login: String,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let account = session.accounts.find(&options.login).await?;
    let urls = show::avatar_urls(session)?;
    let profile = account.user.profile(&urls);
    let avatar = match &account.user.avatar {
        None => Value::Null,
        Some(key) => {
            let picture = avatars::read(session, key.as_str()).await?;
            json!({
                "url": profile.avatar,
                "media_type": "image/webp",
                "base64": picture.map(|bytes| STANDARD.encode(bytes)),
            })
        }
    };
    let mut failed_log_ins = serde_json::Map::new();
    for (kind, login) in LoginKind::BOTH.iter().zip(&account.logins) {
        let failures = login.failures;
        let last = (failures.failures > 0).then(|| output::time(failures.last_ms));
        let value = json!({ "count": failures.failures, "last": last });
        failed_log_ins.insert(kind.to_string(), value);
    }
    let record = Record::default()
        .with("uuid", profile.uuid.to_string())
        .with("username", profile.username)
        .with("email", profile.email)
        .with("first_name", profile.first_name)
        .with("last_name", profile.last_name)
        .with("patronymic", profile.patronymic)
        .with("avatar", avatar)
        .with("disabled", account.user.disabled)
        .with("tokens_from", account.user.tokens_from_ms.map(output::time))
        // Export only that there is a password: its hash is of no use to its owner.
        .with("password", show::password(&account))
        .with("failed_log_ins", failed_log_ins);
    let text = serde_json::to_string_pretty(&record).map_err(anyhow::Error::from)?;
    Ok(print_line(&text)?)
}
