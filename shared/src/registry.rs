//! Registers accounts in `users` and `logins` at once. Only writes: it reads neither table.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem},
};

use crate::{
    aws::AwsError,
    env::{Env, EnvError},
    transaction::{self, TransactionError},
    user::{LoginKey, NewUser},
};

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
    /// A transaction that was committed and whose response was lost succeeds when it is repeated, so
    /// nobody is told that their own address is taken.
    ///
    /// # Errors
    ///
    /// - [`RegisterError::Taken`]: nothing was written.
    /// - [`RegisterError::Aws`]: it is unknown whether the account was written.
    pub async fn register(&self, user: &NewUser) -> Result<(), RegisterError> {
        let transaction = self
            .client
            .transact_write_items()
            .transact_items(self.put_user(user)?)
            .transact_items(self.put_login(user, LoginKey::email(&user.email))?)
            .transact_items(self.put_login(user, LoginKey::username(&user.username))?);
        transaction::carry_out(transaction)
            .await
            .map_err(|error| match error {
                TransactionError::Refused(failed) if failed[EMAIL] || failed[USERNAME] => {
                    RegisterError::Taken {
                        email: failed[EMAIL],
                        username: failed[USERNAME],
                    }
                }
                // A random uuid that is taken: as good as impossible.
                TransactionError::Refused(_) => RegisterError::Aws(AwsError::Unavailable {
                    operation: "TransactWriteItems",
                    reason: "the uuid is taken".to_owned(),
                }),
                TransactionError::Failed(error) => {
                    RegisterError::Aws(AwsError::new("TransactWriteItems", &error))
                }
            })
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
                ("password_hash", user.password_hash.as_str()),
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
