//! `set-password`: gives an account a new password.

use clap::Args;
use secrecy::ExposeSecret as _;
use shared::user::{Email, Hasher, Password, PasswordHash, PasswordPolicy, Username};

use crate::{
    failure::Failure,
    prompt::NewPassword,
    session::{Session, now_ms},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address, username or uuid.
    login: String,

    #[command(flatten)]
    password: NewPassword,

    #[command(flatten)]
    policy: Policy,

    /// Leave the account's tokens as they are, instead of revoking all of them.
    #[arg(long)]
    keep_tokens: bool,
}

/// Which passwords are taken.
#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// Take any password, whatever the service's policy says.
    #[arg(long)]
    skip_policy: bool,
}

impl Policy {
    /// Checks `password`, new for the account of `email` and `username`, by the service's policy.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`]: it breaks rules, all of which are named.
    pub(crate) fn check(
        &self,
        session: &Session,
        password: &Password,
        email: &Email,
        username: Option<&Username>,
    ) -> Result<(), Failure> {
        let policy = PasswordPolicy::from_env(&session.service.env).map_err(anyhow::Error::from)?;
        let Err(errors) = policy.check(password, Some(email), username) else {
            return Ok(());
        };
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let errors = errors.join(" ");
        if self.skip_policy {
            eprintln!("warning: --skip-policy takes a password that the service refuses: {errors}");
            return Ok(());
        }
        Err(Failure::Refused(errors))
    }
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let account = session.accounts.find(&options.login).await?;
    let (password, made_up) = options.password.get(session.prompt)?;
    let user = &account.user;
    let policy = &options.policy;
    policy.check(session, &password, &user.email, Some(&user.username))?;
    let hash = hash(password).await?;
    let revoke_ms = (!options.keep_tokens).then(now_ms);
    let plan = session.accounts.set_password(&account, &hash, revoke_ms)?;
    session.apply(&plan).await?;
    let made_up = made_up.as_ref().filter(|_| !session.dry_run);
    let data = made_up.map(|text| ("password", text.expose_secret()));
    session.report(plan.uuid, &plan.changed, data.as_slice())
}

/// Hashes a password as the functions do.
///
/// # Errors
///
/// Fails if memory or randomness ran out.
pub(crate) async fn hash(password: Password) -> Result<PasswordHash, Failure> {
    let slot = Hasher::default().reserve().map_err(anyhow::Error::from)?;
    Ok(slot.hash(password).await.map_err(anyhow::Error::from)?)
}
