//! Reads items and their attributes. Private to the tables.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client, error::SdkError, operation::update_item::UpdateItemError, types::AttributeValue,
};

use crate::aws::AwsError;

/// An item: attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// Why a table returned no result.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A call to DynamoDB failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A stored item is not one that this service writes.
    #[error("the attribute {attribute} of a stored item is missing or malformed")]
    Corrupt {
        /// The attribute.
        attribute: &'static str,
    },
}

/// Returns the item of `table` whose `key` is `value`, or `None`. One `GetItem`, strongly consistent.
///
/// # Errors
///
/// Any [`AwsError`].
pub(crate) async fn get(
    client: &Client,
    table: &str,
    key: &str,
    value: String,
) -> Result<Option<Item>, AwsError> {
    let output = client
        .get_item()
        .table_name(table)
        .key(key, AttributeValue::S(value))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| AwsError::new("GetItem", &error))?;
    Ok(output.item)
}

/// Returns the item whose condition refused an `UpdateItem`; `None` if there is no such item.
///
/// # Errors
///
/// Any [`AwsError`]: the `UpdateItem` failed for another reason.
pub(crate) fn refused_item(error: &SdkError<UpdateItemError>) -> Result<Option<Item>, AwsError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failure)) => Ok(failure.item.clone()),
        _ => Err(AwsError::new("UpdateItem", error)),
    }
}

/// Returns the attribute `name` of `item`, parsed with `parse`.
///
/// # Errors
///
/// - [`TableError::Corrupt`]: it is missing, not a string, or does not parse.
pub(crate) fn required<T>(
    item: &Item,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, TableError> {
    optional(item, name, parse)?.ok_or(TableError::Corrupt { attribute: name })
}

/// Returns the attribute `name` of `item`, parsed with `parse`, or `None` if it is missing.
///
/// # Errors
///
/// - [`TableError::Corrupt`]: it is not a string, or does not parse.
pub(crate) fn optional<T>(
    item: &Item,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, TableError> {
    let Some(value) = item.get(name) else {
        return Ok(None);
    };
    value
        .as_s()
        .ok()
        .and_then(|text| parse(text))
        .map(Some)
        .ok_or(TableError::Corrupt { attribute: name })
}

/// Returns the number in the attribute `name` of `item`, or `None` if it is missing.
///
/// # Errors
///
/// - [`TableError::Corrupt`]: it is not a whole number from 0 to 2^64 - 1.
pub(crate) fn number(item: &Item, name: &'static str) -> Result<Option<u64>, TableError> {
    let Some(value) = item.get(name) else {
        return Ok(None);
    };
    value
        .as_n()
        .ok()
        .and_then(|digits| digits.parse().ok())
        .map(Some)
        .ok_or(TableError::Corrupt { attribute: name })
}

/// Returns whether an operator has set `disabled` on `item`.
///
/// # Errors
///
/// - [`TableError::Corrupt`]: it is not a boolean. Fail instead of guessing: an operator may have
///   meant to disable the account.
pub fn disabled(item: &Item) -> Result<bool, TableError> {
    const NAME: &str = "disabled";
    match item.get(NAME) {
        None => Ok(false),
        Some(AttributeValue::Bool(disabled)) => Ok(*disabled),
        Some(_) => Err(TableError::Corrupt { attribute: NAME }),
    }
}
