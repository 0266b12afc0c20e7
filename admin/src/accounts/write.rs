//! One write of a transaction, with its condition.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update},
};

use super::{Account, Item};

/// A write of one item, on the condition that it is as it was read.
#[derive(Debug)]
pub(super) struct Write {
    table: String,
    key: (&'static str, String),
    action: Action,
    conditions: Vec<String>,
    set: Vec<String>,
    remove: Vec<String>,
    names: HashMap<String, String>,
    values: Item,
}

#[derive(Debug)]
enum Action {
    Update,
    Put(Item),
    Delete,
    Check,
}

impl Write {
    /// An update of the item of `table` whose `key` is `value`.
    pub(super) fn new(table: &str, key: &'static str, value: &str) -> Self {
        Self {
            table: table.to_owned(),
            key: (key, value.to_owned()),
            action: Action::Update,
            conditions: Vec::new(),
            set: Vec::new(),
            remove: Vec::new(),
            names: HashMap::new(),
            values: Item::new(),
        }
    }

    /// Puts `item`, which must be new.
    pub(super) fn put(mut self, item: Item) -> Self {
        let name = self.name(self.key.0);
        self.conditions
            .push(format!("attribute_not_exists({name})"));
        self.action = Action::Put(item);
        self
    }

    /// Puts `item`, whether it is there already or not.
    pub(super) fn put_over(mut self, item: Item) -> Self {
        self.action = Action::Put(item);
        self
    }

    /// Deletes the item.
    pub(super) fn delete(mut self) -> Self {
        self.action = Action::Delete;
        self
    }

    /// Changes nothing; only the condition counts.
    pub(super) fn check(mut self) -> Self {
        self.action = Action::Check;
        self
    }

    /// The item must exist.
    pub(super) fn exists(mut self) -> Self {
        let name = self.name(self.key.0);
        self.conditions.push(format!("attribute_exists({name})"));
        self
    }

    /// These attributes must be what they are in `item`, or be missing as they are there.
    pub(super) fn unchanged(mut self, item: &Item, attributes: &[&'static str]) -> Self {
        for attribute in attributes {
            let name = self.name(attribute);
            let condition = match item.get(*attribute) {
                Some(value) => {
                    let value = self.value("old", attribute, value.clone());
                    format!("{name} = {value}")
                }
                None => format!("attribute_not_exists({name})"),
            };
            self.conditions.push(condition);
        }
        self
    }

    /// Sets an attribute.
    pub(super) fn set(mut self, attribute: &'static str, value: AttributeValue) -> Self {
        let name = self.name(attribute);
        let value = self.value("new", attribute, value);
        self.set.push(format!("{name} = {value}"));
        self
    }

    /// Removes an attribute.
    pub(super) fn remove(mut self, attribute: &'static str) -> Self {
        let name = self.name(attribute);
        self.remove.push(name);
        self
    }

    /// Revokes the tokens of `account` that were issued before `now_ms`, and never fewer than are
    /// revoked already.
    pub(super) fn revoke(self, account: &Account, now_ms: u64) -> Self {
        let from = account
            .user
            .tokens_from_ms
            .map_or(now_ms, |before| before.max(now_ms));
        self.set("tokens_from", AttributeValue::N(from.to_string()))
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn value(&mut self, prefix: &str, attribute: &str, value: AttributeValue) -> String {
        let name = format!(":{prefix}_{attribute}");
        self.values.insert(name.clone(), value);
        name
    }

    /// Returns the item of a transaction.
    pub(super) fn build(self) -> Result<TransactWriteItem, BuildError> {
        let key = Item::from([(self.key.0.to_owned(), AttributeValue::S(self.key.1))]);
        let condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        let names = (!self.names.is_empty()).then_some(self.names);
        let values = (!self.values.is_empty()).then_some(self.values);
        let item = TransactWriteItem::builder();
        Ok(match self.action {
            Action::Update => {
                let clause = |keyword: &str, terms: Vec<String>| {
                    (!terms.is_empty()).then(|| format!("{keyword} {}", terms.join(", ")))
                };
                let clauses = [clause("SET", self.set), clause("REMOVE", self.remove)];
                let clauses: Vec<_> = clauses.into_iter().flatten().collect();
                let update = Update::builder()
                    .table_name(self.table)
                    .set_key(Some(key))
                    .update_expression(clauses.join(" "))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.update(update.build()?)
            }
            Action::Put(new) => {
                let put = Put::builder()
                    .table_name(self.table)
                    .set_item(Some(new))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.put(put.build()?)
            }
            Action::Delete => {
                let delete = Delete::builder()
                    .table_name(self.table)
                    .set_key(Some(key))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.delete(delete.build()?)
            }
            Action::Check => {
                let check = ConditionCheck::builder()
                    .table_name(self.table)
                    .set_key(Some(key))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.condition_check(check.build()?)
            }
        }
        .build())
    }
}
