//! Reads all accounts, page by page.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use shared::{
    attempts,
    user::{LoginKey, User},
};
use uuid::Uuid;

use super::{Account, Accounts, Item, StoredLogin, decode, text, tombstones};
use crate::failure::Failure;

/// Accounts in a page: both log-ins of all of them are one `BatchGetItem`, which takes 100 keys.
const PAGE: i32 = 50;

/// A part of all accounts, in the order of DynamoDB, which is none.
#[derive(Debug)]
pub(crate) struct Page {
    /// The accounts, not all as they were at one moment.
    pub accounts: Vec<Account>,
    /// The profiles that cannot be read: what their key says, and why.
    pub damaged: Vec<(String, Failure)>,
    /// Where the next page starts; none after the last one.
    pub next: Option<String>,
}

/// A part of the table `logins`.
#[derive(Debug)]
pub(crate) struct LoginPage {
    /// Its items, without tombstones.
    pub items: Vec<Item>,
    /// Where the next page starts; none after the last one.
    pub next: Option<String>,
}

impl Accounts {
    /// Reads the accounts after `start`. One `Scan` and two `BatchGetItem` or more, consistent.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond.
    pub(crate) async fn page(&self, start: Option<&str>) -> Result<Page, Failure> {
        let (items, next) = self.scan(&self.users, "uuid", start).await?;
        let (mut users, mut damaged) = (Vec::new(), Vec::new());
        for item in items.into_iter().filter(tombstones::is_profile) {
            match decode(&item) {
                Ok(user) => users.push((user, item)),
                Err(failure) => {
                    let uuid = text(&item, "uuid").unwrap_or_default();
                    damaged.push((uuid.to_owned(), failure));
                }
            }
        }
        let keys = |user: &User| LoginKey::both(&user.email, &user.username);
        let login_keys: Vec<_> = users.iter().flat_map(|(user, _)| keys(user)).collect();
        let as_stored = login_keys.iter().map(|key| key.as_str().to_owned());
        let mut logins = self.batch(&self.logins, "login", as_stored).await?;
        let counted = login_keys.iter().map(LoginKey::digest);
        let mut failures = self.batch(&self.attempts, "login", counted).await?;
        let mut accounts = Vec::new();
        for (user, profile) in users {
            let mut login = |key: LoginKey| {
                let counted = failures.remove(&key.digest());
                Ok::<_, Failure>(StoredLogin {
                    failures: attempts::decode(counted.as_ref())?,
                    item: logins.remove(key.as_str()),
                    key,
                })
            };
            let [email, username] = keys(&user);
            accounts.push(Account {
                logins: [login(email)?, login(username)?],
                user,
                profile,
            });
        }
        Ok(Page {
            accounts,
            damaged,
            next,
        })
    }

    /// Reads the items of `logins` after `start`. One `Scan`, consistent.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond.
    pub(crate) async fn login_page(&self, start: Option<&str>) -> Result<LoginPage, Failure> {
        let (mut items, next) = self.scan(&self.logins, "login", start).await?;
        items.retain(tombstones::is_login);
        Ok(LoginPage { items, next })
    }

    /// Reads the profiles of these accounts, by uuid. One `BatchGetItem` or more, consistent.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond.
    pub(crate) async fn profiles(
        &self,
        uuids: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<String, Item>, Failure> {
        let keys = uuids.into_iter().map(|uuid| uuid.to_string());
        self.batch(&self.users, "uuid", keys).await
    }

    /// Whether `logins` has these items, by key. One `BatchGetItem` or more, consistent.
    ///
    /// # Errors
    ///
    /// Fails if DynamoDB does not respond.
    pub(crate) async fn login_items_of(
        &self,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, Item>, Failure> {
        self.batch(&self.logins, "login", keys).await
    }

    async fn scan(
        &self,
        table: &str,
        key: &str,
        start: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), Failure> {
        let start = start.map(|start| {
            let start = AttributeValue::S(start.to_owned());
            Item::from([(key.to_owned(), start)])
        });
        let output = self
            .dynamodb
            .scan()
            .table_name(table)
            .consistent_read(true)
            .limit(PAGE)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| Failure::of_call("dynamodb:Scan", &error))?;
        let next = output.last_evaluated_key.as_ref();
        let next = next.and_then(|next| text(next, key)).map(str::to_owned);
        Ok((output.items.unwrap_or_default(), next))
    }

    /// Reads items by `key`; repeats what DynamoDB leaves out of a response.
    async fn batch(
        &self,
        table: &str,
        key: &str,
        values: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, Item>, Failure> {
        /// Attempts while DynamoDB leaves something out, which it does when it throttles.
        const ATTEMPTS: u32 = 10;
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        let mut found = HashMap::new();
        for values in values.chunks(100) {
            let keys = values.iter().map(|value| {
                let value = AttributeValue::S(value.clone());
                Item::from([(key.to_owned(), value)])
            });
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(keys.collect()))
                .consistent_read(true)
                .build()
                .map_err(anyhow::Error::from)?;
            let mut left = HashMap::from([(table.to_owned(), keys)]);
            for attempt in 0.. {
                if left.is_empty() {
                    break;
                }
                if attempt == ATTEMPTS {
                    return Err(anyhow!("DynamoDB throttles reading: try again later").into());
                }
                if attempt > 0 {
                    tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
                }
                let request = self.dynamodb.batch_get_item();
                let output = request.set_request_items(Some(left)).send().await;
                let output =
                    output.map_err(|error| Failure::of_call("dynamodb:BatchGetItem", &error))?;
                for item in output.responses.unwrap_or_default().into_values().flatten() {
                    let value = text(&item, key).context("an item without its key")?;
                    found.insert(value.to_owned(), item);
                }
                left = output.unprocessed_keys.unwrap_or_default();
            }
        }
        Ok(found)
    }
}
