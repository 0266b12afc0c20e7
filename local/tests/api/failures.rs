//! What a client is told when it is not the client's mistake.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use local::{Engines, Stack, Storage};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    avatars::{jpeg, photograph},
    client::{Api, LOOPBACK, Person, send, settings},
};

const SERVER_ERROR: &str = "A server error occurred.";
const UNAVAILABLE: &str = "Service temporarily unavailable, try again later.";

/// A good request to each endpoint, by `person`, who has `token`.
fn requests(api: &Api, person: &Person, token: &str) -> [RequestBuilder; 5] {
    let authorized = |method, path| {
        api.request(method, path)
            .header("Authorization", format!("JWT {token}"))
    };
    let avatar = reqwest::multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
    [
        api.request(Method::POST, "/create_user/")
            .json(&Person::new().sign_up()),
        api.request(Method::POST, "/obtain_token/")
            .json(&person.log_in()),
        authorized(Method::GET, "/get_profile/"),
        authorized(Method::PUT, "/update_profile/").json(&json!({ "first_name": "Ada" })),
        authorized(Method::PUT, "/update_profile/")
            .multipart(reqwest::multipart::Form::new().part("avatar", avatar)),
    ]
}

#[tokio::test]
async fn a_dependency_that_is_gone_is_unavailable() {
    let objects = TempDir::new().unwrap();
    let engines = Engines::start(LOOPBACK, &Storage::Memory(objects.path().to_owned()))
        .await
        .unwrap();
    let stack = Stack::start(&engines.aws(), settings(&[])).await.unwrap();
    let api = Api::at(stack.base_url(), Some(stack));
    let (ada, token) = api.member().await;

    engines.stop().await.unwrap();

    for request in requests(&api, &ada, &token) {
        let answer = send(request).await;
        answer.assert_detail(503, UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    // What needs no dependency is answered as ever.
    api.create_user(&json!({})).await.assert(
        400,
        r#"{"email":["This field is required."],"password":["This field is required."]}"#,
    );
    api.get_profile("x")
        .await
        .assert_unauthenticated("Error decoding signature.");
}

#[tokio::test]
async fn what_should_not_be_stored_is_a_server_error() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (ada, token) = api.member().await;
    let corrupt = |item: &mut HashMap<_, _>| {
        item.insert(
            "username".to_owned(),
            AttributeValue::S("no username".to_owned()),
        );
    };

    api.stored().change("USERS_TABLE", corrupt).await;
    api.stored().change("LOGINS_TABLE", corrupt).await;

    let [_, others @ ..] = requests(&api, &ada, &token);
    for request in others {
        send(request).await.assert_detail(500, SERVER_ERROR);
    }
    // The last one was an upload, which was written before what had been there was looked at.
    let users = api.stored().items("USERS_TABLE").await;
    let avatar = users[0]["avatar"].as_s().unwrap();
    assert_eq!(api.stored().avatars().await, [avatar.as_str()]);
}
