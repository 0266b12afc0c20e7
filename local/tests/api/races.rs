//! Requests at the same time.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};
use support::{Api, Person, at_once};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_sign_ups_with_one_address_one_succeeds() {
    let email = Person::new().email;
    let spelling = |index| match index % 4 {
        0 => email.clone(),
        1 => email.to_uppercase(),
        2 => email.to_lowercase(),
        _ => format!(" {email} "),
    };
    let sign_up = |index| json!({ "email": spelling(index), "username": Person::new().username, "password": "12345" });

    one_succeeds(
        sign_up,
        json!({ "email": ["user with this email already exists."] }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_sign_ups_with_one_username_one_succeeds() {
    let username = Person::new().username;
    let spelling = |index| match index % 2 {
        0 => username.to_uppercase(),
        _ => username.to_lowercase(),
    };
    let sign_up = |index| json!({ "email": Person::new().email, "username": spelling(index), "password": "12345" });

    one_succeeds(
        sign_up,
        json!({ "username": ["A user with that username already exists."] }),
    )
    .await;
}

/// Sends fifty sign-ups at once and asserts that one succeeds and the others get `refusal`.
async fn one_succeeds(sign_up: impl Fn(usize) -> Value, refusal: Value) {
    let api = Arc::new(Api::start().await);
    let responses = at_once(50, |index| {
        let (api, body) = (api.clone(), sign_up(index));
        async move {
            let response = api.create_user(&body).await;
            (response.status, response.json())
        }
    })
    .await;

    let (created, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|(status, _)| *status == 201);
    assert_eq!(created.len(), 1);
    for response in refused {
        assert_eq!(response, (400, refusal.clone()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_a_username_of_their_own() {
    let api = Arc::new(Api::start().await);
    let name = Person::new().username;
    let usernames = at_once(10, |index| {
        let api = api.clone();
        let email = format!("{name}@test{index}.com");
        async move { api.made_up_username(&email).await }
    })
    .await;

    let different: HashSet<&String> = usernames.iter().collect();
    assert_eq!(different.len(), 10);
    assert!(different.contains(&name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_of_different_fields_all_survive() {
    let api = Arc::new(Api::start().await);
    let (_, token) = api.member().await;
    for round in 0..10 {
        at_once(3, |index| {
            let (api, token) = (api.clone(), token.clone());
            let field = ["first_name", "last_name", "patronymic"][index];
            async move {
                let response = api
                    .update_profile(&token, &json!({ field: format!("{field} {round}") }))
                    .await;
                assert_eq!(response.status, 200);
            }
        })
        .await;

        let profile = api.get_profile(&token).await.json();
        for field in ["first_name", "last_name", "patronymic"] {
            assert_eq!(profile[field], format!("{field} {round}"));
        }
    }
}
