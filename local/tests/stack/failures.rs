//! Failures of dependencies, and stored items that are corrupt.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::{Engines, LOOPBACK, Stack, Storage};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use shared::{aws::timeouts, http::DEADLINE};
use support::{
    Api, BY_SECRET, Down, Fault, Functions, Item, JWT_SECRET, OwnStack, Person, Proxy,
    http_api_event,
    messages::{MALFORMED, UNAVAILABLE},
    pictures::{jpeg, photograph},
    send, settings, token,
};
use tempfile::TempDir;
use tokio::time;

const SERVER_ERROR: &str = "A server error occurred.";

/// Returns requests of `person`, who has `token`, that succeed: one to each endpoint, and an upload.
fn requests(api: &Api, person: &Person, token: &str) -> [RequestBuilder; 5] {
    let authorized = |method, path| {
        api.request(method, path)
            .header("Authorization", format!("JWT {token}"))
    };
    let avatar = multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
    [
        api.request(Method::POST, "/create_user/")
            .json(&Person::new().sign_up()),
        api.request(Method::POST, "/obtain_token/")
            .json(&person.log_in()),
        authorized(Method::GET, "/get_profile/"),
        authorized(Method::PUT, "/update_profile/").json(&json!({ "first_name": "Ada" })),
        authorized(Method::PUT, "/update_profile/")
            .multipart(multipart::Form::new().part("avatar", avatar)),
    ]
}

#[tokio::test]
async fn a_dependency_that_is_gone_is_unavailable() {
    let objects = TempDir::new().unwrap();
    let engines = Engines::start(LOOPBACK, &Storage::Memory(objects.path().to_owned()))
        .await
        .unwrap();
    let stack = Stack::start(&engines.aws(), settings(&[])).await.unwrap();
    let api = OwnStack::from(stack);
    let (ada, token) = api.member().await;

    engines.stop().await.unwrap();

    for request in requests(&api, &ada, &token) {
        let response = send(request).await;
        response.assert_detail(503, UNAVAILABLE);
        assert_eq!(response.header("retry-after"), Some("5"));
    }
    // These need no dependency.
    api.create_user(&json!({})).await.assert(
        400,
        r#"{"email":["This field is required."],"password":["This field is required."]}"#,
    );
    api.get_profile("x").await.assert_unauthenticated(MALFORMED);
}

#[tokio::test]
async fn what_should_not_be_stored_is_a_server_error() {
    let api = OwnStack::start().await;
    let (ada, token) = api.member().await;
    let corrupt = |item: &mut Item| {
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
    // The last request was an upload. The account is read before its picture is converted.
    assert_eq!(api.stored().avatars().await, Vec::<String>::new());
}

/// Moves the clock of the SDK and of the key cache forward.
async fn advance(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

#[tokio::test]
async fn functions_that_start_before_what_they_depend_on_recover() {
    let api = OwnStack::through(&Proxy::start().aws(), &BY_SECRET).await;
    let (ada, token) = api.member().await;
    let json_type = json!({ "content-type": "application/json" });
    let authorized =
        json!({ "content-type": "application/json", "authorization": format!("JWT {token}") });
    let calls = [
        (
            "create_user",
            "POST",
            &json_type,
            Some(Person::new().sign_up()),
            201,
        ),
        ("obtain_token", "POST", &json_type, Some(ada.log_in()), 200),
        (
            "update_profile",
            "PUT",
            &authorized,
            Some(json!({ "first_name": "Ada" })),
            200,
        ),
        ("get_profile", "GET", &authorized, None, 200),
    ];
    let events = calls.map(|(function, method, headers, body, status)| {
        let body = body.map(|body| body.to_string());
        let path = format!("/{function}/");
        let event = http_api_event(method, &path, headers.clone(), body.as_deref());
        (function, event, status)
    });

    let down = Down::new();
    let functions = Functions::through(&down.aws(), &api).await;

    for (function, event, _) in &events {
        let response = functions.invoke(function, event.clone()).await;
        assert_eq!(
            response,
            (503, json!({ "detail": UNAVAILABLE })),
            "{function}"
        );
    }
    let _proxy = down.up();
    advance(Duration::from_secs(1)).await;
    for (function, event, status) in events {
        let response = functions.invoke(function, event).await;
        assert_eq!(response.0, status, "{function}: {}", response.1);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_again_stay_in_use() {
    let proxy = Proxy::start();
    let api = OwnStack::through(&proxy.aws(), &BY_SECRET).await;
    let (ada, token) = api.member().await;
    let header = token::with(&token::header(&token), "kid", json!("unknown"));
    let unknown = token::sign(&header, &token::claims(&token), JWT_SECRET);

    proxy.plan("GetSecretValue", 0, usize::MAX, Fault::HangUp);
    advance(Duration::from_secs(5 * 60)).await;

    assert_eq!(api.get_profile(&token).await.status, 200);
    api.log_in(&ada).await;
    // The secret may have got a version of this name in the meantime.
    api.get_profile(&unknown)
        .await
        .assert_detail(503, UNAVAILABLE);
    proxy.heal();
    advance(Duration::from_secs(10)).await;
    api.get_profile(&unknown)
        .await
        .assert_unauthenticated(MALFORMED);
    assert_eq!(api.get_profile(&token).await.status, 200);
}

#[test]
fn every_request_is_answered_before_the_function_and_the_gateway_give_up() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    let template: Value = serde_saphyr::from_str(&template).unwrap();

    let timeout = template["Globals"]["Function"]["Timeout"].as_u64().unwrap();

    let function = Duration::from_secs(timeout);
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
    let gateway = Duration::from_secs(29);
    let call = timeouts().operation_timeout().unwrap();
    assert!(DEADLINE < function && function < gateway);
    // A cold start may wait for one call before the deadline of the request begins.
    assert!(call + DEADLINE < gateway);
}
