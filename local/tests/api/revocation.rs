//! `tokens_from` on the item of an account: its tokens of before that time are revoked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use shared::token::{Key, Lifetime, issue};

use crate::{
    avatars::{jpeg, photograph},
    client::{Answer, Api, JWT_SECRET, Person, send},
};

const EXPIRED: &str = "Signature has expired.";

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Sets `tokens_from` of the one account.
async fn revoke(api: &Api, from: AttributeValue) {
    set(api, "tokens_from", from).await;
}

async fn set(api: &Api, name: &str, value: AttributeValue) {
    let stored = api.stored();
    let change = stored.change("USERS_TABLE", |item| {
        item.insert(name.to_owned(), value.clone());
    });
    change.await;
}

/// Issues a token of the account of `person` and `profile` at `issued_ms`, as the service does.
fn token(api: &Api, person: &Person, profile: &Value, issued_ms: u64) -> String {
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
async fn ask(api: &Api, token: &str, name: &str) -> [Answer; 3] {
    [
        api.get_profile(token).await,
        api.update_profile(token, &json!({})).await,
        api.update_profile(token, &json!({ "first_name": name }))
            .await,
    ]
}

#[tokio::test]
async fn a_token_of_before_it_is_refused_and_a_later_one_is_taken() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (ada, first) = api.member().await;
    let profile = api.get_profile(&first).await.json();
    let from_ms = now_ms();
    revoke(&api, AttributeValue::N(from_ms.to_string())).await;

    for issued_ms in [from_ms - 1_000, from_ms - 1] {
        let older = token(&api, &ada, &profile, issued_ms);
        for answer in ask(&api, &older, "Eve").await {
            answer.assert_unauthenticated(EXPIRED);
        }
    }
    let first_token = token(&api, &ada, &profile, from_ms);
    assert_eq!(api.get_profile(&first_token).await.json(), profile);
    for issued_ms in [from_ms, from_ms + 1] {
        let later = token(&api, &ada, &profile, issued_ms);
        for answer in ask(&api, &later, "Ada").await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_log_in_after_it_gets_a_token_that_is_taken() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (ada, stolen) = api.member().await;
    revoke(&api, AttributeValue::N(now_ms().to_string())).await;

    let token = api.log_in(&ada).await;

    for answer in ask(&api, &token, "Ada").await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for answer in ask(&api, &stolen, "Eve").await {
        answer.assert_unauthenticated(EXPIRED);
    }
}

#[tokio::test]
async fn a_token_that_does_not_say_when_it_was_issued_is_refused_only_with_it() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let claims = token.split('.').nth(1).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256","kid":"local"}"#);
    let message = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, JWT_SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    let old = format!("{message}.{signature}");

    for answer in ask(&api, &old, "Ada").await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    revoke(&api, AttributeValue::N("0".to_owned())).await;

    for answer in ask(&api, &old, "Eve").await {
        answer.assert_unauthenticated(EXPIRED);
    }
    for answer in ask(&api, &token, "Ada").await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn an_upload_with_a_revoked_token_leaves_no_avatar() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    revoke(&api, AttributeValue::N((now_ms() + 60_000).to_string())).await;

    let answer = api.upload(&token, jpeg(&photograph(64, 64))).await;

    answer.assert_unauthenticated(EXPIRED);
    assert_eq!(api.stored().avatars().await, Vec::<String>::new());
}

#[tokio::test]
async fn it_comes_before_every_other_refusal_but_those_of_the_token() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    set(&api, "disabled", AttributeValue::Bool(true)).await;
    revoke(&api, AttributeValue::N((now_ms() + 60_000).to_string())).await;

    for answer in ask(&api, &token, "Eve").await {
        answer.assert_unauthenticated(EXPIRED);
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
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    revoke(&api, AttributeValue::S("now".to_owned())).await;

    for answer in ask(&api, &token, "Eve").await {
        answer.assert_detail(500, "A server error occurred.");
    }
    let items = api.stored().items("USERS_TABLE").await;
    assert_eq!(items[0].get("first_name"), None);
}
