//! Writes accounts by the least that does: the three puts of a sign-up in one transaction, 64 at once, and
//! nothing read, checked or converted.
//!
//! Arguments: how many. Reads the variables of the functions. Prints the seconds that it took.

use std::{env, time::Instant};

use anyhow::Context as _;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem},
};
use shared::{aws, env::Env};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Transactions that are under way at once, as an import has at most.
const AT_ONCE: usize = 64;

/// A hash of Django's.
const HASH: &str =
    "pbkdf2_sha256$12000$RmyPNTVSqoTmXfl4iVtQFU$tWplSfPFp5J77qtGtBwoaLouT+5AY0f9MC3LIM7ALJo=";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count: usize = env::args().nth(1).context("how many")?.parse()?;
    let env = Env::process();
    let client = Client::new(&aws::config(&env)?);
    let users = env.required("USERS_TABLE")?.to_owned();
    let logins = env.required("LOGINS_TABLE")?.to_owned();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        if tasks.len() == AT_ONCE {
            tasks.join_next().await.context("no task")???;
        }
        let (client, users, logins) = (client.clone(), users.clone(), logins.clone());
        tasks.spawn(async move { write(&client, &users, &logins).await });
    }
    while let Some(written) = tasks.join_next().await {
        written??;
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

async fn write(client: &Client, users: &str, logins: &str) -> anyhow::Result<()> {
    let uuid = Uuid::new_v4();
    let username = format!("bare-{}", uuid.simple());
    let email = format!("{username}@test.com");
    let uuid = uuid.to_string();
    let account = [
        ("uuid", &*uuid),
        ("username", &*username),
        ("email", &*email),
    ];
    let login = |key: &str| {
        let attributes = [("login", key), ("password_hash", HASH)];
        put(logins, "login", account.iter().chain(&attributes))
    };
    client
        .transact_write_items()
        .client_request_token(Uuid::new_v4().to_string())
        .transact_items(put(users, "uuid", account.iter())?)
        .transact_items(login(&format!("email:{email}"))?)
        .transact_items(login(&format!("username:{username}"))?)
        .send()
        .await?;
    Ok(())
}

fn put<'a>(
    table: &str,
    key: &str,
    attributes: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> anyhow::Result<TransactWriteItem> {
    let attributes = attributes.map(|(name, value)| {
        let value = AttributeValue::S((*value).to_owned());
        ((*name).to_owned(), value)
    });
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(attributes.collect()))
        .condition_expression("attribute_not_exists(#key)")
        .expression_attribute_names("#key", key)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}
