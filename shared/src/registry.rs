//! Registers accounts in `users` and `logins` at once. Only writes: it reads neither table.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Put, TransactWriteItem},
};
use uuid::Uuid;

use crate::{
    aws::AwsError,
    env::{Env, EnvError},
    user::{LoginKey, NewUser},
};

/// Maximum attempts when other transactions conflict.
const ATTEMPTS: u32 = 6;

/// Registers accounts.
#[derive(Clone, Debug)]
pub struct Registry {
    client: Client,
    users_table: String,
    logins_table: String,
}

impl Registry {
    /// Reads `USERS_TABLE` and `LOGINS_TABLE`, the tables' names.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: one of them is not set.
    pub fn from_env(env: &Env, dynamodb: &Client) -> Result<Self, EnvError> {
        Ok(Self {
            client: dynamodb.clone(),
            users_table: env.required("USERS_TABLE")?.to_owned(),
            logins_table: env.required("LOGINS_TABLE")?.to_owned(),
        })
    }

    /// Registers `user` if neither its address nor its username is taken. One `TransactWriteItems`
    /// of three `PutItem`, each on the condition that the item is new.
    ///
    /// All attempts have one token, by which DynamoDB recognizes a repeated transaction for ten
    /// minutes: if a transaction was committed and its response was lost, the retry succeeds, instead
    /// of reporting the user's own address as taken.
    ///
    /// # Errors
    ///
    /// - [`RegisterError::Taken`]: nothing was written.
    /// - [`RegisterError::Aws`]: it is unknown whether the account was written.
    pub async fn register(&self, user: &NewUser) -> Result<(), RegisterError> {
        let transaction = self
            .client
            .transact_write_items()
            .client_request_token(Uuid::new_v4().to_string())
            .transact_items(self.put_user(user)?)
            .transact_items(self.put_login(user, LoginKey::email(&user.email))?)
            .transact_items(self.put_login(user, LoginKey::username(&user.username))?);
        let mut attempt = 1;
        loop {
            let error = match transaction.clone().send().await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let codes = cancellation_codes(&error);
            let failed = |item: usize| {
                codes
                    .get(item)
                    .is_some_and(|code| code == "ConditionalCheckFailed")
            };
            if failed(EMAIL) || failed(USERNAME) {
                return Err(RegisterError::Taken {
                    email: failed(EMAIL),
                    username: failed(USERNAME),
                });
            }
            if attempt == ATTEMPTS || !codes.iter().any(|code| code == "TransactionConflict") {
                return Err(AwsError::new("TransactWriteItems", &error).into());
            }
            tokio::time::sleep(backoff(attempt)).await;
            attempt += 1;
        }
    }

    fn put_user(&self, user: &NewUser) -> Result<TransactWriteItem, AwsError> {
        put(
            &self.users_table,
            "uuid",
            &[
                ("uuid", &user.uuid.to_string()),
                ("username", user.username.as_str()),
                ("email", user.email.as_str()),
            ],
        )
    }

    fn put_login(&self, user: &NewUser, key: LoginKey) -> Result<TransactWriteItem, AwsError> {
        put(
            &self.logins_table,
            "login",
            &[
                ("login", key.as_str()),
                ("uuid", &user.uuid.to_string()),
                ("username", user.username.as_str()),
                ("email", user.email.as_str()),
                ("password_hash", &user.password_hash.as_str().to_owned()),
            ],
        )
    }
}

/// Indexes of the puts in the transaction, and so of the reasons for its cancellation.
const EMAIL: usize = 1;
const USERNAME: usize = 2;

fn put(
    table: &str,
    key: &'static str,
    attributes: &[(&str, &str)],
) -> Result<TransactWriteItem, AwsError> {
    let item = attributes
        .iter()
        .map(|&(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .collect();
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(#key)")
        .expression_attribute_names("#key", key)
        .build()
        .map_err(|error| AwsError::invalid("TransactWriteItems", &error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Returns why each item of a canceled transaction was refused, in the order of the items.
fn cancellation_codes<R>(error: &SdkError<TransactWriteItemsError, R>) -> Vec<String> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the pause after `attempt` (from 1): up to 50 ms, then twice as much each time. Random (full
/// jitter), so that colliding transactions do not collide again.
fn backoff(attempt: u32) -> Duration {
    let ceiling_ms = 50 << (attempt - 1);
    Duration::from_millis(Uuid::new_v4().as_u128() as u64 % ceiling_ms)
}

/// Why an account was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Another account has the address, the username or both.
    #[error("the address or the username is taken")]
    Taken {
        /// Whether the address is taken.
        email: bool,
        /// Whether the username is taken.
        username: bool,
    },
    /// The call to DynamoDB failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}
