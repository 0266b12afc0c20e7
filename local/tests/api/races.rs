//! What happens at once.

use std::{collections::HashSet, future::Future, sync::Arc};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    avatars::{jpeg, photograph},
    client::{Api, Person},
};

/// The results of `count` runs at once.
async fn at_once<T, F>(count: usize, run: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut runs = JoinSet::new();
    for index in 0..count {
        runs.spawn(run(index));
    }
    runs.join_all().await
}

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

/// Asserts that of fifty sign-ups at once one succeeds and the others get `refusal`.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_uploads_one_object_stays_and_the_profile_points_to_it() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let api = Arc::new(api);
    let (_, token) = api.member().await;
    for _ in 0..10 {
        at_once(2, |index| {
            let (api, token) = (api.clone(), token.clone());
            let upload = jpeg(&photograph(64 + index as u32, 64));
            async move { assert_eq!(api.upload(&token, upload).await.status, 200) }
        })
        .await;

        let profile = api.get_profile(&token).await.json();
        let stored = api.stored().avatars().await;
        assert_eq!(stored.len(), 1);
        assert!(profile["avatar"].as_str().unwrap().ends_with(&stored[0]));
        assert_eq!(api.avatar(&profile).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_guesses_at_once_get_no_more_tries_than_in_a_row() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let api = Arc::new(api);
    let ada = api.register().await;
    for login in [ada.email, Person::new().email] {
        let runs = api.stack().log_in_hash_runs();
        let statuses = at_once(100, |index| {
            let api = api.clone();
            let body = json!({ "login": login, "password": format!("guess {index}") });
            async move { api.obtain_token(&body).await.status }
        })
        .await;

        let tried = statuses.iter().filter(|&&status| status == 401).count();
        assert_eq!(
            statuses.iter().filter(|&&status| status == 429).count(),
            100 - tried
        );
        assert_eq!(api.stack().log_in_hash_runs() - runs, tried as u64);
        // Five, and one more for each delay (1 s, 2 s, 4 s …) that passed meanwhile.
        let counter = counter_of(&api, &login).await;
        assert_eq!(counter, tried as u64);
        assert!((5..=8).contains(&tried), "{tried}");
    }
}

async fn counter_of(api: &Api, login: &str) -> u64 {
    let key = AttributeValue::S(format!("email:{}", login.to_lowercase()));
    let items = api.stored().items("ATTEMPTS_TABLE").await;
    let counter = items.iter().find(|item| item["login"] == key).unwrap();
    counter["failures"].as_n().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_delay_one_of_many_guesses_is_tried() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let api = Arc::new(api);
    let ada = api.register().await;
    let wrong = json!({ "login": ada.email, "password": "wrong" });
    for _ in 0..5 {
        api.obtain_token(&wrong).await;
    }
    // Ten failures mean 32 s, of which none is left.
    api.stored()
        .change("ATTEMPTS_TABLE", |item| {
            let last_ms: u64 = item["last_ms"].as_n().unwrap().parse().unwrap();
            item.insert("failures".to_owned(), AttributeValue::N("10".to_owned()));
            item.insert(
                "last_ms".to_owned(),
                AttributeValue::N((last_ms - 33_000).to_string()),
            );
        })
        .await;

    let statuses = at_once(20, |_| {
        let (api, wrong): (_, Value) = (api.clone(), wrong.clone());
        async move { api.obtain_token(&wrong).await.status }
    })
    .await;

    assert_eq!(statuses.iter().filter(|&&status| status == 401).count(), 1);
    assert_eq!(statuses.iter().filter(|&&status| status == 429).count(), 19);
}
