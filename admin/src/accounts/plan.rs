//! Changes of accounts: transactions, each conditional on the items that were read.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use shared::{
    transaction::{self, TransactionError},
    user::{Email, LoginKey, PasswordHash, Username},
};
use uuid::Uuid;

use super::{Account, Accounts, Item, write::Write};
use crate::failure::Failure;

/// A transaction, and what it changes.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The account; none for what belongs to none.
    pub uuid: Option<Uuid>,
    /// The fields, for people and for the audit.
    pub changed: Vec<&'static str>,
    pub(super) items: Vec<TransactWriteItem>,
    /// The failure if the condition of the first item fails; usually the account has
    /// changed.
    taken: Option<Taken>,
}

/// The login that another account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Taken {
    /// The address.
    #[error("another account has this address")]
    Email,
    /// The username.
    #[error("another account has this username")]
    Username,
}

impl Plan {
    /// Starts a plan that changes these fields of the account `uuid`.
    pub(super) fn new(uuid: Option<Uuid>, changed: &[&'static str]) -> Self {
        Self {
            uuid,
            changed: changed.to_vec(),
            items: Vec::new(),
            taken: None,
        }
    }

    /// Appends a write.
    pub(super) fn and(mut self, write: Write) -> Result<Self, Failure> {
        self.items.push(write.build().map_err(anyhow::Error::from)?);
        Ok(self)
    }
}

/// The attributes of a profile that decide who may log in as whom.
const IDENTITY: [&str; 4] = ["username", "email", "disabled", "tokens_from"];

/// All attributes of an item in `logins`.
pub(super) const LOGIN: [&str; 5] = ["uuid", "username", "email", "password_hash", "disabled"];

/// Plans. Each names the attributes that must be as they were read; a field that a user can change and
/// the plan does not touch is not among them.
impl Accounts {
    /// Shuts the account, or opens it again, on all three items.
    pub(crate) fn set_disabled(&self, account: &Account, disabled: bool) -> Result<Plan, Failure> {
        let set = |write: Write| {
            if disabled {
                write.set("disabled", AttributeValue::Bool(true))
            } else {
                write.remove("disabled")
            }
        };
        let mut plan = Plan::new(Some(account.user.uuid), &["disabled"]).and(set(
            self.profile(account, &["username", "email", "disabled"])
        ))?;
        for (key, item) in account.login_items()? {
            plan = plan.and(set(self.login(key, item, &["uuid", "disabled"])))?;
        }
        Ok(plan)
    }

    /// Revokes all tokens that were issued before `now_ms`.
    pub(crate) fn revoke_tokens(&self, account: &Account, now_ms: u64) -> Result<Plan, Failure> {
        Plan::new(Some(account.user.uuid), &["tokens_from"]).and(
            self.profile(account, &["tokens_from"])
                .revoke(account, now_ms),
        )
    }

    /// Forgets the failed attempts on both log-ins. An attempt at the same moment may be forgotten, too,
    /// which is what was asked for.
    pub(crate) fn unlock(&self, account: &Account) -> Result<Plan, Failure> {
        let mut plan = Plan::new(Some(account.user.uuid), &["failed_attempts"]);
        for login in &account.logins {
            plan = plan.and(self.attempts_of(&login.key).delete())?;
        }
        Ok(plan)
    }

    /// Sets the password, forgets the failed attempts, and revokes all tokens that were issued before
    /// `revoke_ms`.
    pub(crate) fn set_password(
        &self,
        account: &Account,
        hash: &PasswordHash,
        revoke_ms: Option<u64>,
    ) -> Result<Plan, Failure> {
        let uuid = Some(account.user.uuid);
        let mut plan = Plan::new(uuid, &["password_hash", "failed_attempts"]);
        for (key, item) in account.login_items()? {
            let hash = AttributeValue::S(hash.as_str().to_owned());
            plan = plan
                .and(
                    self.login(key, item, &["uuid", "password_hash"])
                        .set("password_hash", hash),
                )?
                .and(self.attempts_of(key).delete())?;
        }
        let profile = self.profile(account, &["username", "email", "tokens_from"]);
        match revoke_ms {
            Some(now_ms) => {
                plan.changed.push("tokens_from");
                plan.and(profile.revoke(account, now_ms))
            }
            None => plan.and(profile.check()),
        }
    }

    /// Changes the address, and revokes all tokens: they carry the old one.
    pub(crate) fn change_email(
        &self,
        account: &Account,
        email: &Email,
        now_ms: u64,
    ) -> Result<Plan, Failure> {
        let [of_email, of_username] = account.login_items()?;
        self.rename(
            account,
            [of_email, of_username],
            ("email", email.as_str(), LoginKey::email(email)),
            (Taken::Email, now_ms),
        )
    }

    /// Changes the username, and revokes all tokens: they carry the old one.
    pub(crate) fn change_username(
        &self,
        account: &Account,
        username: &Username,
        now_ms: u64,
    ) -> Result<Plan, Failure> {
        let [of_email, of_username] = account.login_items()?;
        self.rename(
            account,
            [of_username, of_email],
            ("username", username.as_str(), LoginKey::username(username)),
            (Taken::Username, now_ms),
        )
    }

    /// Sets `attribute` on all three items, and gives the first of the log-ins the key `key`.
    fn rename(
        &self,
        account: &Account,
        [(old_key, moved), (other_key, other)]: [(&LoginKey, &Item); 2],
        (attribute, value, key): (&'static str, &str, LoginKey),
        (taken, now_ms): (Taken, u64),
    ) -> Result<Plan, Failure> {
        let value = AttributeValue::S(value.to_owned());
        let mut plan = Plan::new(Some(account.user.uuid), &[attribute, "tokens_from"]);
        if key == *old_key {
            let login = self.login(old_key, moved, &LOGIN);
            plan = plan.and(login.set(attribute, value.clone()))?;
        } else {
            let mut item = moved.clone();
            item.insert(
                "login".to_owned(),
                AttributeValue::S(key.as_str().to_owned()),
            );
            item.insert(attribute.to_owned(), value.clone());
            plan.taken = Some(taken);
            plan = plan
                .and(Write::new(&self.logins, "login", key.as_str()).put(item))?
                .and(self.login(old_key, moved, &LOGIN).delete())?;
        }
        plan.and(
            self.login(other_key, other, &["uuid", "username", "email"])
                .set(attribute, value.clone()),
        )?
        .and(
            self.profile(account, &IDENTITY)
                .set(attribute, value)
                .revoke(account, now_ms),
        )
    }

    /// Shuts the account for good and revokes its tokens, whatever of it is left.
    pub(crate) fn close(&self, account: &Account, now_ms: u64) -> Result<Plan, Failure> {
        let yes = AttributeValue::Bool(true);
        let profile = self
            .profile(account, &IDENTITY)
            .set("disabled", yes.clone());
        let mut plan = Plan::new(Some(account.user.uuid), &["disabled", "tokens_from"])
            .and(profile.revoke(account, now_ms))?;
        for (key, item) in own_logins(account) {
            plan = plan.and(
                self.login(key, item, &["uuid"])
                    .set("disabled", yes.clone()),
            )?;
        }
        Ok(plan)
    }

    /// Deletes a closed account, and leaves tombstones.
    pub(crate) fn delete(&self, account: &Account, tombstones: &[String]) -> Result<Plan, Failure> {
        let changed = ["profile", "logins", "failed_attempts", "tombstones"];
        let mut plan = Plan::new(Some(account.user.uuid), &changed)
            .and(self.profile(account, &IDENTITY).delete())?;
        for (key, item) in own_logins(account) {
            plan = plan.and(self.login(key, item, &["uuid"]).delete())?;
        }
        for login in &account.logins {
            plan = plan.and(self.attempts_of(&login.key).delete())?;
        }
        for tombstone in tombstones {
            let key = AttributeValue::S(tombstone.clone());
            let item = Item::from([("login".to_owned(), key)]);
            plan = plan.and(Write::new(&self.logins, "login", tombstone).put_over(item))?;
        }
        Ok(plan)
    }

    /// Makes one item of an account's log-ins from the other.
    pub(crate) fn restore_login(
        &self,
        account: &Account,
        missing: &LoginKey,
        other: (&LoginKey, &Item),
    ) -> Result<Plan, Failure> {
        let mut item = other.1.clone();
        let key = AttributeValue::S(missing.as_str().to_owned());
        item.insert("login".to_owned(), key);
        Plan::new(Some(account.user.uuid), &["logins"])
            .and(Write::new(&self.logins, "login", missing.as_str()).put(item))?
            .and(self.login(other.0, other.1, &LOGIN).check())?
            .and(self.profile(account, &IDENTITY).check())
    }

    /// Makes the profile of a log-in that has none.
    pub(crate) fn restore_profile(
        &self,
        uuid: Uuid,
        key: &str,
        login: &Item,
    ) -> Result<Plan, Failure> {
        let mut item = login.clone();
        item.retain(|name, _| matches!(name.as_str(), "uuid" | "username" | "email" | "disabled"));
        Plan::new(Some(uuid), &["profile"])
            .and(Write::new(&self.users, "uuid", &uuid.to_string()).put(item))?
            .and(
                Write::new(&self.logins, "login", key)
                    .unchanged(login, &LOGIN)
                    .check(),
            )
    }

    /// Gives an item of `logins` the key that today's rules make of its address or username.
    pub(crate) fn move_login(
        &self,
        uuid: Uuid,
        (old, login): (&str, &Item),
        key: &LoginKey,
    ) -> Result<Plan, Failure> {
        let mut item = login.clone();
        item.insert(
            "login".to_owned(),
            AttributeValue::S(key.as_str().to_owned()),
        );
        Plan::new(Some(uuid), &["logins"])
            .and(Write::new(&self.logins, "login", key.as_str()).put(item))?
            .and(
                Write::new(&self.logins, "login", old)
                    .unchanged(login, &LOGIN)
                    .delete(),
            )
    }

    /// Takes an avatar that is not there from the profile.
    pub(crate) fn clear_avatar(&self, account: &Account) -> Result<Plan, Failure> {
        Plan::new(Some(account.user.uuid), &["avatar"])
            .and(self.profile(account, &["avatar"]).remove("avatar"))
    }

    /// Carries out `plan`, all of it or nothing.
    ///
    /// # Errors
    ///
    /// - [`Failure::Changed`], [`Failure::Refused`], [`Failure::Denied`]: nothing was written.
    /// - [`Failure::Other`]: it is unknown whether it was written.
    pub(crate) async fn carry_out(&self, plan: &Plan) -> Result<(), Failure> {
        let request = self.dynamodb.transact_write_items();
        let request = request.set_transact_items(Some(plan.items.clone()));
        transaction::carry_out(request)
            .await
            .map_err(|error| match (error, plan.taken) {
                // Nothing but the new login is not as it was read: somebody else has it.
                (TransactionError::Refused(failed), Some(taken))
                    if !failed[1..].contains(&true) =>
                {
                    Failure::Refused(taken.to_string())
                }
                (TransactionError::Refused(_), _) => Failure::Changed,
                (TransactionError::Failed(error), _) => {
                    Failure::of_call("dynamodb:TransactWriteItems", &error)
                }
            })
    }

    fn profile(&self, account: &Account, unchanged: &[&'static str]) -> Write {
        Write::new(&self.users, "uuid", &account.user.uuid.to_string())
            .exists()
            .unchanged(&account.profile, unchanged)
    }

    fn login(&self, key: &LoginKey, item: &Item, unchanged: &[&'static str]) -> Write {
        Write::new(&self.logins, "login", key.as_str()).unchanged(item, unchanged)
    }

    fn attempts_of(&self, key: &LoginKey) -> Write {
        Write::new(&self.attempts, "login", &key.digest())
    }
}

/// The log-ins that belong to `account`; those of a damaged account may be missing or another's.
pub(crate) fn own_logins(account: &Account) -> impl Iterator<Item = (&LoginKey, &Item)> {
    let uuid = account.user.uuid.to_string();
    let logins = account.logins.iter();
    logins.filter_map(move |login| {
        let item = login.item.as_ref()?;
        (login.text("uuid") == Some(&uuid)).then_some((&login.key, item))
    })
}
