//! Tokens that the service's own key has signed, and the accounts that they are for.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use support::{
    Item, JWT_SECRET, OwnStack,
    messages::{CREATED, GONE, MALFORMED, NOT_PROVIDED, WRONG_ALGORITHM},
    send,
    token::{assert_refused, claims, header, now, sign, sign_raw, with, without},
};

const EXPIRED: &str = "Signature has expired.";
const WRONG_CLAIMS: &str = "Invalid payload.";
const DISABLED: &str = "User account is disabled.";

/// The `user_id` of no account.
const UNKNOWN_ID: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn a_kid_that_names_no_key_is_refused() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let header = header(&token);
    for (case, header) in [
        ("another one", with(&header, "kid", json!("other"))),
        ("a path", with(&header, "kid", json!("../../dev/null"))),
        ("a query", with(&header, "kid", json!("' OR '1'='1"))),
        (
            "a command",
            with(&header, "kid", json!("local\n$(id)|`id`")),
        ),
        ("an empty one", with(&header, "kid", json!(""))),
        ("a number", with(&header, "kid", json!(1))),
        ("none", without(&header, "kid")),
    ] {
        let token = sign(&header, &claims(&token), JWT_SECRET);

        assert_refused(&api, case, &token, MALFORMED).await;
    }
}

#[tokio::test]
async fn an_algorithm_other_than_hs256_is_refused() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    for algorithm in [
        json!("none"),
        json!("hs256"),
        json!("HS512"),
        json!("RS256"),
        json!("ES256"),
        json!("EdDSA"),
        Value::Null,
    ] {
        let header = with(&header(&token), "alg", algorithm.clone());
        let token = sign(&header, &claims(&token), JWT_SECRET);

        assert_refused(&api, &algorithm.to_string(), &token, WRONG_ALGORITHM).await;
    }
    let two = r#"{"alg":"none","alg":"HS256","kid":"local"}"#;
    let token = sign_raw(two, &claims(&token).to_string(), JWT_SECRET);
    assert_refused(&api, "two algorithms", &token, MALFORMED).await;
}

#[tokio::test]
async fn a_header_that_is_large_or_deep_is_refused() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let large = with(&header(&token), "kid", json!("x".repeat(6_000)));
    let deep = format!(r#"{{"alg":{}"#, "[".repeat(5_000));
    for (case, token) in [
        ("6 KB", sign(&large, &claims(&token), JWT_SECRET)),
        ("5,000 lists", sign_raw(&deep, "{}", JWT_SECRET)),
    ] {
        assert_refused(&api, case, &token, MALFORMED).await;
    }
}

#[tokio::test]
async fn two_expiries_are_refused_and_of_two_accounts_the_last_one_counts() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let (header, good) = (header(&token).to_string(), claims(&token).to_string());
    let with = |before: &str, after: &str| {
        let claims = format!("{{{before}{}{after}}}", good.trim_matches(['{', '}']));
        sign_raw(&header, &claims, JWT_SECRET)
    };
    let unknown = format!(r#""user_id":"{UNKNOWN_ID}""#);

    // RFC 7519, section 4, lets a service refuse two claims of one name or take the last one. It
    // must not take the first one, nor one here and the other there.
    for (case, token, detail) in [
        ("exp twice, last good", with(r#""exp":0,"#, ""), MALFORMED),
        ("exp twice, last 0", with("", r#","exp":0"#), MALFORMED),
        (
            "user_id twice, last unknown",
            with("", &format!(",{unknown}")),
            GONE,
        ),
    ] {
        assert_refused(&api, case, &token, detail).await;
    }
    let last_good = with(&format!("{unknown},"), "");
    assert_eq!(api.get_profile(&last_good).await.status, 200);
}

#[tokio::test]
async fn a_signed_token_without_the_right_claims_is_refused() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let (header, good) = (header(&token), claims(&token));
    let with = |name, value| with(&good, name, value);
    let without = |name| without(&good, name);
    for (case, claims, detail) in [
        ("no exp", without("exp"), MALFORMED),
        ("a null exp", with("exp", Value::Null), MALFORMED),
        (
            "a string for exp",
            with("exp", json!((now() + 60).to_string())),
            MALFORMED,
        ),
        (
            "a fraction for exp",
            with("exp", json!(now() as f64 + 60.5)),
            MALFORMED,
        ),
        (
            "an exp beyond all integers",
            with("exp", json!(1e300)),
            MALFORMED,
        ),
        ("a list of claims", json!([]), MALFORMED),
        ("exp a second ago", with("exp", json!(now() - 1)), EXPIRED),
        ("exp at the epoch", with("exp", json!(0)), EXPIRED),
        ("exp before the epoch", with("exp", json!(-1)), EXPIRED),
        ("no user_id", without("user_id"), WRONG_CLAIMS),
        (
            "a number for user_id",
            with("user_id", json!(1)),
            WRONG_CLAIMS,
        ),
        (
            "a user_id that is not a UUID",
            with("user_id", json!("1")),
            WRONG_CLAIMS,
        ),
        ("no username", without("username"), WRONG_CLAIMS),
        (
            "a null username",
            with("username", Value::Null),
            WRONG_CLAIMS,
        ),
        ("no email", without("email"), WRONG_CLAIMS),
        ("a list for email", with("email", json!([])), WRONG_CLAIMS),
        (
            "the user_id of no account",
            with("user_id", json!(UNKNOWN_ID)),
            GONE,
        ),
    ] {
        let token = sign(&header, &claims, JWT_SECRET);

        assert_refused(&api, case, &token, detail).await;
    }
    let far_future = sign(&header, &with("exp", json!(i64::MAX)), JWT_SECRET);
    assert_eq!(api.get_profile(&far_future).await.status, 200);
}

#[tokio::test]
async fn an_expired_token_of_the_service_is_refused() {
    let api = OwnStack::start().await;
    let (ada, token) = api.member().await;
    let profile = api.get_profile(&token).await.json();
    let key = shared::token::Key::new("local", JWT_SECRET).unwrap();
    let user_id = profile["uuid"].as_str().unwrap().parse().unwrap();
    let issue = |now| {
        let lifetime = shared::token::Lifetime::from_env(api.stack().env()).unwrap();
        shared::token::issue(&key, user_id, &ada.username, &ada.email, now, lifetime).unwrap()
    };

    let still_good = issue(SystemTime::now() - Duration::from_secs(86_400 - 60));
    let expired = issue(SystemTime::now() - Duration::from_secs(86_400));

    assert_eq!(api.get_profile(&still_good).await.status, 200);
    assert_refused(&api, "an expired one", &expired, EXPIRED).await;
}

#[tokio::test]
async fn a_token_outlives_no_account() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;

    api.stored().clear("USERS_TABLE", "uuid").await;

    assert_refused(&api, "of a deleted account", &token, GONE).await;
}

#[tokio::test]
async fn a_token_is_not_for_the_next_owner_of_a_username() {
    let api = OwnStack::start().await;
    let (ada, token) = api.member().await;
    api.stored().clear("USERS_TABLE", "uuid").await;
    api.stored().clear("LOGINS_TABLE", "login").await;
    api.create_user(&ada.sign_up()).await.assert(201, CREATED);

    assert_refused(&api, "of a deleted account", &token, GONE).await;
    assert_eq!(api.get_profile(&api.log_in(&ada).await).await.status, 200);
}

#[tokio::test]
async fn a_disabled_account_is_shut_out() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let set_disabled = async |disabled| {
        let set = |item: &mut Item| {
            item.insert("disabled".to_owned(), AttributeValue::Bool(disabled));
        };
        api.stored().change("USERS_TABLE", set).await;
    };

    set_disabled(true).await;
    assert_refused(&api, "of a disabled account", &token, DISABLED).await;
    api.update_profile(&token, &json!({ "first_name": "Ada" }))
        .await
        .assert_unauthenticated(DISABLED);

    set_disabled(false).await;
    let profile = api.get_profile(&token).await.json();
    assert_eq!(profile["first_name"], Value::Null);
}

/// Returns requests with `authorization` that the endpoints refuse for their method, their content
/// type, their body or a field.
fn wrong_requests(api: &OwnStack, authorization: &str) -> [RequestBuilder; 7] {
    let request = |method, path| {
        let request = api.request(method, path);
        request.header("Authorization", authorization)
    };
    let put = || request(Method::PUT, "/update_profile/");
    [
        request(Method::DELETE, "/get_profile/"),
        request(Method::POST, "/update_profile/"),
        put().header("Content-Type", "text/plain").body("x"),
        put().header("Content-Type", "application/json").body("{"),
        put().json(&json!([])),
        put().json(&json!({ "email": "x" })),
        put().json(&json!({ "first_name": false })),
    ]
}

#[tokio::test]
async fn comes_before_everything_else() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;

    for request in wrong_requests(&api, "") {
        send(request).await.assert_unauthenticated(NOT_PROVIDED);
    }
    api.stored().clear("USERS_TABLE", "uuid").await;
    for request in wrong_requests(&api, &format!("JWT {token}")) {
        send(request).await.assert_unauthenticated(GONE);
    }
}
