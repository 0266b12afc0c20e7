//! The table `logins`: accounts by address and by username, and their passwords' hashes.
//!
//! An account has two items, one for its address and one for its username. One read finds it by
//! either, and both are unique because they are keys.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, TransactWriteItem, Update},
};
use uuid::Uuid;

use crate::{
    aws::AwsError,
    env::{Env, EnvError},
    item::{self, Item, TableError},
    user::{Email, LoginKey, PasswordHash, Username},
};

/// The table of log-ins.
#[derive(Clone, Debug)]
pub struct Logins {
    client: Client,
    table: String,
}

/// An account before its password is verified.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account's identity.
    pub uuid: Uuid,
    /// Its username.
    pub username: Username,
    /// Its address.
    pub email: Email,
    /// Its password's hash; none for an account that was imported without one.
    pub password_hash: Option<PasswordHash>,
    /// Whether an operator has disabled the account.
    pub disabled: bool,
}

impl Logins {
    /// Reads `LOGINS_TABLE`, the table's name.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: it is not set.
    pub fn from_env(env: &Env, dynamodb: &Client) -> Result<Self, EnvError> {
        Ok(Self {
            client: dynamodb.clone(),
            table: env.required("LOGINS_TABLE")?.to_owned(),
        })
    }

    /// Returns the account that logs in with `key`, or `None`. One `GetItem`, strongly consistent.
    ///
    /// # Errors
    ///
    /// Any [`TableError`].
    pub async fn find(&self, key: &LoginKey) -> Result<Option<Login>, TableError> {
        let item = item::get(&self.client, &self.table, "login", key.as_str().to_owned()).await?;
        item.map(|item| decode(&item)).transpose()
    }

    /// Replaces the hash `outdated` of `login` with `replacement` on both of its items, if neither has
    /// changed since it was read. One `TransactWriteItems` of two `UpdateItem`.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`]; [`AwsError::Unavailable`] also if an item has changed.
    pub async fn replace_hash(
        &self,
        login: &Login,
        outdated: &PasswordHash,
        replacement: &PasswordHash,
    ) -> Result<(), AwsError> {
        let update = |key: LoginKey| {
            Update::builder()
                .table_name(&self.table)
                .key("login", AttributeValue::S(key.as_str().to_owned()))
                .update_expression("SET password_hash = :new")
                .condition_expression("password_hash = :old")
                .expression_attribute_values(
                    ":new",
                    AttributeValue::S(replacement.as_str().to_owned()),
                )
                .expression_attribute_values(
                    ":old",
                    AttributeValue::S(outdated.as_str().to_owned()),
                )
                .build()
                .map(|update| TransactWriteItem::builder().update(update).build())
                .map_err(|error| AwsError::invalid("TransactWriteItems", &error))
        };
        self.client
            .transact_write_items()
            .transact_items(update(LoginKey::email(&login.email))?)
            .transact_items(update(LoginKey::username(&login.username))?)
            .send()
            .await
            .map_err(|error| AwsError::new("TransactWriteItems", &error))?;
        Ok(())
    }
}

/// Parses an item of `logins`.
fn decode(item: &Item) -> Result<Login, TableError> {
    Ok(Login {
        uuid: item::required(item, "uuid", |raw| Uuid::try_parse(raw).ok())?,
        username: item::required(item, "username", |raw| Username::parse_stored(raw).ok())?,
        email: item::required(item, "email", |raw| Email::parse_stored(raw).ok())?,
        password_hash: item::optional(item, "password_hash", |raw| PasswordHash::parse(raw).ok())?,
        disabled: item::disabled(item)?,
    })
}
