use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::{aws, env::Env, user::LoginKey};

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// The tables and the bucket of a stack.
pub struct Stored {
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    env: Env,
}

impl Stored {
    /// Connects to what `env` names: it has the variables of all endpoints, and the engines' URLs and
    /// credentials.
    pub fn new(env: Env) -> Self {
        let aws = aws::config(&env).unwrap();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&aws),
            s3: aws_sdk_s3::Client::new(&aws),
            env,
        }
    }

    /// The variables that name the tables, the bucket and the engines.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Returns all items of the table that `variable` names.
    pub async fn items(&self, variable: &'static str) -> Vec<Item> {
        let table = self.env.required(variable).unwrap();
        let items = self.dynamodb.scan().table_name(table).into_paginator();
        let items: Result<_, _> = items.items().send().collect().await;
        items.unwrap()
    }

    /// Puts `item` into the table that `variable` names.
    pub async fn put(&self, variable: &'static str, item: Item) {
        let table = self.env.required(variable).unwrap();
        self.dynamodb
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    /// Changes every item of the table that `variable` names.
    pub async fn change(&self, variable: &'static str, change: impl Fn(&mut Item)) {
        for mut item in self.items(variable).await {
            change(&mut item);
            self.put(variable, item).await;
        }
    }

    /// Deletes every item of the table that `variable` names, whose key is the attribute `key`.
    pub async fn clear(&self, variable: &'static str, key: &str) {
        let table = self.env.required(variable).unwrap();
        for item in self.items(variable).await {
            let request = self.dynamodb.delete_item().table_name(table);
            request.key(key, item[key].clone()).send().await.unwrap();
        }
    }

    /// Returns the number of failed log-ins of `login`.
    pub async fn failures(&self, login: &str) -> u64 {
        let key = AttributeValue::S(LoginKey::typed(login).digest());
        let items = self.items("ATTEMPTS_TABLE").await;
        let item = items.iter().find(|item| item["login"] == key).unwrap();
        item["failures"].as_n().unwrap().parse().unwrap()
    }

    /// Stores a number of failed log-ins of `login`, the last of them at `last`.
    pub async fn put_failures(&self, login: &str, failures: u64, last: SystemTime) {
        let last_ms = last.duration_since(UNIX_EPOCH).unwrap().as_millis();
        let item = Item::from([
            (
                "login".to_owned(),
                AttributeValue::S(LoginKey::typed(login).digest()),
            ),
            (
                "failures".to_owned(),
                AttributeValue::N(failures.to_string()),
            ),
            ("last_ms".to_owned(), AttributeValue::N(last_ms.to_string())),
        ]);
        self.put("ATTEMPTS_TABLE", item).await;
    }

    /// Sets the number of failed log-ins of each login that has any.
    pub async fn set_failures(&self, failures: u32) {
        let set = |item: &mut Item| {
            let failures = AttributeValue::N(failures.to_string());
            item.insert("failures".to_owned(), failures);
        };
        self.change("ATTEMPTS_TABLE", set).await;
    }

    /// Gives all accounts a hash of `12345` with other parameters than today's.
    pub async fn import_hashes(&self) {
        self.set_hashes(IMPORTED).await;
    }

    /// Gives all accounts this password hash.
    pub async fn set_hashes(&self, hash: &str) {
        let set = |item: &mut Item| {
            let hash = AttributeValue::S(hash.to_owned());
            item.insert("password_hash".to_owned(), hash);
        };
        self.change("LOGINS_TABLE", set).await;
    }

    /// Returns the names of all objects in the bucket.
    pub async fn avatars(&self) -> Vec<String> {
        let bucket = self.env.required("AVATARS_BUCKET").unwrap();
        let pages = self.s3.list_objects_v2().bucket(bucket).into_paginator();
        let pages: Result<Vec<_>, _> = pages.send().collect().await;
        let pages = pages.unwrap();
        let objects = pages.iter().flat_map(|page| page.contents());
        objects
            .map(|object| object.key().unwrap().to_owned())
            .collect()
    }

    /// Deletes the object `key` from the bucket.
    pub async fn delete_object(&self, key: &str) {
        let bucket = self.env.required("AVATARS_BUCKET").unwrap();
        let request = self.s3.delete_object().bucket(bucket).key(key);
        request.send().await.unwrap();
    }

    /// Puts an empty object by the name of `key` into the bucket.
    pub async fn put_object(&self, key: &str) {
        let bucket = self.env.required("AVATARS_BUCKET").unwrap();
        let request = self.s3.put_object().bucket(bucket).key(key);
        request.send().await.unwrap();
    }
}

/// The hash of `12345` by Argon2id with m = 8 KiB, t = 1, p = 1.
pub const IMPORTED: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$DleGwoO0h6/VmcuByVHow8+9DFd9QO7kTbBFpvF/KgU";
