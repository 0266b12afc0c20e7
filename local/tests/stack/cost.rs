//! The calls to AWS that each request makes. `docs/cost.md` and `docs/performance.md` build on these
//! numbers.

use std::{
    future::Future,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use support::{
    BY_SECRET, Fault, Item, OwnStack, Person, Proxy, Response,
    pictures::{jpeg, photograph},
};

const SIGN_UP: &str = "TransactWriteItems Put users Put logins Put logins";

/// Enough failed log-ins for the longest delay.
const LOCKED: u64 = 20;

/// Starts a stack that reaches the engines and Secrets Manager, which has its key, through a proxy.
async fn start() -> (Proxy, OwnStack) {
    let proxy = Proxy::start();
    let api = OwnStack::through(&proxy.aws(), &BY_SECRET).await;
    (proxy, api)
}

/// Asserts the status of `response` and the calls that it took, in alphabetical order.
async fn assert_cost<const N: usize>(
    proxy: &Proxy,
    response: impl Future<Output = Response>,
    status: u16,
    calls: [&str; N],
) {
    proxy.calls();
    let response = response.await;
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(proxy.calls(), calls);
}

#[tokio::test]
async fn a_sign_up_is_one_transaction() {
    let (proxy, api) = start().await;
    let sign_up = Person::new().sign_up();

    // The second time, the address is taken.
    for status in [201, 400] {
        assert_cost(&proxy, api.create_user(&sign_up), status, [SIGN_UP]).await;
    }
}

#[tokio::test]
async fn a_refused_sign_up_costs_nothing() {
    let (proxy, api) = start().await;

    let sign_up = json!({ "email": "no address", "password": "12345" });

    assert_cost(&proxy, api.create_user(&sign_up), 400, []).await;
}

#[tokio::test]
async fn a_made_up_username_that_is_taken_is_one_transaction_more() {
    let (proxy, api) = start().await;
    let ada = api.register().await;
    let sign_up = json!({ "email": format!("{}@test.com", ada.username), "password": "12345" });

    let response = api.create_user(&sign_up);

    assert_cost(&proxy, response, 201, [SIGN_UP; 2]).await;
}

#[tokio::test]
async fn a_log_in_reads_once_and_counts_once_and_forgets_once() {
    let (proxy, api) = start().await;
    let ada = api.register().await;

    for login in [&ada.email, &ada.username] {
        let log_in = json!({ "login": login, "password": ada.password });
        let calls = [
            "DeleteItem attempts",
            "GetItem logins",
            "UpdateItem attempts",
        ];
        assert_cost(&proxy, api.obtain_token(&log_in), 200, calls).await;
    }
}

#[tokio::test]
async fn a_log_in_reads_and_counts_at_once() {
    let (proxy, api) = start().await;
    let ada = api.register().await;
    // The proxy holds each call until the other one arrives, so calls in a row would time out.
    proxy.plan("GetItem", 0, usize::MAX, Fault::Meeting);
    proxy.plan("UpdateItem", 0, usize::MAX, Fault::Meeting);

    let calls = [
        "DeleteItem attempts",
        "GetItem logins",
        "UpdateItem attempts",
    ];

    assert_cost(&proxy, api.obtain_token(&ada.log_in()), 200, calls).await;
}

#[tokio::test]
async fn a_wrong_log_in_reads_once_and_counts_once_whether_it_exists_or_not() {
    let (proxy, api) = start().await;
    let ada = api.register().await;

    for login in [ada.email, Person::new().email] {
        let wrong = json!({ "login": login, "password": "wrong" });
        let calls = ["GetItem logins", "UpdateItem attempts"];
        assert_cost(&proxy, api.obtain_token(&wrong), 401, calls).await;
    }
}

#[tokio::test]
async fn a_log_in_is_counted_before_the_hash() {
    let (proxy, api) = start().await;
    let ada = api.register().await;
    api.stored()
        .put_failures(&ada.email, LOCKED, SystemTime::now())
        .await;
    let runs = api.stack().log_in_hash_runs();

    let calls = ["GetItem logins", "UpdateItem attempts"];
    assert_cost(&proxy, api.obtain_token(&ada.log_in()), 429, calls).await;

    assert_eq!(api.stack().log_in_hash_runs(), runs);
}

#[tokio::test]
async fn a_log_in_after_a_delay_counts_twice() {
    let (proxy, api) = start().await;
    let ada = api.register().await;
    api.stored()
        .put_failures(&ada.email, LOCKED, UNIX_EPOCH)
        .await;

    let counted = "UpdateItem attempts";
    let calls = ["DeleteItem attempts", "GetItem logins", counted, counted];

    assert_cost(&proxy, api.obtain_token(&ada.log_in()), 200, calls).await;
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_in_one_transaction() {
    let (proxy, api) = start().await;
    let ada = api.register().await;
    api.stored().import_hashes().await;

    let log_in = json!({ "login": ada.email, "password": "12345" });
    let calls = [
        "DeleteItem attempts",
        "GetItem logins",
        "TransactWriteItems Update logins Update logins",
        "UpdateItem attempts",
    ];

    assert_cost(&proxy, api.obtain_token(&log_in), 200, calls).await;
}

#[tokio::test]
async fn a_profile_is_one_read() {
    let (proxy, api) = start().await;
    let (_, token) = api.member().await;

    assert_cost(&proxy, api.get_profile(&token), 200, ["GetItem users"]).await;
}

#[tokio::test]
async fn a_request_with_a_bad_token_costs_nothing() {
    let (proxy, api) = start().await;
    let update = json!({ "first_name": "Ada" });

    assert_cost(&proxy, api.get_profile("forged"), 401, []).await;
    let response = api.update_profile("forged", &update);
    assert_cost(&proxy, response, 401, []).await;
}

#[tokio::test]
async fn an_update_is_one_write() {
    let (proxy, api) = start().await;
    let (_, token) = api.member().await;
    let names = json!({ "first_name": "Ada", "last_name": null });

    let response = api.update_profile(&token, &names);

    assert_cost(&proxy, response, 200, ["UpdateItem users"]).await;
}

#[tokio::test]
async fn an_update_that_writes_nothing_is_one_read() {
    let (proxy, api) = start().await;
    let (_, token) = api.member().await;
    let long = "a".repeat(151);

    for (update, status) in [
        (json!({}), 200),
        (json!({ "first_name": long }), 400),
        (json!({ "email": "ada@test.com" }), 400),
    ] {
        let response = api.update_profile(&token, &update);
        assert_cost(&proxy, response, status, ["GetItem users"]).await;
    }
    let picture = api.upload(&token, b"no picture".to_vec());
    assert_cost(&proxy, picture, 400, ["GetItem users"]).await;
}

#[tokio::test]
async fn an_avatar_is_a_read_and_one_object_more_and_one_less() {
    let (proxy, api) = start().await;
    let (_, token) = api.member().await;
    let upload = || api.upload(&token, jpeg(&photograph(64, 64)));
    let removal = json!({ "avatar": null });

    let first = ["GetItem users", "PutObject", "UpdateItem users"];
    assert_cost(&proxy, upload(), 200, first).await;
    let replacement = [
        "DeleteObject",
        "GetItem users",
        "PutObject",
        "UpdateItem users",
    ];
    assert_cost(&proxy, upload(), 200, replacement).await;

    let calls = ["DeleteObject", "UpdateItem users"];
    assert_cost(&proxy, api.update_profile(&token, &removal), 200, calls).await;
}

#[tokio::test]
async fn an_upload_of_an_account_that_is_disabled_or_gone_is_one_read() {
    let (proxy, api) = start().await;
    let (_, token) = api.member().await;
    let upload = || api.upload(&token, jpeg(&photograph(64, 64)));
    let disable = |item: &mut Item| {
        item.insert("disabled".to_owned(), AttributeValue::Bool(true));
    };
    api.stored().change("USERS_TABLE", disable).await;
    assert_cost(&proxy, upload(), 401, ["GetItem users"]).await;

    api.stored().clear("USERS_TABLE", "uuid").await;

    assert_cost(&proxy, upload(), 401, ["GetItem users"]).await;
    assert_eq!(api.stored().avatars().await, [""; 0]);
}
