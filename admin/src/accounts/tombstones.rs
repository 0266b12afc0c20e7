//! The remains of an erased account: digests by which an import of old data recognizes it, and which
//! nobody can turn back into a person.
//!
//! A tombstone is an item `tombstone:<digest>` in `logins`, a key under which nobody can log in. The
//! digest is HMAC-SHA-256 of the account's uuid or of the key of its address. The digests' key is random,
//! made at the first erasure, and kept in `users` as the item `tombstone-key`, so that a copy of either
//! table alone tells nothing. It does not rotate: older tombstones would be worth nothing.

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ring::hmac;
use shared::user::{Email, LoginKey};
use uuid::Uuid;

use super::{Accounts, Item, text};
use crate::{failure::Failure, output};

/// The key of the item in `users` that holds the digests' key. It is not a uuid.
const KEY_ITEM: &str = "tombstone-key";

/// The prefix of the keys of tombstones in `logins`.
const PREFIX: &str = "tombstone:";

/// Whether an item of `users` is an account's, and not the key of the tombstones.
pub(super) fn is_profile(item: &Item) -> bool {
    text(item, "uuid") != Some(KEY_ITEM)
}

/// Whether an item of `logins` is an account's, and not a tombstone.
pub(super) fn is_login(item: &Item) -> bool {
    !text(item, "login").is_some_and(|key| key.starts_with(PREFIX))
}

/// Makes the keys of tombstones.
#[derive(Debug)]
pub(crate) struct Tombstones(hmac::Key);

impl Tombstones {
    /// The key in `logins` of the tombstone of an account by its identity.
    pub(crate) fn of_uuid(&self, uuid: Uuid) -> String {
        self.digest(&format!("uuid:{uuid}"))
    }

    /// The key in `logins` of the tombstone of an account by its address.
    pub(crate) fn of_email(&self, email: &Email) -> String {
        self.digest(LoginKey::email(email).as_str())
    }

    fn digest(&self, identity: &str) -> String {
        let digest = hmac::sign(&self.0, identity.as_bytes());
        format!("{PREFIX}{}", output::hex(digest.as_ref()))
    }

    fn parse(item: &Item) -> Result<Self, Failure> {
        let key = text(item, "hmac_key").and_then(|text| STANDARD_NO_PAD.decode(text).ok());
        let key = key.filter(|key| key.len() == 32);
        let key = key.context("the key of the tombstones is damaged")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }
}

impl Accounts {
    /// Returns what makes tombstones; `None` before the first erasure.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond, or the key is damaged.
    pub(crate) async fn tombstones(&self) -> Result<Option<Tombstones>, Failure> {
        let item = self.get(&self.users, "uuid", KEY_ITEM).await?;
        item.map(|item| Tombstones::parse(&item)).transpose()
    }

    /// Returns what makes tombstones, and makes its key the first time.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond, or the key is damaged.
    pub(crate) async fn make_tombstones(&self) -> Result<Tombstones, Failure> {
        if let Some(tombstones) = self.tombstones().await? {
            return Ok(tombstones);
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| anyhow!("this machine has no random bytes: {error}"))?;
        let request = self
            .dynamodb
            .put_item()
            .table_name(&self.users)
            .item("uuid", AttributeValue::S(KEY_ITEM.to_owned()))
            .item("hmac_key", AttributeValue::S(STANDARD_NO_PAD.encode(key)))
            .condition_expression("attribute_not_exists(#uuid)")
            .expression_attribute_names("#uuid", "uuid");
        match request.send().await {
            Ok(_) => {}
            // Another operator's first erasure, or a repetition of this call, was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) => {}
            Err(error) => return Err(Failure::of_call("dynamodb:PutItem", &error)),
        }
        let tombstones = self.tombstones().await?;
        Ok(tombstones.context("the key of the tombstones is gone")?)
    }

    /// Whether `logins` has the tombstone `key`. One `GetItem`.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond.
    pub(crate) async fn has_tombstone(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.get(&self.logins, "login", key).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_its_key_and_not_on_the_spelling_of_the_address() {
        let tombstones = |key: [u8; 32]| Tombstones(hmac::Key::new(hmac::HMAC_SHA256, &key));
        let digest = |key, email| tombstones([key; 32]).of_email(&Email::parse(email).unwrap());

        assert_eq!(digest(1, "Ada@Test.com"), digest(1, "ada@test.com"));
        assert_ne!(digest(1, "ada@test.com"), digest(2, "ada@test.com"));
        assert_eq!(digest(1, "ada@test.com").len(), "tombstone:".len() + 64);
    }
}
