//! The `Authorization` header, on both endpoints that need it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use support::{
    Api,
    messages::{MALFORMED, NOT_PROVIDED, WRONG_ALGORITHM},
    token::{ask, assert_refused, claims, header, message, now, sign, with},
};

const NO_TOKEN: &str = "Invalid Authorization header. No credentials provided.";
const SPACES: &str = "Invalid Authorization header. Credentials string should not contain spaces.";

const OTHER_SECRET: &str = "another secret, 32 bytes or more";

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

#[tokio::test]
async fn a_token_that_was_taken_apart_is_refused() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let [header, claims, signature] = &token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}")
    };
    let other_claims = URL_SAFE_NO_PAD.encode(json!({ "user_id": "x" }).to_string());
    for (case, token) in [
        ("one segment", "abc".to_owned()),
        ("two segments", format!("{header}.{claims}")),
        ("four segments", format!("{token}.{signature}")),
        ("empty segments", "..".to_owned()),
        ("not Base64", "?.?.?".to_owned()),
        (
            "a header that is not JSON",
            format!("YWJj.{claims}.{signature}"),
        ),
        (
            "a header that is not an object",
            format!("W10.{claims}.{signature}"),
        ),
        ("no signature", format!("{header}.{claims}.")),
        ("a cut signature", token[..token.len() - 2].to_owned()),
        (
            "other claims",
            format!("{header}.{other_claims}.{signature}"),
        ),
    ] {
        assert_refused(&api, case, &token, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_token_signed_with_another_key_is_refused() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let (header, claims) = (header(&token), claims(&token));
    for secret in [OTHER_SECRET, ""] {
        let forged = sign(&header, &claims, secret);

        assert_refused(&api, secret, &forged, MALFORMED).await;
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for algorithm in ["none", "None"] {
        let header = with(&header(&token), "alg", json!(algorithm));
        let unsigned = message(&header.to_string(), &claims(&token).to_string());

        assert_refused(&api, algorithm, &format!("{unsigned}."), WRONG_ALGORITHM).await;
    }
}

#[tokio::test]
async fn a_key_in_the_header_is_not_used() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let secret = "a secret that the attacker brings along";
    let key = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret), "alg": "HS256" });
    for (name, value) in [
        ("jwk", key),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/certificate")),
        ("x5c", json!([URL_SAFE_NO_PAD.encode(secret)])),
        ("crit", json!(["b64"])),
    ] {
        let forged = sign(&with(&header(&token), name, value), &claims(&token), secret);

        assert_refused(&api, name, &forged, MALFORMED).await;
    }
}

#[tokio::test]
async fn the_signature_is_checked_before_the_expiry() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let expired = with(&claims(&token), "exp", json!(now() - 1));

    let forged = sign(&header(&token), &expired, OTHER_SECRET);

    assert_refused(&api, "expired and forged", &forged, MALFORMED).await;
}
