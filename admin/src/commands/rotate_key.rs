//! `rotate-key`: a new key to sign tokens with.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, anyhow};
use aws_sdk_secretsmanager::{Client, types::SecretVersionsListEntry};
use clap::Args;
use secrecy::zeroize::Zeroizing;
use serde_json::Value;
use shared::{env::Env, token::Lifetime};

use crate::{
    failure::Failure,
    output::{self, Record},
    session::{Session, now_ms},
};

/// Maximum time for which a function uses the keys that it has fetched.
const CACHED: Duration = Duration::from_secs(5 * 60);

/// The label of a version that is not yet the key.
const PENDING: &str = "ACCOUNTS_PENDING";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only tell when the key was rotated, and when it may be again.
    #[arg(long)]
    status: bool,

    /// Rotate twice, because the key has leaked: within five minutes all tokens are refused, and
    /// everybody has to log in again.
    #[arg(long, conflicts_with = "status")]
    twice: bool,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let key = SigningKey::new(session)?;
    let state = key.state().await?;
    if options.status {
        return Ok(session.format.print(&state.describe(key.lifetime))?);
    }
    let next_ms = state.next_rotation_ms(key.lifetime);
    if !options.twice && now_ms() < next_ms {
        return Err(Failure::Refused(format!(
            "tokens of the key before are still good: rotate after {}, or with --twice if the key has leaked",
            output::time(next_ms)
        )));
    }
    let rotations = if options.twice {
        let all = "log everybody out";
        if !session.dry_run {
            session.prompt.confirm(all, "all")?;
        }
        2
    } else {
        1
    };
    if !session.dry_run {
        session.begin().await?;
        let mut current = state.current_id;
        for _ in 0..rotations {
            let outcome = key.rotate(&current).await;
            current = session.end(None, &["signing_key"], outcome)?;
        }
    }
    let end_ms = now_ms() + millis(CACHED);
    let end = if options.twice {
        format!(
            "all tokens are refused from {} on at the latest",
            output::time(end_ms)
        )
    } else {
        let end_ms = end_ms + millis(key.lifetime);
        format!(
            "tokens of the key before are good until they expire, until {} at most",
            output::time(end_ms)
        )
    };
    eprintln!("{end}");
    session.report(None, &["signing_key"], &[])
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The secret whose versions are the keys.
struct SigningKey {
    client: Client,
    id: String,
    lifetime: Duration,
}

/// The versions of the secret that count.
struct State {
    current_id: String,
    current_since_ms: u64,
    previous_since_ms: Option<u64>,
}

impl State {
    /// The earliest time at which a rotation invalidates no unexpired token.
    ///
    /// A function may sign with the version before for [`CACHED`] after a rotation. A secret that was never
    /// rotated has no such version.
    fn next_rotation_ms(&self, lifetime: Duration) -> u64 {
        if self.previous_since_ms.is_none() {
            return 0;
        }
        self.current_since_ms + millis(lifetime) + millis(CACHED)
    }

    fn describe(&self, lifetime: Duration) -> Record {
        let next_ms = self.next_rotation_ms(lifetime);
        let wait = (now_ms() < next_ms).then(|| output::time(next_ms));
        Record::default()
            .with("current_version", self.current_id.as_str())
            .with("current_since", output::time(self.current_since_ms))
            .with("previous_since", self.previous_since_ms.map(output::time))
            .with("token_ttl_seconds", lifetime.as_secs())
            .with("next_rotation_from", wait.map_or(Value::Null, Value::from))
    }
}

impl SigningKey {
    fn new(session: &Session) -> Result<Self, Failure> {
        let env: &Env = &session.service.env;
        let Some(id) = env.optional("JWT_SECRET_ID") else {
            return Err(Failure::Refused(
                "a local service has no secret to rotate: delete jwt_secret in its data folder and start it again".to_owned(),
            ));
        };
        let lifetime = Lifetime::from_env(env).map_err(anyhow::Error::from)?;
        Ok(Self {
            client: Client::new(&session.service.aws),
            id: id.to_owned(),
            lifetime: lifetime.duration(),
        })
    }

    async fn state(&self) -> Result<State, Failure> {
        let (mut current, mut previous) = (None, None);
        let request = self.client.list_secret_version_ids().secret_id(&self.id);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| Failure::of_call("secretsmanager:ListSecretVersionIds", &error))?;
            for version in page.versions.unwrap_or_default() {
                let has = |label: &str| version.version_stages().iter().any(|stage| stage == label);
                if has("AWSCURRENT") {
                    current = Some(version);
                } else if has("AWSPREVIOUS") {
                    previous = Some(version);
                }
            }
        }
        let current = current.context("the secret of the signing key has no current version")?;
        let since = |version: &SecretVersionsListEntry| {
            let created = version.created_date().map(|date| date.to_millis());
            let millis = created
                .and_then(Result::ok)
                .and_then(|ms| u64::try_from(ms).ok());
            millis.context("a version of the secret has no date")
        };
        let id = current
            .version_id()
            .context("a version of the secret has no id")?;
        Ok(State {
            current_id: id.to_owned(),
            current_since_ms: since(&current)?,
            previous_since_ms: previous.as_ref().map(since).transpose()?,
        })
    }

    /// Makes a new version the key in place of `current`, and returns its id.
    ///
    /// The version is stored under another label first: moving `AWSCURRENT` fails if `current` no longer
    /// has it, so of two operators at once only one rotates.
    async fn rotate(&self, current: &str) -> Result<String, Failure> {
        let stored = self
            .client
            .put_secret_value()
            .secret_id(&self.id)
            .secret_string(random_key()?.as_str())
            .version_stages(PENDING)
            .send()
            .await
            .map_err(|error| Failure::of_call("secretsmanager:PutSecretValue", &error))?;
        let id = stored.version_id.context("the new version has no id")?;
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(&self.id)
            .version_stage("AWSCURRENT")
            .move_to_version_id(&id)
            .remove_from_version_id(current)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(id),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_invalid_parameter_exception()) =>
            {
                Err(Failure::Refused(
                    "another rotation was faster: see rotate-key --status".to_owned(),
                ))
            }
            Err(error) => Err(Failure::of_call(
                "secretsmanager:UpdateSecretVersionStage",
                &error,
            )),
        }
    }
}

/// 256 random bits in hexadecimal.
fn random_key() -> Result<Zeroizing<String>, Failure> {
    let mut bits = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *bits)
        .map_err(|error| anyhow!("this machine has no random bytes: {error}"))?;
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in *bits {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
