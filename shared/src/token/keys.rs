use std::{fmt, iter, time::Duration};

use aws_sdk_secretsmanager::{Client, operation::get_secret_value::GetSecretValueError};
use aws_types::SdkConfig;
use jsonwebtoken::{DecodingKey, EncodingKey};
use lambda_http::tracing;
use tokio::{sync::Mutex, time::Instant};

use super::hs256;
use crate::{
    aws::AwsError,
    env::{Env, EnvError},
};

/// An HS256 key and its id.
#[derive(Clone)]
pub struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Key {
    /// Minimum size of a secret: the size of the hash's output (RFC 7518, section 3.2).
    pub const MIN_BYTES: usize = 32;

    /// Returns the key of `secret`, or `None` if that is shorter than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn new(id: &str, secret: &str) -> Option<Self> {
        hs256::install();
        (secret.len() >= Self::MIN_BYTES).then(|| Self {
            id: id.to_owned(),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
        })
    }

    /// Returns the id that tokens name the key by (`kid`).
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// Redacted.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.id)
    }
}

/// The keys that sign and verify tokens.
///
/// On AWS they are the versions of one secret: the current one signs, the current and the previous
/// one verify, so a rotation of the secret logs nobody out. `kid` is the version's id.
#[derive(Debug)]
pub struct Keys(KeySource);

#[derive(Debug)]
enum KeySource {
    /// One key that never changes, for use outside of AWS.
    Fixed(Key),
    /// The versions of a secret in Secrets Manager.
    Secret(Box<Secret>),
}

impl Keys {
    /// Reads `JWT_SECRET_ID`, the id of a secret in Secrets Manager, and fetches the secret; or
    /// else `JWT_SECRET`, a secret of at least 32 bytes.
    ///
    /// An unreachable Secrets Manager is not an error here: the keys are fetched again when a request
    /// needs them.
    ///
    /// # Errors
    ///
    /// - [`EnvError::MissingEither`]: neither is set.
    /// - [`EnvError::Invalid`]: the secret is missing or too short.
    pub async fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        const SECRET_ID: &str = "JWT_SECRET_ID";
        const SECRET: &str = "JWT_SECRET";
        let Some(secret_id) = env.optional(SECRET_ID) else {
            let secret = env.optional(SECRET).ok_or(EnvError::MissingEither {
                names: [SECRET_ID, SECRET],
            })?;
            let key = Key::new("local", secret).ok_or(EnvError::Invalid {
                name: SECRET,
                rule: "at least 32 bytes long",
            })?;
            return Ok(Self(KeySource::Fixed(key)));
        };
        let secret = Secret::new(Client::new(aws), secret_id);
        match secret.current().await {
            Err(KeysError::Unusable) => Err(EnvError::Invalid {
                name: SECRET_ID,
                rule: "the id of a secret of at least 32 bytes",
            }),
            Ok(_) | Err(KeysError::Aws(_)) => Ok(Self(KeySource::Secret(Box::new(secret)))),
        }
    }

    /// Returns the key that signs.
    ///
    /// # Errors
    ///
    /// Any [`KeysError`].
    pub async fn signing(&self) -> Result<Key, KeysError> {
        match &self.0 {
            KeySource::Fixed(key) => Ok(key.clone()),
            KeySource::Secret(secret) => secret.current().await,
        }
    }

    /// Returns the key with the id `kid`, or `None` if this service has no such key.
    ///
    /// # Errors
    ///
    /// Any [`KeysError`].
    pub async fn verifying(&self, kid: &str) -> Result<Option<Key>, KeysError> {
        match &self.0 {
            KeySource::Fixed(key) => Ok((key.id == kid).then(|| key.clone())),
            KeySource::Secret(secret) => secret.find(kid).await,
        }
    }
}

/// A secret whose current and previous version are keys. They are fetched again when they are five
/// minutes old, or when a token names a key that is not among them.
struct Secret {
    client: Client,
    id: String,
    cache: Mutex<Cache>,
}

struct Cache {
    versions: Option<Versions>,
    /// The time and the result of the last fetch.
    fetched: Option<(Instant, Result<(), KeysError>)>,
}

struct Versions {
    current: Key,
    previous: Option<Key>,
}

impl Secret {
    /// Maximum age of fetched keys.
    const MAX_AGE: Duration = Duration::from_secs(5 * 60);

    /// Minimum time between two fetches, so that tokens with invented ids cannot cause one each.
    const MIN_PAUSE: Duration = Duration::from_secs(10);

    /// Shorter pause while no key has been fetched yet: until then every request fails.
    const MIN_PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

    fn new(client: Client, id: &str) -> Self {
        Self {
            client,
            id: id.to_owned(),
            cache: Mutex::new(Cache {
                versions: None,
                fetched: None,
            }),
        }
    }

    async fn current(&self) -> Result<Key, KeysError> {
        let mut cache = self.cache.lock().await;
        let outcome = self.refresh(&mut cache, Self::MAX_AGE).await;
        match &cache.versions {
            Some(versions) => Ok(versions.current.clone()),
            None => Err(outcome.err().unwrap_or(KeysError::Unusable)),
        }
    }

    async fn find(&self, kid: &str) -> Result<Option<Key>, KeysError> {
        let mut cache = self.cache.lock().await;
        let mut outcome = Ok(());
        for max_age in [Self::MAX_AGE, Self::MIN_PAUSE] {
            outcome = self.refresh(&mut cache, max_age).await;
            if let Some(key) = cache
                .versions
                .as_ref()
                .and_then(|versions| versions.find(kid))
            {
                return Ok(Some(key.clone()));
            }
        }
        outcome.map(|()| None)
    }

    /// Fetches the secret if the last fetch is older than `max_age`, and returns the result of the last
    /// fetch. A failed fetch keeps the old keys, and is retried soon.
    async fn refresh(&self, cache: &mut Cache, max_age: Duration) -> Result<(), KeysError> {
        if let Some((fetched, outcome)) = &cache.fetched {
            let max_age = match (outcome, &cache.versions) {
                (Ok(()), _) => max_age,
                (Err(_), Some(_)) => Self::MIN_PAUSE,
                (Err(_), None) => Self::MIN_PAUSE_WITHOUT_KEYS,
            };
            if fetched.elapsed() < max_age {
                return outcome.clone();
            }
        }
        // Box the fetch: most requests need none, and would still carry the size of its state.
        let outcome = Box::pin(self.fetch())
            .await
            .map(|versions| cache.versions = Some(versions));
        if let Err(error) = &outcome {
            tracing::warn!(%error, "the signing keys could not be fetched");
        }
        cache.fetched = Some((Instant::now(), outcome.clone()));
        outcome
    }

    async fn fetch(&self) -> Result<Versions, KeysError> {
        let (current, previous) =
            tokio::join!(self.version("AWSCURRENT"), self.version("AWSPREVIOUS"));
        Ok(Versions {
            current: current?.ok_or(KeysError::Unusable)?,
            // A previous version that is not a valid key never signed a token, so ignore it.
            previous: match previous {
                Err(KeysError::Unusable) => None,
                previous => previous?,
            },
        })
    }

    /// Returns the key in the version with the label `stage`, or `None` if there is no such version.
    async fn version(&self, stage: &str) -> Result<Option<Key>, KeysError> {
        let outcome = self
            .client
            .get_secret_value()
            .secret_id(&self.id)
            .version_stage(stage)
            .send()
            .await;
        let output = match outcome {
            Ok(output) => output,
            Err(error) => {
                return match error.as_service_error() {
                    Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                    _ => Err(AwsError::new("GetSecretValue", &error).into()),
                };
            }
        };
        match (output.version_id(), output.secret_string()) {
            (Some(id), Some(secret)) => Key::new(id, secret).map(Some).ok_or(KeysError::Unusable),
            _ => Err(KeysError::Unusable),
        }
    }
}

impl Versions {
    fn find(&self, kid: &str) -> Option<&Key> {
        iter::once(&self.current)
            .chain(&self.previous)
            .find(|key| key.id == kid)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({})", self.id)
    }
}

/// Why no key was returned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeysError {
    /// The call to Secrets Manager failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret has no current version, or one that is shorter than [`Key::MIN_BYTES`].
    #[error("the secret is missing or too short")]
    Unusable,
}
