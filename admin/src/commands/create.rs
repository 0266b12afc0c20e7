//! `create`: registers an account, as sign-up does.

use clap::Args;
use secrecy::ExposeSecret as _;
use shared::{
    registry::{RegisterError, Registry},
    user::{Email, LoginKey, NewUser, Username},
};
use uuid::Uuid;

use super::set_password::{self, Policy};
use crate::{accounts::Taken, failure::Failure, prompt::NewPassword, session::Session};

/// Maximum number of usernames to try when none was given, as at sign-up.
const SUGGESTIONS: u32 = 5;

/// The parts of an account that a registration writes.
const CHANGED: [&str; 2] = ["profile", "logins"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address.
    email: String,

    /// Username; made from the address without it.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    #[command(flatten)]
    password: NewPassword,

    #[command(flatten)]
    policy: Policy,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let refused = |error: &dyn std::error::Error| Failure::Refused(error.to_string());
    let email = Email::parse(&options.email).map_err(|error| refused(&error))?;
    let username = options.username.as_deref().map(Username::parse);
    let username = username.transpose().map_err(|error| refused(&error))?;
    if session.dry_run {
        check_free(session, &email, username.as_ref()).await?;
    }
    let (password, made_up) = options.password.get(session.prompt)?;
    let policy = &options.policy;
    policy.check(session, &password, &email, username.as_ref())?;
    let mut user = NewUser {
        uuid: Uuid::new_v4(),
        username: username
            .clone()
            .unwrap_or_else(|| Username::suggest(&email, 0)),
        email,
        password_hash: set_password::hash(password).await?,
    };
    if session.dry_run {
        return session.report(None, &CHANGED, &[]);
    }
    session.begin().await?;
    let outcome = register(session, &mut user, username.is_none()).await;
    session.end(Some(user.uuid), &CHANGED, outcome)?;
    let mut data = Vec::new();
    if username.is_none() {
        data.push(("username", user.username.as_str()));
    }
    if let Some(text) = &made_up {
        data.push(("password", text.expose_secret()));
    }
    session.report(Some(user.uuid), &CHANGED, &data)
}

/// Registers `user`; if a username that was made up is taken, with another one.
async fn register(
    session: &Session,
    user: &mut NewUser,
    is_suggested: bool,
) -> Result<(), Failure> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&session.service.aws);
    let registry = Registry::from_env(&session.service.env, &dynamodb);
    let registry = registry.map_err(anyhow::Error::from)?;
    for attempt in 1..=SUGGESTIONS {
        match registry.register(user).await {
            Ok(()) => return Ok(()),
            Err(RegisterError::Aws(error)) => return Err(error.into()),
            Err(RegisterError::Taken { email: true, .. }) => {
                return Err(Failure::Refused(Taken::Email.to_string()));
            }
            Err(RegisterError::Taken { .. }) if is_suggested => {
                user.username = Username::suggest(&user.email, attempt);
            }
            Err(RegisterError::Taken { .. }) => {
                return Err(Failure::Refused(Taken::Username.to_string()));
            }
        }
    }
    Err(Failure::Refused(
        "every username that was made up is taken: repeat the command".to_owned(),
    ))
}

async fn check_free(
    session: &Session,
    email: &Email,
    username: Option<&Username>,
) -> Result<(), Failure> {
    if session.accounts.is_taken(&LoginKey::email(email)).await? {
        return Err(Failure::Refused(Taken::Email.to_string()));
    }
    let Some(username) = username else {
        return Ok(());
    };
    if session
        .accounts
        .is_taken(&LoginKey::username(username))
        .await?
    {
        return Err(Failure::Refused(Taken::Username.to_string()));
    }
    Ok(())
}
