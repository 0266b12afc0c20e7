//! The log: a line for each request, and nothing that a client has sent.

use reqwest::{Method, multipart};
use serde_json::json;
use support::{
    Person,
    pictures::{jpeg, photograph},
    send,
};
use tempfile::TempDir;

use crate::dev_process::DevProcess;

#[tokio::test]
async fn a_request_is_one_line_without_anything_that_was_sent() {
    let data = TempDir::new().unwrap();
    let mut dev = DevProcess::start(data.path());
    let api = dev.api();
    let ada = api.register().await;
    api.create_user(&ada.sign_up()).await;
    api.create_user(&json!({ "email": "not-an-address-8d1f", "password": "pw7c" }))
        .await;
    let wrong = "a-wrong-password-51ab";
    api.obtain_token(&json!({ "login": ada.email, "password": wrong }))
        .await;
    let stranger = Person::new();
    api.obtain_token(&stranger.log_in()).await;
    let token = api.log_in(&ada).await;
    api.get_profile(&token).await;
    api.get_profile("bad-token-93fe").await;
    let form = multipart::Form::new().text("first_name", "Zebulon").part(
        "avatar",
        multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("secret-name-77.jpg"),
    );
    send(api.update(&token).multipart(form)).await;
    send(
        api.update(&token)
            .header("Content-Type", "application/json")
            .body("{\"first_name\": Quillon"),
    )
    .await;
    send(api.request(Method::GET, "/no-such-path-c0de?query-secret-41=1")).await;

    dev.signal("-TERM");
    let log = dev.ends_well();

    for (route, status, outcome) in [
        ("/create_user/", 201, "ok"),
        ("/create_user/", 400, "invalid_fields"),
        ("/obtain_token/", 200, "ok"),
        ("/obtain_token/", 401, "wrong_credentials"),
        ("/get_profile/", 200, "ok"),
        ("/get_profile/", 401, "unauthenticated"),
        ("/update_profile/", 200, "ok"),
        ("/update_profile/", 400, "malformed_json"),
        ("gateway", 404, "not_found"),
    ] {
        let line = format!(
            "answered route=\"{route}\" status={status} outcome=\"{outcome}\" duration_ms="
        );
        assert!(log.contains(&line), "{line}\n{log}");
    }
    assert_eq!(log.matches("answered").count(), 11, "{log}");
    let signature = token.rsplit('.').next().unwrap();
    for secret in [
        &ada.email,
        &ada.username,
        &ada.password,
        &stranger.email,
        &stranger.password,
        &token,
    ] {
        assert!(
            !log.to_lowercase().contains(&secret.to_lowercase()),
            "{secret}\n{log}"
        );
    }
    for secret in [
        signature,
        wrong,
        "not-an-address",
        "pw7c",
        "bad-token",
        "Zebulon",
        "Quillon",
        "secret-name",
        "no-such-path",
        "query-secret",
        "$argon2id$",
    ] {
        assert!(!log.contains(secret), "{secret}\n{log}");
    }
}
