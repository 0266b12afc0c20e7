//! Accounts that an import brings.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig},
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::AttributeValue,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};
use shared::{
    attempts::Failures,
    aws::AwsError,
    transaction::{self, cancellation_codes},
    user::{AvatarKey, Email, LoginKey, PasswordHash, PersonName, User, Username},
};
use uuid::Uuid;

use super::{
    Account, Accounts, Item, StoredLogin,
    plan::{LOGIN, Plan},
    text,
    write::Write,
};
use crate::failure::Failure;

/// How long a transaction is repeated while DynamoDB throttles it or does not respond. DynamoDB recognizes
/// a repetition for ten minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// The attribute of a profile by which a later import recognizes what nobody has touched since: a
/// digest of what was stored, a space, and a digest of what the file said.
const IMPORTED: &str = "imported";

/// The attributes of a profile.
const PROFILE: [&str; 9] = [
    "username",
    "email",
    "first_name",
    "last_name",
    "patronymic",
    "avatar",
    "disabled",
    "tokens_from",
    IMPORTED,
];

/// An account from elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// Its identity.
    pub uuid: Uuid,
    /// Its address.
    pub email: Email,
    /// Its username.
    pub username: Username,
    /// Whether the file has no such username.
    pub is_username_made_up: bool,
    /// The given name.
    pub first_name: Option<PersonName>,
    /// The family name.
    pub last_name: Option<PersonName>,
    /// The name derived from the father's.
    pub patronymic: Option<PersonName>,
    /// Its avatar, if the bucket has it.
    pub avatar: Option<AvatarKey>,
    /// Whether it may not be used.
    pub disabled: bool,
    /// Its password's hash.
    pub password_hash: Option<PasswordHash>,
    /// A digest of what its file says.
    pub original: Original,
}

/// A digest of what a file says of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Original(String);

impl Original {
    /// Returns the digest of fields by name.
    pub(crate) fn of(fields: Vec<(&str, String)>) -> Self {
        Self(digest(fields))
    }

    /// Whether `profile` was made of it.
    pub(crate) fn has_made(&self, profile: &Item) -> bool {
        marks(profile).is_some_and(|(_, original)| original == self.0)
    }
}

/// The outcome of a transaction of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempted {
    /// Which items' conditions failed; if one did, nothing was written.
    pub refused: Refused,
    /// How often DynamoDB throttled it or did not respond.
    pub throttled: u32,
}

/// Which conditions of a transaction of an import failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// That of the profile: the account is there, or has changed.
    pub profile: bool,
    /// That of the address: another account has it.
    pub email: bool,
    /// That of the username: another account has it.
    pub username: bool,
}

impl Refused {
    /// Whether nothing was refused.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl Incoming {
    /// The keys of its log-ins: of the address, then of the username.
    pub(crate) fn login_keys(&self) -> [LoginKey; 2] {
        LoginKey::both(&self.email, &self.username)
    }

    /// The item of `users`, whose tokens are refused if they were issued before `tokens_from_ms`.
    fn profile(&self, tokens_from_ms: Option<u64>) -> Item {
        let name = |name: &Option<PersonName>| name.as_ref().map(|name| name.as_str().to_owned());
        let mut item = self.item([
            ("first_name", name(&self.first_name)),
            ("last_name", name(&self.last_name)),
            ("patronymic", name(&self.patronymic)),
            ("avatar", self.avatar.as_ref().map(AvatarKey::to_string)),
        ]);
        let tokens_from = tokens_from_ms.map(|ms| AttributeValue::N(ms.to_string()));
        item.extend(tokens_from.map(|value| ("tokens_from".to_owned(), value)));
        let mark = format!("{} {}", state(&item, self.hash()), self.original.0);
        item.insert(IMPORTED.to_owned(), AttributeValue::S(mark));
        item
    }

    /// The item of `logins` with this key.
    fn login(&self, key: &LoginKey) -> Item {
        self.item([
            ("login", Some(key.as_str().to_owned())),
            ("password_hash", self.hash().map(str::to_owned)),
        ])
    }

    /// An item of this account with those of `more` that are there.
    fn item<const N: usize>(&self, more: [(&str, Option<String>); N]) -> Item {
        let common = [
            ("uuid", Some(self.uuid.to_string())),
            ("username", Some(self.username.as_str().to_owned())),
            ("email", Some(self.email.as_str().to_owned())),
        ];
        let texts = common.into_iter().chain(more);
        let texts = texts.filter_map(|(name, text)| Some((name, AttributeValue::S(text?))));
        let disabled = self.disabled.then_some(AttributeValue::Bool(true));
        let attributes = texts.chain(disabled.map(|disabled| ("disabled", disabled)));
        attributes
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The text of its password's hash.
    fn hash(&self) -> Option<&str> {
        self.password_hash.as_ref().map(PasswordHash::as_str)
    }
}

/// An account that an earlier import has brought.
#[derive(Debug)]
pub(crate) struct Brought(Account);

impl Brought {
    /// Whether nobody has touched it since: what is stored is what the import stored.
    pub(crate) fn is_untouched(&self) -> bool {
        let hash = self.0.password_hash();
        let same_hash = self
            .0
            .logins
            .iter()
            .all(|login| login.text("password_hash") == hash);
        let profile = &self.0.profile;
        same_hash && marks(profile).is_some_and(|(stored, _)| stored == state(profile, hash))
    }

    /// Its avatar.
    pub(crate) fn avatar(&self) -> Option<&AvatarKey> {
        self.0.user.avatar.as_ref()
    }
}

impl Accounts {
    /// Returns these accounts, but with a client that leaves repetitions to [`attempt`](Self::attempt).
    pub(crate) fn for_import(&self) -> Self {
        let config = self.dynamodb.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).build();
        Self {
            dynamodb: Client::from_conf(config),
            ..self.clone()
        }
    }

    /// Makes an account, if neither its identity nor its address nor its username is taken.
    pub(crate) fn bring(&self, new: &Incoming) -> Result<Plan, Failure> {
        let uuid = new.uuid.to_string();
        let mut plan = Plan::new(Some(new.uuid), &["profile", "logins"])
            .and(Write::new(&self.users, "uuid", &uuid).put(new.profile(None)))?;
        for key in new.login_keys() {
            let item = new.login(&key);
            plan = plan.and(Write::new(&self.logins, "login", key.as_str()).put(item))?;
        }
        Ok(plan)
    }

    /// Reads the log-ins of the account of `profile`. One `BatchGetItem`.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond.
    pub(crate) async fn brought(&self, user: User, profile: Item) -> Result<Brought, Failure> {
        let keys = LoginKey::both(&user.email, &user.username);
        let stored = keys.iter().map(|key| key.as_str().to_owned());
        let mut items = self.login_items_of(stored).await?;
        let logins = keys.map(|key| StoredLogin {
            failures: Failures::default(),
            item: items.remove(key.as_str()),
            key,
        });
        Ok(Brought(Account {
            user,
            logins,
            profile,
        }))
    }

    /// Gives an account what `new` says, but for its address and its username, if it is still as it was
    /// read. A new password revokes the tokens that were issued before `now_ms`.
    pub(crate) fn bring_again(
        &self,
        Brought(account): &Brought,
        new: &Incoming,
        now_ms: u64,
    ) -> Result<Plan, Failure> {
        let user = &account.user;
        let new = Incoming {
            email: user.email.clone(),
            username: user.username.clone(),
            ..new.clone()
        };
        let logins = account.login_items()?;
        let tokens_from_ms = if account.password_hash() == new.hash() {
            user.tokens_from_ms
        } else {
            Some(now_ms.max(user.tokens_from_ms.unwrap_or_default()))
        };
        let uuid = user.uuid.to_string();
        let mut plan = Plan::new(Some(user.uuid), &["profile", "logins"]).and(
            Write::new(&self.users, "uuid", &uuid)
                .exists()
                .unchanged(&account.profile, &PROFILE)
                .put_over(new.profile(tokens_from_ms)),
        )?;
        for (key, item) in logins {
            plan = plan.and(
                Write::new(&self.logins, "login", key.as_str())
                    .unchanged(item, &LOGIN)
                    .put_over(new.login(key)),
            )?;
        }
        Ok(plan)
    }

    /// Carries out a plan of an import, and repeats it while DynamoDB throttles it or does not respond.
    ///
    /// # Errors
    ///
    /// - [`Failure::Denied`]: nothing was written.
    /// - [`Failure::Other`]: it is unknown whether it was written.
    pub(crate) async fn attempt(&self, plan: &Plan) -> Result<Attempted, Failure> {
        let request = self
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(plan.items.clone()))
            .client_request_token(Uuid::new_v4().to_string());
        let start = Instant::now();
        let mut throttled = 0;
        loop {
            let refused = match request.clone().send().await {
                Ok(_) => Some(Refused::default()),
                Err(error) => match refused(&error) {
                    None if !is_temporary(&error) || start.elapsed() > PATIENCE => {
                        return Err(Failure::of_call("dynamodb:TransactWriteItems", &error));
                    }
                    refused => refused,
                },
            };
            if let Some(refused) = refused {
                return Ok(Attempted { refused, throttled });
            }
            throttled += 1;
            tokio::time::sleep(transaction::backoff(throttled)).await;
        }
    }
}

type TransactionFailure = SdkError<TransactWriteItemsError, HttpResponse>;

/// Which conditions failed; `None` if none did.
fn refused(error: &TransactionFailure) -> Option<Refused> {
    let codes = cancellation_codes(error);
    let failed = |item: usize| codes.get(item) == Some(&"ConditionalCheckFailed");
    let refused = Refused {
        profile: failed(0),
        email: failed(1),
        username: failed(2),
    };
    (!refused.is_nothing()).then_some(refused)
}

/// Whether a repetition may succeed.
fn is_temporary(error: &TransactionFailure) -> bool {
    let codes = cancellation_codes(error);
    let is_wrong = codes.contains(&"ValidationError") || codes.contains(&"DuplicateItem");
    let error = AwsError::new("TransactWriteItems", error);
    !is_wrong && matches!(error, AwsError::Unavailable { .. })
}

/// The two digests in a profile: of what was stored, and of what the file said.
fn marks(profile: &Item) -> Option<(&str, &str)> {
    text(profile, IMPORTED)?.split_once(' ')
}

/// A digest of a profile and the hash of its password.
fn state(profile: &Item, hash: Option<&str>) -> String {
    let attributes = profile.iter().filter(|(name, _)| *name != IMPORTED);
    let mut parts: Vec<_> = attributes
        .map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
                AttributeValue::Bool(value) => value.to_string(),
                other => format!("{other:?}"),
            };
            (name.as_str(), value)
        })
        .collect();
    parts.push(("password_hash", hash.unwrap_or_default().to_owned()));
    digest(parts)
}

/// The first 128 bits of SHA-256 over named texts, in the order of their names.
fn digest(mut parts: Vec<(&str, String)>) -> String {
    parts.sort_unstable();
    let mut digest = Context::new(&SHA256);
    for (name, value) in parts {
        for text in [name, value.as_str()] {
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
    URL_SAFE_NO_PAD.encode(&digest.finish().as_ref()[..16])
}
