use reqwest::Method;
use serde_json::json;

use crate::client::{Api, send};

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
async fn shows_the_documented_example() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    api.create_user(&json!({ "email": "test@test.ru", "username": "Test", "password": "12345" }))
        .await;
    let response = api
        .obtain_token(&json!({ "login": "test@test.ru", "password": "12345" }))
        .await;
    let token = response.json()["token"].as_str().unwrap().to_owned();

    let response = api
        .update_profile(&token, &json!({ "first_name": "Вася" }))
        .await;

    let uuid = response.json()["uuid"].as_str().unwrap().to_owned();
    let expected = r#"{"uuid":"f0d4568f-c938-480a-8564-d95e95b5af4a","username":"Test","email":"test@test.ru","first_name":"Вася","last_name":null,"patronymic":null,"avatar":null}"#
        .replace("f0d4568f-c938-480a-8564-d95e95b5af4a", &uuid);
    response.assert(200, &expected);
    api.get_profile(&token).await.assert(200, &expected);
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
