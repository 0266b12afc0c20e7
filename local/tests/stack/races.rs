//! Requests at the same time, and the items and objects that they leave.

use std::{sync::Arc, time::Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{
    OwnStack, Person, at_once,
    pictures::{jpeg, photograph},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_uploads_one_object_stays_and_the_profile_points_to_it() {
    let api = Arc::new(OwnStack::start().await);
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
    let api = Arc::new(OwnStack::start().await);
    let ada = api.register().await;
    for login in [ada.email, Person::new().email] {
        let (runs, started) = (api.stack().log_in_hash_runs(), Instant::now());
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
        assert_eq!(api.stored().failures(&login).await, tried as u64);
        // Five, and one more after each delay (1 s, 2 s, 4 s …) that has passed since the first.
        let delays = (started.elapsed().as_secs() + 1).ilog2() as usize;
        assert!(
            (5..=5 + delays).contains(&tried),
            "{tried}, {delays} delays"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_delay_one_of_many_guesses_is_tried() {
    let api = Arc::new(OwnStack::start().await);
    let ada = api.register().await;
    let wrong = json!({ "login": ada.email, "password": "wrong" });
    for _ in 0..5 {
        api.obtain_token(&wrong).await;
    }
    // The delay after ten failures is 32 s. It has passed.
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
