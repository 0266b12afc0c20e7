//! The table `users`: profiles by `uuid`, without passwords.

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction},
    },
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use uuid::Uuid;

use crate::{
    env::{Env, EnvError},
    item::{self, Item, TableError},
    token::Claims,
    user::{AvatarKey, Change, Email, PersonName, ProfileChange, User, Username},
};

/// The table of profiles.
#[derive(Clone, Debug)]
pub struct Users {
    client: Client,
    table: String,
}

impl Users {
    /// Reads `USERS_TABLE`, the table's name.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: it is not set.
    pub fn from_env(env: &Env, dynamodb: &Client) -> Result<Self, EnvError> {
        Ok(Self {
            client: dynamodb.clone(),
            table: env.required("USERS_TABLE")?.to_owned(),
        })
    }

    /// Returns the user, disabled or not, or `None`. One `GetItem`, strongly consistent.
    ///
    /// # Errors
    ///
    /// Any [`TableError`].
    pub async fn find(&self, uuid: Uuid) -> Result<Option<User>, TableError> {
        let item = item::get(&self.client, &self.table, "uuid", uuid.to_string()).await?;
        item.map(|item| decode(&item)).transpose()
    }

    /// Returns the user if a request with the token of `claims` may act for it. One `GetItem`, strongly
    /// consistent.
    ///
    /// # Errors
    ///
    /// Any [`AccountError`].
    pub async fn find_active(&self, claims: &Claims) -> Result<User, AccountError> {
        match self.find(claims.user_id).await? {
            None => Err(AccountError::Missing),
            Some(user) if claims.is_revoked(user.tokens_from_ms) => Err(AccountError::Revoked),
            Some(user) if user.disabled => Err(AccountError::Disabled),
            Some(user) => Ok(user),
        }
    }

    /// Applies `change` to the account of `claims` and returns the user as it was before. One
    /// `UpdateItem`, which writes nothing if [`find_active`](Self::find_active) would fail.
    ///
    /// An update that sets an avatar runs at most once. A retry after a lost response could bring back
    /// an avatar that a later update has already replaced and deleted.
    ///
    /// # Errors
    ///
    /// - [`AccountError::Missing`], [`AccountError::Revoked`], [`AccountError::Disabled`]: nothing was
    ///   written.
    /// - [`AccountError::Table`]: it is unknown whether the update was written.
    pub async fn update(
        &self,
        claims: &Claims,
        change: &ProfileChange,
    ) -> Result<User, AccountError> {
        let name = PersonName::as_str;
        let expression = UpdateExpression::default()
            .change("first_name", &change.first_name, name)
            .change("last_name", &change.last_name, name)
            .change("patronymic", &change.patronymic, name)
            .change("avatar", &change.avatar, AvatarKey::as_str);
        // A token without a time of issue is older than every `tokens_from`.
        let issued = claims
            .issued_ms
            .map_or("-1".to_owned(), |issued| issued.to_string());
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("uuid", AttributeValue::S(claims.user_id.to_string()))
            .update_expression(expression.text())
            .set_expression_attribute_values(expression.values())
            .expression_attribute_values(":false", AttributeValue::Bool(false))
            .expression_attribute_values(":issued", AttributeValue::N(issued))
            .expression_attribute_names("#uuid", "uuid")
            .expression_attribute_names("#disabled", "disabled")
            .condition_expression(
                "attribute_exists(#uuid) \
                 AND (attribute_not_exists(#disabled) OR #disabled = :false) \
                 AND (attribute_not_exists(tokens_from) OR tokens_from <= :issued)",
            )
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let outcome = match change.avatar {
            Change::Set(_) => {
                let once = Config::builder().retry_classifier(OnlyIfRefused);
                request.customize().config_override(once).send().await
            }
            Change::Keep | Change::Clear => request.send().await,
        };
        match outcome {
            Ok(output) => Ok(decode(&output.attributes.unwrap_or_default())?),
            Err(error) => match item::refused_item(&error).map_err(TableError::from)? {
                None => Err(AccountError::Missing),
                Some(item) if claims.is_revoked(tokens_from(&item)?) => Err(AccountError::Revoked),
                Some(_) => Err(AccountError::Disabled),
            },
        }
    }
}

/// Lets the SDK retry only a call that was refused, for example by throttling. Any other failed call
/// may have been executed.
#[derive(Debug)]
struct OnlyIfRefused;

impl ClassifyRetry for OnlyIfRefused {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(response) if response.status().is_client_error() => RetryAction::NoActionIndicated,
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "only if refused"
    }
}

/// Why a request cannot act for an account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The account does not exist.
    #[error("the account no longer exists")]
    Missing,
    /// An operator revoked the account's tokens after the request's token was issued.
    #[error("the token is revoked")]
    Revoked,
    /// An operator has disabled the account.
    #[error("the account is disabled")]
    Disabled,
    /// The table returned no result.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The `SET` and `REMOVE` clauses of an update, field by field.
#[derive(Default)]
struct UpdateExpression {
    set: Vec<(&'static str, String)>,
    remove: Vec<&'static str>,
}

impl UpdateExpression {
    fn change<T>(
        mut self,
        field: &'static str,
        change: &Change<T>,
        text: impl Fn(&T) -> &str,
    ) -> Self {
        match change {
            Change::Keep => {}
            Change::Clear => self.remove.push(field),
            Change::Set(value) => self.set.push((field, text(value).to_owned())),
        }
        self
    }

    fn text(&self) -> String {
        let set = self
            .set
            .iter()
            .map(|(field, _)| format!("{field} = :{field}"));
        let clause = |keyword: &str, terms: Vec<String>| {
            if terms.is_empty() {
                String::new()
            } else {
                format!("{keyword} {} ", terms.join(", "))
            }
        };
        clause("SET", set.collect())
            + &clause(
                "REMOVE",
                self.remove.iter().map(ToString::to_string).collect(),
            )
    }

    fn values(self) -> Option<Item> {
        Some(
            self.set
                .into_iter()
                .map(|(field, value)| (format!(":{field}"), AttributeValue::S(value)))
                .collect(),
        )
    }
}

/// Parses an item of `users`.
pub fn decode(item: &Item) -> Result<User, TableError> {
    let name = |attribute| {
        item::optional(item, attribute, |raw| PersonName::parse(raw).ok()).map(Option::flatten)
    };
    Ok(User {
        uuid: item::required(item, "uuid", |raw| Uuid::try_parse(raw).ok())?,
        username: item::required(item, "username", |raw| Username::parse_stored(raw).ok())?,
        email: item::required(item, "email", |raw| Email::parse_stored(raw).ok())?,
        first_name: name("first_name")?,
        last_name: name("last_name")?,
        patronymic: name("patronymic")?,
        avatar: item::optional(item, "avatar", AvatarKey::parse)?,
        disabled: item::disabled(item)?,
        tokens_from_ms: tokens_from(item)?,
    })
}

/// Returns the time before which the tokens of an item of `users` are refused, in milliseconds since the
/// Unix epoch; `None` where none are.
fn tokens_from(item: &Item) -> Result<Option<u64>, TableError> {
    item::number(item, "tokens_from")
}
