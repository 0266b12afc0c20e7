//! The variables that an operator sets.

use reqwest::Method;
use serde_json::json;
use support::{OwnStack, messages::CREATED, send, token};

#[tokio::test]
async fn a_strict_policy_reports_every_broken_rule() {
    let api = OwnStack::with(&[("PASSWORD_POLICY", "strict")]).await;
    const SHORT: &str = "This password is too short. It must contain at least 15 characters.";
    const COMMON: &str = "This password is too common.";
    const NUMERIC: &str = "This password is entirely numeric.";
    const SIMILAR: &str = "The password is too similar to the email.";
    for (password, messages) in [
        ("12345", vec![SHORT, COMMON, NUMERIC]),
        ("123456789987654321", vec![COMMON, NUMERIC]),
        ("918273645546372819", vec![NUMERIC]),
        ("margaret.hamilton", vec![SIMILAR]),
        ("hamilton.margaret", vec![SIMILAR]),
    ] {
        let body = json!({ "email": "margaret.hamilton@test.com", "username": "somebody", "password": password });

        let response = api.create_user(&body).await;

        response.assert(400, &json!({ "password": messages }).to_string());
    }
    let body =
        json!({ "email": "margaret.hamilton@test.com", "password": "correct horse battery" });
    api.create_user(&body).await.assert(201, CREATED);
}

#[tokio::test]
async fn the_lifetime_of_a_token_is_set_by_the_operator() {
    let api = OwnStack::with(&[("TOKEN_TTL_SECONDS", "60")]).await;
    let before = token::now();

    let (_, token) = api.member().await;

    let exp = token::claims(&token)["exp"].as_u64().unwrap();
    let expected = before + 60..=token::now() + 60;
    assert!(expected.contains(&exp), "{exp}, not {expected:?}");
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_read_what_others_may_not() {
    let listed = [(
        "ALLOWED_ORIGINS",
        "https://app.example, http://localhost:5173",
    )];
    let api = OwnStack::with(&listed).await;
    for (origin, allowed) in [
        (Some("https://app.example"), Some("https://app.example")),
        (Some("http://localhost:5173"), Some("http://localhost:5173")),
        (Some("https://app.example.evil.example"), None),
        (Some("https://APP.example"), None),
        (Some("null"), None),
        (None, None),
    ] {
        for (method, path) in [
            (Method::OPTIONS, "/get_profile/"),
            (Method::GET, "/get_profile/"),
            (Method::GET, "/nothing"),
        ] {
            let mut request = api.request(method.clone(), path);
            if let Some(origin) = origin {
                request = request.header("Origin", origin);
            }

            let response = send(request).await;

            assert_eq!(
                response.header("access-control-allow-origin"),
                allowed,
                "{method} {path} from {origin:?}"
            );
            assert_eq!(response.header("vary"), Some("Origin"));
        }
    }
}
