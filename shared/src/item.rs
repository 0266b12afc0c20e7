//! Gets an item and reads its attributes. Private to the tables.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use crate::aws::AwsError;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The item of `table` whose `key` is `value`, or `None`. One `GetItem`, strongly consistent.
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

/// The attribute `name` of `item`, read by `parse`.
///
/// # Errors
///
/// - [`AwsError::CorruptItem`]: it is missing, no string, or does not parse.
pub(crate) fn required<T>(
    item: &Item,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, AwsError> {
    optional(item, name, parse)?.ok_or(AwsError::CorruptItem { attribute: name })
}

/// The attribute `name` of `item`, read by `parse`, or `None` if there is none.
///
/// # Errors
///
/// - [`AwsError::CorruptItem`]: it is no string, or does not parse.
pub(crate) fn optional<T>(
    item: &Item,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, AwsError> {
    let Some(value) = item.get(name) else {
        return Ok(None);
    };
    value
        .as_s()
        .ok()
        .and_then(|text| parse(text))
        .map(Some)
        .ok_or(AwsError::CorruptItem { attribute: name })
}

/// Whether an operator has set `disabled` on `item`.
///
/// # Errors
///
/// - [`AwsError::CorruptItem`]: it is no boolean. Whoever wrote it meant something by it.
pub(crate) fn disabled(item: &Item) -> Result<bool, AwsError> {
    const NAME: &str = "disabled";
    match item.get(NAME) {
        None => Ok(false),
        Some(AttributeValue::Bool(disabled)) => Ok(*disabled),
        Some(_) => Err(AwsError::CorruptItem { attribute: NAME }),
    }
}
