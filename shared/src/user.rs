//! The types that make up a user. Knows neither HTTP nor AWS.
//!
//! The client's text about one field is with the field's type.

mod avatar_key;
mod email;
mod foreign_hash;
mod hasher;
mod login_key;
mod password;
mod password_hash;
mod person_name;
mod username;

use ring::digest::{SHA256, digest};
use serde::Serialize;
use uuid::Uuid;

pub use self::{
    avatar_key::{AvatarKey, AvatarUrls},
    email::{Email, EmailError},
    hasher::{HashError, Hasher, Slot, Verdict},
    login_key::LoginKey,
    password::{Password, PasswordError, PasswordPolicy},
    password_hash::{HashRefusal, PasswordHash},
    person_name::{PersonName, PersonNameError},
    username::{Username, UsernameError},
};

/// An account that is about to be registered.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// A random identity (UUID v4), never reused.
    pub uuid: Uuid,
    /// The name to log in with and to show.
    pub username: Username,
    /// The address to log in with.
    pub email: Email,
    /// The password's hash.
    pub password_hash: PasswordHash,
}

/// A registered account, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its identity.
    pub uuid: Uuid,
    /// The name to log in with and to show.
    pub username: Username,
    /// The address to log in with.
    pub email: Email,
    /// The given name.
    pub first_name: Option<PersonName>,
    /// The family name.
    pub last_name: Option<PersonName>,
    /// The name derived from the father's.
    pub patronymic: Option<PersonName>,
    /// The avatar's name in the bucket.
    pub avatar: Option<AvatarKey>,
    /// Whether an operator has disabled the account.
    pub disabled: bool,
    /// The time before which an operator revoked the account's tokens, in milliseconds since the Unix
    /// epoch.
    pub tokens_from_ms: Option<u64>,
}

impl User {
    /// Applies `change`.
    pub fn apply(&mut self, change: ProfileChange) {
        change.first_name.apply(&mut self.first_name);
        change.last_name.apply(&mut self.last_name);
        change.patronymic.apply(&mut self.patronymic);
        change.avatar.apply(&mut self.avatar);
    }

    /// Returns the user's profile.
    pub fn profile<'a>(&'a self, avatar_urls: &AvatarUrls) -> Profile<'a> {
        let name = |name: &'a Option<PersonName>| name.as_ref().map(PersonName::as_str);
        Profile {
            uuid: self.uuid,
            username: self.username.as_str(),
            email: self.email.as_str(),
            first_name: name(&self.first_name),
            last_name: name(&self.last_name),
            patronymic: name(&self.patronymic),
            avatar: self.avatar.as_ref().map(|key| avatar_urls.url(key)),
        }
    }
}

/// A profile as it is sent to the client: always these keys in this order, `null` if unset.
#[derive(Serialize)]
#[expect(missing_docs, reason = "the fields are those of `User`")]
pub struct Profile<'a> {
    pub uuid: Uuid,
    pub username: &'a str,
    pub email: &'a str,
    pub first_name: Option<&'a str>,
    pub last_name: Option<&'a str>,
    pub patronymic: Option<&'a str>,
    pub avatar: Option<String>,
}

/// The changes of one update. It cannot name any other field of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `User`")]
pub struct ProfileChange {
    pub first_name: Change<PersonName>,
    pub last_name: Change<PersonName>,
    pub patronymic: Change<PersonName>,
    pub avatar: Change<AvatarKey>,
}

/// The change of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Leaves the field as it is, because it was not sent.
    #[default]
    Keep,
    /// Unsets the field.
    Clear,
    /// Sets the field.
    Set(T),
}

impl<T> Change<T> {
    fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

/// Returns the SHA-256 of `bytes`, in hexadecimal digits.
fn sha256_hex(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
