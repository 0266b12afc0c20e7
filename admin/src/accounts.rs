//! The accounts: profile, log-ins and failed attempts together. The functions' roles may not read them
//! together, and may not delete them.

mod incoming;
mod pages;
mod plan;
mod tombstones;
mod write;

use std::{collections::HashMap, fmt};

use anyhow::Context as _;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Get, TransactGetItem},
};
use shared::{
    attempts::{self, Failures},
    env::Env,
    user::{LoginKey, User},
    users,
};
use uuid::Uuid;

pub(crate) use self::{
    incoming::{Attempted, Incoming, Original, Refused},
    plan::{Plan, Taken},
    tombstones::Tombstones,
};
use crate::failure::Failure;

/// An item of a table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// How an account is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// By its identity.
    Uuid(Uuid),
    /// By an address or a username.
    Login(LoginKey),
}

impl Selector {
    /// Reads a uuid, or what somebody would type to log in.
    ///
    /// A username may look like a uuid, so one that does is not looked up as a username: an account
    /// cannot pass for another by its name.
    pub(crate) fn parse(raw: &str) -> Self {
        match Uuid::try_parse(raw.trim()) {
            Ok(uuid) => Self::Uuid(uuid),
            Err(_) => Self::Login(LoginKey::typed(raw)),
        }
    }
}

/// The three tables.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    dynamodb: Client,
    users: String,
    logins: String,
    attempts: String,
}

/// An account as it was at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The profile.
    pub user: User,
    /// Its two log-ins: the address, then the username.
    pub logins: [StoredLogin; 2],
    profile: Item,
}

/// One of the two items of an account in `logins`, with the failed attempts on it.
#[derive(Clone, Debug)]
pub(crate) struct StoredLogin {
    /// Its key.
    pub key: LoginKey,
    /// Consecutive failed attempts.
    pub failures: Failures,
    /// The item; none where the account is damaged.
    pub item: Option<Item>,
}

/// The attribute `name` of `item`, if it is a string.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

impl StoredLogin {
    /// The attribute `name`, if it is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text(self.item.as_ref()?, name)
    }
}

impl Account {
    /// The stored text of the password's hash; none where the account has no password.
    pub(crate) fn password_hash(&self) -> Option<&str> {
        self.logins
            .iter()
            .find_map(|login| login.text("password_hash"))
    }

    /// Whether each of the three items says that the account is disabled; a missing item does not.
    ///
    /// # Errors
    ///
    /// Fails if one says something that is not a boolean.
    pub(crate) fn is_disabled(&self) -> Result<[bool; 3], Failure> {
        let of = |item: Option<&Item>| item.map_or(Ok(false), shared::item::disabled);
        let [email, username] = &self.logins;
        Ok([
            self.user.disabled,
            of(email.item.as_ref())?,
            of(username.item.as_ref())?,
        ])
    }

    /// The items of both log-ins, each with its key.
    ///
    /// # Errors
    ///
    /// Fails if one is missing or belongs to another account: `check` tells more.
    pub(crate) fn login_items(&self) -> Result<[(&LoginKey, &Item); 2], Failure> {
        let [email, username] = &self.logins;
        let uuid = self.user.uuid.to_string();
        let item = |login: &StoredLogin| login.text("uuid") == Some(&uuid);
        match (&email.item, &username.item) {
            (Some(of_email), Some(of_username)) if item(email) && item(username) => {
                Ok([(&email.key, of_email), (&username.key, of_username)])
            }
            _ => Err(Failure::Refused(format!(
                "the log-ins of the account {uuid} are damaged: see `accounts-admin check`"
            ))),
        }
    }
}

impl Accounts {
    /// Reads the names of the tables.
    ///
    /// # Errors
    ///
    /// Fails if one is missing.
    pub(crate) fn from_env(env: &Env, dynamodb: Client) -> Result<Self, Failure> {
        let table = |name| env.required(name).map(str::to_owned);
        let name = |name| table(name).context("the service names no such table");
        Ok(Self {
            dynamodb,
            users: name("USERS_TABLE")?,
            logins: name("LOGINS_TABLE")?,
            attempts: name("ATTEMPTS_TABLE")?,
        })
    }

    /// Returns the account that `login` names.
    ///
    /// One `GetItem` for its identity where it is not named by that, one for its profile, and one
    /// `TransactGetItems` for all of it at one moment.
    ///
    /// # Errors
    ///
    /// - [`Failure::NotFound`]: there is no such account.
    /// - [`Failure::Other`]: DynamoDB did not respond, or the profile is damaged.
    pub(crate) async fn find(&self, login: &str) -> Result<Account, Failure> {
        let not_found = || Failure::NotFound(login.to_owned());
        let uuid = match Selector::parse(login) {
            Selector::Uuid(uuid) => uuid,
            Selector::Login(key) => {
                let item = self.get(&self.logins, "login", key.as_str()).await?;
                let uuid = item.as_ref().and_then(|item| text(item, "uuid"));
                let uuid = uuid.and_then(|raw| Uuid::try_parse(raw).ok());
                uuid.ok_or_else(not_found)?
            }
        };
        self.find_by_uuid(uuid).await?.ok_or_else(not_found)
    }

    /// Returns the account `uuid`, or `None`. Like [`find`](Self::find), but without its first call.
    ///
    /// # Errors
    ///
    /// [`Failure::Other`]: DynamoDB did not respond, or the profile is damaged.
    pub(crate) async fn find_by_uuid(&self, uuid: Uuid) -> Result<Option<Account>, Failure> {
        /// How often the address or the username may change while the account is read.
        const TRIES: u32 = 3;
        let Some(mut profile) = self.get(&self.users, "uuid", &uuid.to_string()).await? else {
            return Ok(None);
        };
        for _ in 0..TRIES {
            let user = decode(&profile)?;
            let account = self.snapshot(&user).await?;
            match account {
                Snapshot::Whole(account) => return Ok(Some(*account)),
                Snapshot::Gone => return Ok(None),
                Snapshot::Renamed(newer) => profile = newer,
            }
        }
        Err(Failure::Changed)
    }

    /// Reads all items of `user` at one moment.
    async fn snapshot(&self, user: &User) -> Result<Snapshot, Failure> {
        let keys = LoginKey::both(&user.email, &user.username);
        let mut request = self
            .dynamodb
            .transact_get_items()
            .transact_items(transact_get(&self.users, "uuid", &user.uuid.to_string())?);
        for key in &keys {
            request = request
                .transact_items(transact_get(&self.logins, "login", key.as_str())?)
                .transact_items(transact_get(&self.attempts, "login", &key.digest())?);
        }
        let output = request
            .send()
            .await
            .map_err(|error| Failure::of_call("dynamodb:GetItem", &error))?;
        let mut items = output.responses.unwrap_or_default().into_iter();
        let mut next = || items.next().and_then(|response| response.item);
        let Some(profile) = next().filter(|item| !item.is_empty()) else {
            return Ok(Snapshot::Gone);
        };
        let read = decode(&profile)?;
        if (&read.email, &read.username) != (&user.email, &user.username) {
            return Ok(Snapshot::Renamed(profile));
        }
        let mut login = |key| {
            let item = next().filter(|item| !item.is_empty());
            let failures = attempts::decode(next().as_ref())?;
            Ok::<_, Failure>(StoredLogin {
                key,
                failures,
                item,
            })
        };
        let [email, username] = keys;
        let logins = [login(email)?, login(username)?];
        Ok(Snapshot::Whole(Box::new(Account {
            user: read,
            logins,
            profile,
        })))
    }

    /// Returns the profile `uuid`, or `None`. One `GetItem`.
    ///
    /// # Errors
    ///
    /// [`Failure::Other`]: DynamoDB did not respond, or the profile is damaged.
    pub(crate) async fn user(&self, uuid: Uuid) -> Result<Option<User>, Failure> {
        let profile = self.get(&self.users, "uuid", &uuid.to_string()).await?;
        profile.map(|profile| decode(&profile)).transpose()
    }

    /// Returns an item of `logins` and a profile, as they are at one moment. One `TransactGetItems`.
    ///
    /// # Errors
    ///
    /// [`Failure::Other`]: DynamoDB did not respond.
    pub(crate) async fn login_and_profile(
        &self,
        key: &str,
        uuid: Uuid,
    ) -> Result<[Option<Item>; 2], Failure> {
        let request = self
            .dynamodb
            .transact_get_items()
            .transact_items(transact_get(&self.logins, "login", key)?)
            .transact_items(transact_get(&self.users, "uuid", &uuid.to_string())?);
        let output = request.send().await;
        let output = output.map_err(|error| Failure::of_call("dynamodb:GetItem", &error))?;
        let mut items = output.responses.unwrap_or_default().into_iter();
        let mut next = || items.next().and_then(|response| response.item);
        let mut existing = || next().filter(|item| !item.is_empty());
        Ok([existing(), existing()])
    }

    /// Whether the table `logins` has an item with this key. One `GetItem`.
    ///
    /// # Errors
    ///
    /// [`Failure::Other`]: DynamoDB did not respond.
    pub(crate) async fn is_taken(&self, key: &LoginKey) -> Result<bool, Failure> {
        let item = self.get(&self.logins, "login", key.as_str()).await?;
        Ok(item.is_some())
    }

    async fn get(&self, table: &str, key: &str, value: &str) -> Result<Option<Item>, Failure> {
        let output = self
            .dynamodb
            .get_item()
            .table_name(table)
            .key(key, AttributeValue::S(value.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Failure::of_call("dynamodb:GetItem", &error))?;
        Ok(output.item)
    }
}

/// The outcome of reading an account again.
enum Snapshot {
    Whole(Box<Account>),
    /// It has another address or username than the first read said; its profile.
    Renamed(Item),
    Gone,
}

/// Reads a profile.
pub(crate) fn decode(profile: &Item) -> Result<User, Failure> {
    let user = users::decode(profile);
    Ok(user.with_context(|| {
        let uuid = text(profile, "uuid").unwrap_or("without uuid");
        format!("the profile {uuid} is damaged")
    })?)
}

fn transact_get(table: &str, key: &str, value: &str) -> Result<TransactGetItem, Failure> {
    let get = Get::builder()
        .table_name(table)
        .key(key, AttributeValue::S(value.to_owned()))
        .build()
        .map_err(anyhow::Error::from)?;
    Ok(TransactGetItem::builder().get(get).build())
}

/// The log-ins of an account, as `show` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginKind {
    /// The address.
    Email,
    /// The username.
    Username,
}

impl LoginKind {
    /// Both, in the order of [`Account::logins`].
    pub(crate) const BOTH: [Self; 2] = [Self::Email, Self::Username];
}

impl fmt::Display for LoginKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Email => "email",
            Self::Username => "username",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_looks_like_a_uuid_is_one() {
        let uuid = Uuid::new_v4();

        assert_eq!(Selector::parse(&format!(" {uuid}\n")), Selector::Uuid(uuid));
        assert_eq!(
            Selector::parse("Ada@Test.com"),
            Selector::Login(LoginKey::typed("ada@test.com"))
        );
    }
}
