use reqwest::Method;
use serde_json::json;

use support::{Api, send};

#[tokio::test]
async fn shows_seven_keys_in_their_order() {
    let api = Api::start().await;
    let (ada, token) = api.member().await;

    let response = api.get_profile(&token).await;

    let uuid = response.json()["uuid"].as_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&uuid).unwrap().get_version_num(), 4);
    response.assert(
        200,
        &format!(
            r#"{{"uuid":"{uuid}","username":"{}","email":"{}","first_name":null,"last_name":null,"patronymic":null,"avatar":null}}"#,
            ada.username, ada.email
        ),
    );
}

#[tokio::test]
async fn answers_head_without_a_body() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let request = api
        .request(Method::HEAD, "/get_profile/")
        .header("Authorization", format!("JWT {token}"));

    let response = send(request).await;

    response.assert(200, "");
}

#[tokio::test]
async fn shows_nobody_elses_profile() {
    let api = Api::start().await;
    let (ada, ada_token) = api.member().await;
    let (bob, bob_token) = api.member().await;

    let ada_profile = api.get_profile(&ada_token).await.json();
    let bob_profile = api.get_profile(&bob_token).await.json();

    assert_eq!(
        (&ada_profile["email"], &bob_profile["email"]),
        (&json!(ada.email), &json!(bob.email))
    );
    assert_ne!(ada_profile["uuid"], bob_profile["uuid"]);
}
