//! `Authorization`, on both endpoints that ask for it.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use crate::client::{Api, CREATED, JWT_SECRET, Response, send};

const NOT_PROVIDED: &str = "Authentication credentials were not provided.";
const NO_TOKEN: &str = "Invalid Authorization header. No credentials provided.";
const SPACES: &str = "Invalid Authorization header. Credentials string should not contain spaces.";
const MALFORMED: &str = "Error decoding signature.";
const WRONG_ALGORITHM: &str = "Incorrect authentication credentials.";
const EXPIRED: &str = "Signature has expired.";
const WRONG_CLAIMS: &str = "Invalid payload.";
const GONE: &str = "Invalid signature.";
const DISABLED: &str = "User account is disabled.";

/// Both endpoints' responses to `authorization`.
async fn ask(api: &Api, authorization: Option<&str>) -> [Response; 2] {
    let request = |method, path| {
        let request = api.request(method, path);
        match authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    };
    [
        send(request(Method::GET, "/get_profile/")).await,
        send(request(Method::PUT, "/update_profile/").json(&json!({}))).await,
    ]
}

#[tokio::test]
async fn a_token_is_asked_for_in_the_documented_words() {
    let api = Api::start().await;
    for (header, detail) in [
        (None, NOT_PROVIDED),
        (Some(""), NOT_PROVIDED),
        (Some("Bearer a.b.c"), NOT_PROVIDED),
        (Some("Basic dGVzdDp0ZXN0"), NOT_PROVIDED),
        (Some("Token a.b.c"), NOT_PROVIDED),
        (Some("JWT"), NO_TOKEN),
        (Some("jwt"), NO_TOKEN),
        (Some("JWT a b"), SPACES),
        (Some("JWT a.b.c d.e.f"), SPACES),
    ] {
        for response in ask(&api, header).await {
            response.assert_unauthenticated(detail);
        }
    }
}

#[tokio::test]
async fn the_scheme_is_compared_without_regard_to_case() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for scheme in ["JWT", "jwt", "Jwt"] {
        for response in ask(&api, Some(&format!("{scheme} {token}"))).await {
            assert_eq!(response.status, 200, "{scheme}");
        }
    }
}

/// Signs `claims` under `header` as the service would, with `secret`.
fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    sign_text(&header.to_string(), &claims.to_string(), secret)
}

/// The same for what no [`Value`] can hold.
fn sign_text(header: &str, claims: &str, secret: &str) -> String {
    let message = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

fn header() -> Value {
    json!({ "typ": "JWT", "alg": "HS256", "kid": "local" })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// What a good token of `profile`'s owner says.
fn claims(profile: &Value) -> Value {
    json!({
        "user_id": profile["uuid"],
        "username": profile["username"],
        "exp": now() + 3_600,
        "email": profile["email"],
    })
}

#[tokio::test]
async fn what_the_service_did_not_sign_is_refused() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let claims = claims(&api.get_profile(&token).await.json());
    let with_header = |name: &str, value: Value| {
        let mut header = header();
        header[name] = value;
        sign(&header, &claims, JWT_SECRET)
    };
    let parts: Vec<&str> = token.split('.').collect();
    let unsigned = |alg: &str| {
        let header = json!({ "typ": "JWT", "alg": alg, "kid": "local" });
        let message = [header, claims.clone()]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        format!("{message}.")
    };
    let mut kid_missing = header();
    kid_missing.as_object_mut().unwrap().remove("kid");
    let other_claims = URL_SAFE_NO_PAD.encode(json!({ "user_id": "x" }).to_string());
    for (case, token, detail) in [
        ("one segment", "abc".to_owned(), MALFORMED),
        (
            "two segments",
            format!("{}.{}", parts[0], parts[1]),
            MALFORMED,
        ),
        ("four segments", format!("{token}.{}", parts[2]), MALFORMED),
        ("empty segments", "..".to_owned(), MALFORMED),
        ("no Base64", "?.?.?".to_owned(), MALFORMED),
        (
            "a header that is no JSON",
            format!("YWJj.{}.{}", parts[1], parts[2]),
            MALFORMED,
        ),
        (
            "a header that is no object",
            format!("W10.{}.{}", parts[1], parts[2]),
            MALFORMED,
        ),
        (
            "no signature",
            format!("{}.{}.", parts[0], parts[1]),
            MALFORMED,
        ),
        (
            "other claims",
            format!("{}.{other_claims}.{}", parts[0], parts[2]),
            MALFORMED,
        ),
        (
            "a cut signature",
            token[..token.len() - 2].to_owned(),
            MALFORMED,
        ),
        (
            "another key",
            sign(&header(), &claims, "another secret, 32 bytes or more"),
            MALFORMED,
        ),
        ("an empty key", sign(&header(), &claims, ""), MALFORMED),
        (
            "an unknown kid",
            with_header("kid", json!("other")),
            MALFORMED,
        ),
        (
            "a path for a kid",
            with_header("kid", json!("../../dev/null")),
            MALFORMED,
        ),
        (
            "a query for a kid",
            with_header("kid", json!("' OR '1'='1")),
            MALFORMED,
        ),
        (
            "a command for a kid",
            with_header("kid", json!("local\n$(id)|`id`")),
            MALFORMED,
        ),
        ("an empty kid", with_header("kid", json!("")), MALFORMED),
        (
            "a number for a kid",
            with_header("kid", json!(1)),
            MALFORMED,
        ),
        ("no kid", sign(&kid_missing, &claims, JWT_SECRET), MALFORMED),
        ("alg none", unsigned("none"), WRONG_ALGORITHM),
        ("alg None", unsigned("None"), WRONG_ALGORITHM),
        (
            "alg hs256",
            with_header("alg", json!("hs256")),
            WRONG_ALGORITHM,
        ),
        (
            "alg HS512",
            with_header("alg", json!("HS512")),
            WRONG_ALGORITHM,
        ),
        (
            "alg RS256",
            with_header("alg", json!("RS256")),
            WRONG_ALGORITHM,
        ),
        (
            "alg ES256",
            with_header("alg", json!("ES256")),
            WRONG_ALGORITHM,
        ),
        (
            "alg EdDSA",
            with_header("alg", json!("EdDSA")),
            WRONG_ALGORITHM,
        ),
        ("alg null", with_header("alg", Value::Null), WRONG_ALGORITHM),
        (
            "alg twice",
            sign_text(
                r#"{"alg":"none","alg":"HS256","kid":"local"}"#,
                &claims.to_string(),
                JWT_SECRET,
            ),
            MALFORMED,
        ),
        (
            "a header of 6 KB",
            with_header("kid", json!("x".repeat(6_000))),
            MALFORMED,
        ),
        (
            "a header as deep as it gets",
            sign_text(
                &format!(r#"{{"alg":{}"#, "[".repeat(5_000)),
                "{}",
                JWT_SECRET,
            ),
            MALFORMED,
        ),
    ] {
        for response in ask(&api, Some(&format!("JWT {token}"))).await {
            assert_eq!(
                (response.status, response.json()),
                (401, json!({ "detail": detail })),
                "{case}"
            );
            response.assert_unauthenticated(detail);
        }
    }
}

#[tokio::test]
async fn a_key_in_the_header_is_not_used() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let claims = claims(&api.get_profile(&token).await.json());
    let secret = "a secret that the attacker brings along";
    let key = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret), "alg": "HS256" });
    for (name, value) in [
        ("jwk", key),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/certificate")),
        ("x5c", json!([URL_SAFE_NO_PAD.encode(secret)])),
        ("crit", json!(["b64"])),
    ] {
        let mut header = header();
        header[name] = value;
        let forged = sign(&header, &claims, secret);

        for response in ask(&api, Some(&format!("JWT {forged}"))).await {
            response.assert_unauthenticated(MALFORMED);
        }
    }
}

#[tokio::test]
async fn two_expiries_are_refused_and_of_two_accounts_the_last_one_counts() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let good = claims(&api.get_profile(&token).await.json()).to_string();
    let with = |before: &str, after: &str| {
        let claims = format!("{{{before}{}{after}}}", good.trim_matches(['{', '}']));
        sign_text(&header().to_string(), &claims, JWT_SECRET)
    };
    let nobody = r#""user_id":"00000000-0000-4000-8000-000000000000""#;

    // RFC 7519, section 4, allows either, but neither the first one nor a mixture.
    for (token, detail) in [
        (with(r#""exp":0,"#, ""), MALFORMED),
        (with("", r#","exp":0"#), MALFORMED),
        (with("", &format!(",{nobody}")), GONE),
    ] {
        api.get_profile(&token).await.assert_unauthenticated(detail);
    }
    let token = with(&format!("{nobody},"), "");
    assert_eq!(api.get_profile(&token).await.status, 200);
}

#[tokio::test]
async fn what_it_signed_has_to_be_a_token_of_its_own() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let good = claims(&api.get_profile(&token).await.json());
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    for (case, claims, detail) in [
        ("no exp", without("exp"), MALFORMED),
        ("a null exp", with("exp", Value::Null), MALFORMED),
        (
            "a text for exp",
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
        ("no claims", json!([]), MALFORMED),
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
            "a text that is no uuid",
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
            "a uuid of nobody",
            with("user_id", json!("00000000-0000-4000-8000-000000000000")),
            GONE,
        ),
    ] {
        let token = sign(&header(), &claims, JWT_SECRET);
        for response in ask(&api, Some(&format!("JWT {token}"))).await {
            assert_eq!(
                (response.status, response.json()),
                (401, json!({ "detail": detail })),
                "{case}"
            );
        }
    }
    let far_future = sign(&header(), &with("exp", json!(i64::MAX)), JWT_SECRET);
    assert_eq!(api.get_profile(&far_future).await.status, 200);
}

#[tokio::test]
async fn the_signature_is_checked_before_the_expiry() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let mut claims = claims(&api.get_profile(&token).await.json());
    claims["exp"] = json!(now() - 1);

    let forged = sign(&header(), &claims, "another secret, 32 bytes or more");

    api.get_profile(&forged)
        .await
        .assert_unauthenticated(MALFORMED);
}

#[tokio::test]
async fn an_expired_token_of_the_service_is_refused() {
    let Some(api) = Api::fresh().await else {
        return;
    };
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
    for response in ask(&api, Some(&format!("JWT {expired}"))).await {
        response.assert_unauthenticated(EXPIRED);
    }
}

#[tokio::test]
async fn a_token_outlives_no_account() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;

    api.stored().clear("USERS_TABLE", "uuid").await;

    for response in ask(&api, Some(&format!("JWT {token}"))).await {
        response.assert_unauthenticated(GONE);
    }
}

#[tokio::test]
async fn a_token_is_not_for_the_next_owner_of_a_username() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (ada, token) = api.member().await;
    api.stored().clear("USERS_TABLE", "uuid").await;
    api.stored().clear("LOGINS_TABLE", "login").await;
    api.create_user(&ada.sign_up()).await.assert(201, CREATED);

    for response in ask(&api, Some(&format!("JWT {token}"))).await {
        response.assert_unauthenticated(GONE);
    }
    assert_eq!(api.get_profile(&api.log_in(&ada).await).await.status, 200);
}

#[tokio::test]
async fn a_disabled_account_is_shut_out() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let set_disabled = async |disabled| {
        let set = |item: &mut HashMap<_, _>| {
            item.insert("disabled".to_owned(), AttributeValue::Bool(disabled));
        };
        api.stored().change("USERS_TABLE", set).await;
    };

    set_disabled(true).await;
    for response in ask(&api, Some(&format!("JWT {token}"))).await {
        response.assert_unauthenticated(DISABLED);
    }
    api.update_profile(&token, &json!({ "first_name": "Ada" }))
        .await
        .assert_unauthenticated(DISABLED);

    set_disabled(false).await;
    let profile = api.get_profile(&token).await.json();
    assert_eq!(profile["first_name"], Value::Null);
}

#[tokio::test]
async fn comes_before_everything_else() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let requests = |authorization: &str| {
        let put = || {
            api.request(Method::PUT, "/update_profile/")
                .header("Authorization", authorization.to_owned())
        };
        [
            api.request(Method::DELETE, "/get_profile/")
                .header("Authorization", authorization.to_owned()),
            api.request(Method::POST, "/update_profile/")
                .header("Authorization", authorization.to_owned()),
            put().header("Content-Type", "text/plain").body("x"),
            put().header("Content-Type", "application/json").body("{"),
            put().json(&json!([])),
            put().json(&json!({ "email": "x" })),
            put().json(&json!({ "first_name": false })),
        ]
    };

    for request in requests("") {
        send(request).await.assert_unauthenticated(NOT_PROVIDED);
    }
    api.stored().clear("USERS_TABLE", "uuid").await;
    for request in requests(&format!("JWT {token}")) {
        send(request).await.assert_unauthenticated(GONE);
    }
}
