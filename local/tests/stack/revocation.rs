//! `tokens_from` on the item of an account: its tokens of before that time are revoked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use shared::token::{Key, Lifetime, issue};

use support::{
    JWT_SECRET, OwnStack, Person, Response,
    pictures::{jpeg, photograph},
    send,
    token::{claims, sign},
};

const EXPIRED: &str = "Signature has expired.";

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Sets `tokens_from` of the one account.
async fn revoke(api: &OwnStack, from: AttributeValue) {
    set(api, "tokens_from", from).await;
}

async fn set(api: &OwnStack, name: &str, value: AttributeValue) {
    let stored = api.stored();
    let change = stored.change("USERS_TABLE", |item| {
        item.insert(name.to_owned(), value.clone());
    });
    change.await;
}

/// Issues a token of the account of `person` and `profile` at `issued_ms`, as the service does.
fn token(api: &OwnStack, person: &Person, profile: &Value, issued_ms: u64) -> String {
    let key = Key::new("local", JWT_SECRET).unwrap();
    let user_id = profile["uuid"].as_str().unwrap().parse().unwrap();
    let now = UNIX_EPOCH + Duration::from_millis(issued_ms);
    let lifetime = Lifetime::from_env(api.stack().env()).unwrap();
    issue(
        &key,
        user_id,
        &person.username,
        &person.email,
        now,
        lifetime,
    )
    .unwrap()
}

/// Sends `token` with each kind of request: one that reads, one that writes nothing, and one that
/// writes `name`.
async fn ask(api: &OwnStack, token: &str, name: &str) -> [Response; 3] {
    [
        api.get_profile(token).await,
        api.update_profile(token, &json!({})).await,
        api.update_profile(token, &json!({ "first_name": name }))
            .await,
    ]
}

#[tokio::test]
async fn a_token_of_before_it_is_refused_and_a_later_one_is_taken() {
    let api = OwnStack::start().await;
    let (ada, first) = api.member().await;
    let profile = api.get_profile(&first).await.json();
    let from_ms = now_ms();
    revoke(&api, AttributeValue::N(from_ms.to_string())).await;

    for issued_ms in [from_ms - 1_000, from_ms - 1] {
        let older = token(&api, &ada, &profile, issued_ms);
        for response in ask(&api, &older, "Eve").await {
            response.assert_unauthenticated(EXPIRED);
        }
    }
    let first_token = token(&api, &ada, &profile, from_ms);
    assert_eq!(api.get_profile(&first_token).await.json(), profile);
    for issued_ms in [from_ms, from_ms + 1] {
        let later = token(&api, &ada, &profile, issued_ms);
        for response in ask(&api, &later, "Ada").await {
            assert_eq!(response.status, 200, "{}", response.text());
        }
    }
}

#[tokio::test]
async fn a_log_in_after_it_gets_a_token_that_is_taken() {
    let api = OwnStack::start().await;
    let (ada, stolen) = api.member().await;
    revoke(&api, AttributeValue::N(now_ms().to_string())).await;

    let token = api.log_in(&ada).await;

    for response in ask(&api, &token, "Ada").await {
        assert_eq!(response.status, 200, "{}", response.text());
    }
    for response in ask(&api, &stolen, "Eve").await {
        response.assert_unauthenticated(EXPIRED);
    }
}

#[tokio::test]
async fn a_token_that_does_not_say_when_it_was_issued_is_refused_only_with_it() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": "local" });
    let old = sign(&header, &claims(&token), JWT_SECRET);

    for response in ask(&api, &old, "Ada").await {
        assert_eq!(response.status, 200, "{}", response.text());
    }
    revoke(&api, AttributeValue::N("0".to_owned())).await;

    for response in ask(&api, &old, "Eve").await {
        response.assert_unauthenticated(EXPIRED);
    }
    for response in ask(&api, &token, "Ada").await {
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

#[tokio::test]
async fn an_upload_with_a_revoked_token_leaves_no_avatar() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    revoke(&api, AttributeValue::N((now_ms() + 60_000).to_string())).await;

    let response = api.upload(&token, jpeg(&photograph(64, 64))).await;

    response.assert_unauthenticated(EXPIRED);
    assert_eq!(api.stored().avatars().await, Vec::<String>::new());
}

#[tokio::test]
async fn it_comes_before_every_other_refusal_but_those_of_the_token() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    set(&api, "disabled", AttributeValue::Bool(true)).await;
    revoke(&api, AttributeValue::N((now_ms() + 60_000).to_string())).await;

    for response in ask(&api, &token, "Eve").await {
        response.assert_unauthenticated(EXPIRED);
    }
    let wrong_method = api.request(Method::POST, "/get_profile/");
    let wrong_method = wrong_method.header("Authorization", format!("JWT {token}"));
    send(wrong_method).await.assert_unauthenticated(EXPIRED);
    api.update_profile(&token, &json!({ "uuid": "x" }))
        .await
        .assert_unauthenticated(EXPIRED);
}

#[tokio::test]
async fn one_that_is_not_a_number_lets_no_token_in() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    revoke(&api, AttributeValue::S("now".to_owned())).await;

    for response in ask(&api, &token, "Eve").await {
        response.assert_detail(500, "A server error occurred.");
    }
    let items = api.stored().items("USERS_TABLE").await;
    assert_eq!(items[0].get("first_name"), None);
}
