//! The service gives every response and every message that `openapi.yaml` documents.
//!
//! The other direction, that a response is documented, is part of every test.

use std::collections::BTreeSet;

use local::{Engines, LOOPBACK, Stack, Storage};
use reqwest::Method;
use serde_json::{Value, json};
use support::{
    OwnStack, fetch,
    openapi::{DOCUMENT, Operation, Part},
    pictures::png_header,
    send, settings,
};
use tempfile::TempDir;

#[tokio::test]
async fn each_documented_answer_is_given() {
    let api = OwnStack::start().await;
    let (ada, token) = api.member().await;
    // One token is valid at all three stacks, because the stacks of the tests share a key.
    let (broken, (cut_off, _objects)) = (without_tables().await, without_engines().await);
    for operation in Operation::all() {
        let Operation { id, path, .. } = operation;
        let ask = |api: &OwnStack, method: &Method, path: &str| {
            let request = api.request(method.clone(), path);
            if operation.needs_token() {
                request.header("Authorization", format!("JWT {token}"))
            } else {
                request
            }
        };
        let plain = |api| ask(api, &operation.method, path);
        let good = |api| match operation.fields(&ada) {
            fields if fields.is_empty() => plain(api),
            fields => plain(api).form(&fields),
        };
        for (status, _) in operation.part.get("responses").unwrap().entries() {
            let request = match status {
                "200" | "201" | "204" => good(&api),
                "400" => plain(&api).json(&json!([])),
                "401" if operation.needs_token() => api.request(operation.method.clone(), path),
                "401" => plain(&api).json(&json!({})),
                "404" => ask(&api, &operation.method, &format!("{path}x")),
                "405" => ask(&api, &Method::DELETE, path),
                "413" => plain(&api).body(vec![b'x'; 11_000_000]),
                "415" => plain(&api).body("x"),
                "429" => {
                    // The delay is a quarter of an hour then.
                    let wrong = json!({ "login": ada.email, "password": "wrong" });
                    api.obtain_token(&wrong).await;
                    api.stored().set_failures(15).await;
                    good(&api)
                }
                "500" => good(&broken),
                "503" => good(&cut_off),
                _ => panic!("{id} {status}: this test does not know how to get that"),
            };

            let response = send(request).await;

            assert_eq!(
                response.status.to_string(),
                status,
                "{id}: {}",
                response.text()
            );
        }
    }
}

/// Starts a stack and deletes its tables.
async fn without_tables() -> OwnStack {
    let api = OwnStack::start().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&OwnStack::aws());
    for variable in ["USERS_TABLE", "LOGINS_TABLE", "ATTEMPTS_TABLE"] {
        let table = api.stack().env().required(variable).unwrap();
        dynamodb
            .delete_table()
            .table_name(table)
            .send()
            .await
            .unwrap();
    }
    api
}

/// Starts a stack, stops its engines and returns their folder, too.
async fn without_engines() -> (OwnStack, TempDir) {
    let objects = TempDir::new().unwrap();
    let engines = Engines::start(LOOPBACK, &Storage::Memory(objects.path().to_owned()))
        .await
        .unwrap();
    let stack = Stack::start(&engines.aws(), settings(&[])).await.unwrap();
    engines.stop().await.unwrap();
    (OwnStack::from(stack), objects)
}

#[tokio::test]
async fn the_document_and_its_page_are_served_to_developers() {
    let api = OwnStack::start().await;

    let document = fetch(api.request(Method::GET, "/openapi.json"))
        .await
        .unwrap();
    let page = fetch(api.request(Method::GET, "/docs")).await.unwrap();
    let script = fetch(api.request(Method::GET, "/docs/swagger-ui-bundle.js"))
        .await
        .unwrap();

    assert_eq!(document.status, 200);
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert_eq!(document.json(), *DOCUMENT);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("./swagger-ui-bundle.js"));
    assert_eq!(script.status, 200);
    for (method, path) in [
        (Method::POST, "/openapi.json"),
        (Method::POST, "/docs"),
        (Method::GET, "/docs/nothing"),
        (Method::GET, "/openapi.yaml"),
    ] {
        send(api.request(method, path))
            .await
            .assert_detail(404, "Not found.");
    }
}

#[tokio::test]
async fn each_documented_message_about_a_field_is_given() {
    let api = OwnStack::start().await;
    let strict = OwnStack::with(&[("PASSWORD_POLICY", "strict")]).await;
    let (ada, token) = api.member().await;
    let long = "x".repeat(300);
    let name = "abcdefghijklmnopqr";
    let mut responses = Vec::new();

    for sign_up in [
        json!({}),
        json!({ "email": null, "password": null, "username": null }),
        json!({ "email": "", "password": "", "username": "" }),
        json!({ "email": "\0", "password": "\0", "username": "\0" }),
        json!({ "email": "\u{fffd}", "password": "\u{fffd}", "username": "\u{fffd}" }),
        json!({ "email": "x", "password": true, "username": true }),
        json!({ "email": long, "password": long, "username": long }),
        json!({ "email": "x", "password": "1", "username": "x" }),
        json!({ "email": "x", "password": "1", "username": "a b" }),
        ada.sign_up(),
    ] {
        responses.push(api.create_user(&sign_up).await);
    }
    for sign_up in [
        json!({ "email": "x", "password": "123456" }),
        json!({ "email": format!("{name}@test.com"), "password": name, "username": name }),
    ] {
        responses.push(strict.create_user(&sign_up).await);
    }
    let names = [
        json!(true),
        json!("\0"),
        json!("\u{fffd}"),
        json!("a\nb"),
        json!(long),
    ];
    for name in names {
        let update =
            json!({ "first_name": name, "last_name": name, "patronymic": name, "avatar": "x" });
        responses.push(api.update_profile(&token, &update).await);
    }
    for avatar in [
        Vec::new(),
        b"x".to_vec(),
        vec![0; (4 << 20) + 1],
        png_header(8_193, 1),
    ] {
        responses.push(api.upload(&token, avatar).await);
    }
    for body in [
        json!([]),
        json!(""),
        json!(1),
        json!(1.5),
        json!(true),
        json!(null),
    ] {
        responses.push(api.update_profile(&token, &body).await);
    }

    let mut given = BTreeSet::new();
    for response in responses {
        for (field, messages) in response.json().as_object().unwrap() {
            given.extend(pairs(field, messages));
        }
    }
    let mut documented = BTreeSet::new();
    for schema in ["SignUpErrors", "UpdateErrors", "BodyErrors"] {
        let fields = Part::at(&format!("/components/schemas/{schema}/properties"));
        for (field, messages) in fields.entries() {
            // Beside the messages may be one with a code point in it, which has a pattern.
            let items = &messages.value["items"];
            let list = items.pointer("/anyOf/0").unwrap_or(items);
            documented.extend(pairs(field, &list["enum"]));
        }
    }
    assert_eq!(given, documented);
}

/// Pairs `field` with each of `messages`.
fn pairs(field: &str, messages: &Value) -> Vec<(String, String)> {
    let messages = messages.as_array().unwrap();
    messages
        .iter()
        .map(|message| (field.to_owned(), message.to_string()))
        .collect()
}
