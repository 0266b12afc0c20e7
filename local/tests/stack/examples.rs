//! The documented examples, word for word: their addresses must be free.

use reqwest::Method;
use serde_json::json;
use support::{OwnStack, openapi::Operation, send};

#[tokio::test]
async fn registers_the_documented_example() {
    let api = OwnStack::start().await;
    let body = r#"{"email":"test@test.com","password":"12345"}"#;
    let request = api
        .request(Method::POST, "/create_user/")
        .header("Content-Type", "application/json");

    let response = send(request.body(body)).await;

    response.assert(201, r#"{"message":"User succesfully created"}"#);
}

#[tokio::test]
async fn logs_in_with_the_documented_example() {
    let api = OwnStack::start().await;
    api.create_user(&json!({ "email": "test@test.com", "password": "12345" }))
        .await;
    let body = r#"{"login":"test@test.com","password":"12345"}"#;
    let request = api
        .request(Method::POST, "/obtain_token/")
        .header("Content-Type", "application/json");

    let response = send(request.body(body)).await;

    let token = response.json()["token"].as_str().unwrap().to_owned();
    response.assert(200, &format!(r#"{{"token":"{token}"}}"#));
}

#[tokio::test]
async fn shows_the_documented_example() {
    let api = OwnStack::start().await;
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
async fn each_example_of_a_body_is_taken() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    // Sign-up comes first and registers the accounts of the log-in examples.
    for operation in Operation::all() {
        let pointer = "/requestBody/content/application~1json/examples";
        let Some(examples) = operation.part.value.pointer(pointer) else {
            continue;
        };
        for (name, example) in examples.as_object().unwrap() {
            let request = api
                .request(operation.method.clone(), operation.path)
                .header("Authorization", format!("JWT {token}"))
                .json(&example["value"]);

            let response = send(request).await;

            let shown = format!("{} of {name}: {}", operation.id, response.text());
            assert!(matches!(response.status, 200 | 201), "{shown}");
        }
    }
}
