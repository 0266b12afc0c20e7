use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Api, Person, Stored, WRONG_CREDENTIALS, send};

#[tokio::test]
async fn logs_in_with_the_documented_example() {
    let Some(api) = Api::fresh().await else {
        return;
    };
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
async fn takes_an_address_or_a_username_in_any_case() {
    let api = Api::start().await;
    let ada = api.register().await;
    for login in [
        &ada.email,
        &ada.email.to_uppercase(),
        &ada.username,
        &ada.username.to_lowercase(),
        &format!(" {} ", ada.email),
    ] {
        let response = api
            .obtain_token(&json!({ "login": login, "password": ada.password }))
            .await;

        assert_eq!(response.status, 200, "{login}");
    }
}

#[tokio::test]
async fn takes_both_kinds_of_form() {
    let api = Api::start().await;
    let ada = api.register().await;
    let request = || api.request(Method::POST, "/obtain_token/");
    let multipart = reqwest::multipart::Form::new()
        .text("login", ada.email.clone())
        .text("password", ada.password.clone());

    let urlencoded =
        send(request().form(&[("login", &ada.email), ("password", &ada.password)])).await;
    let multipart = send(request().multipart(multipart)).await;

    assert_eq!((urlencoded.status, multipart.status), (200, 200));
}

#[tokio::test]
async fn issues_a_token_that_says_who_it_is_for() {
    let api = Api::start().await;
    let (ada, token) = api.member().await;
    let uuid = api.get_profile(&token).await.json()["uuid"]
        .as_str()
        .unwrap()
        .to_owned();

    let segments: Vec<Vec<u8>> = token
        .split('.')
        .map(|segment| URL_SAFE_NO_PAD.decode(segment).unwrap())
        .collect();

    let header: Value = serde_json::from_slice(&segments[0]).unwrap();
    let kid = header["kid"].as_str().unwrap();
    assert_eq!(
        str::from_utf8(&segments[0]).unwrap(),
        format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#)
    );
    let claims: Value = serde_json::from_slice(&segments[1]).unwrap();
    let exp = claims["exp"].as_u64().unwrap();
    assert_eq!(
        str::from_utf8(&segments[1]).unwrap(),
        format!(
            r#"{{"user_id":"{uuid}","username":"{}","exp":{exp},"email":"{}"}}"#,
            ada.username, ada.email
        )
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(
        (now + 86_400 - 60..=now + 86_400).contains(&exp),
        "{exp} at {now}"
    );
    assert_eq!(segments[2].len(), 32);
}

#[tokio::test]
async fn the_lifetime_of_a_token_is_set_by_the_operator() {
    let Some(api) = Api::with(&[("TOKEN_TTL_SECONDS", "60")]).await else {
        return;
    };
    let (_, token) = api.member().await;

    let claims = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();

    let exp = serde_json::from_slice::<Value>(&claims).unwrap()["exp"]
        .as_u64()
        .unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!((now + 30..=now + 60).contains(&exp), "{exp} at {now}");
}

/// Pairs that must not be told apart.
fn wrong_pairs(ada: &Person) -> Vec<(&'static str, Value)> {
    let unknown = Person::new();
    vec![
        (
            "a wrong password",
            json!({ "login": ada.email, "password": "wrong" }),
        ),
        (
            "a wrong password of a username",
            json!({ "login": ada.username, "password": "wrong" }),
        ),
        (
            "an unknown address",
            json!({ "login": unknown.email, "password": ada.password }),
        ),
        (
            "an unknown username",
            json!({ "login": unknown.username, "password": ada.password }),
        ),
        (
            "an over-long password",
            json!({ "login": ada.email, "password": "x".repeat(5_000) }),
        ),
        (
            "an over-long login",
            json!({ "login": ada.username.repeat(200), "password": ada.password }),
        ),
        (
            "a login with a NUL",
            json!({ "login": format!("{}\u{0}", ada.email), "password": ada.password }),
        ),
        (
            "a Kelvin sign for a K",
            json!({ "login": ada.email.replace('K', "\u{212a}"), "password": ada.password }),
        ),
        ("no login", json!({ "password": ada.password })),
        ("no password", json!({ "login": ada.email })),
        ("nothing", json!({})),
        (
            "a null login",
            json!({ "login": null, "password": ada.password }),
        ),
        (
            "a null password",
            json!({ "login": ada.email, "password": null }),
        ),
        (
            "an empty login",
            json!({ "login": "", "password": ada.password }),
        ),
        (
            "an empty password",
            json!({ "login": ada.email, "password": "" }),
        ),
        (
            "a list for a login",
            json!({ "login": [ada.email], "password": ada.password }),
        ),
        (
            "an object for a password",
            json!({ "login": ada.username, "password": { "$ne": "" } }),
        ),
        (
            "a boolean for a password",
            json!({ "login": ada.username, "password": true }),
        ),
    ]
}

#[tokio::test]
async fn every_wrong_pair_gets_the_same_answer() {
    let api = Api::start().await;
    let ada = api.register().await;
    for (case, body) in wrong_pairs(&ada) {
        let response = api.obtain_token(&body).await;

        assert_eq!(
            (response.status, response.text()),
            (401, WRONG_CREDENTIALS),
            "{case}"
        );
        // So that the next one is not refused for its number.
        api.log_in(&ada).await;
        api.obtain_token(&json!({ "login": ada.username, "password": ada.password }))
            .await;
    }
    api.obtain_token(&json!({}))
        .await
        .assert(401, WRONG_CREDENTIALS);
}

#[tokio::test]
async fn every_attempt_runs_argon2_once() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    let right = ("the right pair", ada.log_in());
    for (case, body) in wrong_pairs(&ada).into_iter().chain([right]) {
        api.stored().clear("ATTEMPTS_TABLE", "login").await;
        let before = api.stack().log_in_hash_runs();

        api.obtain_token(&body).await;

        assert_eq!(api.stack().log_in_hash_runs() - before, 1, "{case}");
    }
}

#[tokio::test]
async fn a_disabled_account_looks_like_a_wrong_password() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    let disable = |item: &mut HashMap<_, _>| {
        item.insert("disabled".to_owned(), AttributeValue::Bool(true));
    };

    api.stored().change("LOGINS_TABLE", disable).await;

    for login in [&ada.email, &ada.username] {
        let response = api
            .obtain_token(&json!({ "login": login, "password": ada.password }))
            .await;
        response.assert(401, WRONG_CREDENTIALS);
    }
}

/// The hash of "12345" by Argon2id with m = 8 KiB, t = 1, p = 1.
const IMPORTED: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$DleGwoO0h6/VmcuByVHow8+9DFd9QO7kTbBFpvF/KgU";

/// Gives all accounts a hash of "12345" with other parameters than today's.
pub(crate) async fn import_hashes(stored: &Stored) {
    let import = |item: &mut HashMap<_, _>| {
        let hash = AttributeValue::S(IMPORTED.to_owned());
        item.insert("password_hash".to_owned(), hash);
    };
    stored.change("LOGINS_TABLE", import).await;
}

#[tokio::test]
async fn replaces_an_imported_hash_for_both_logins() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    import_hashes(&api.stored()).await;

    for login in [&ada.email, &ada.username] {
        let response = api
            .obtain_token(&json!({ "login": login, "password": "12345" }))
            .await;
        assert_eq!(response.status, 200, "{login}");
    }

    for item in api.stored().items("LOGINS_TABLE").await {
        let hash = item["password_hash"].as_s().unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
    }
}

#[tokio::test]
async fn five_failures_lock_a_login_whether_it_exists_or_not() {
    let api = Api::start().await;
    let ada = api.register().await;
    for login in [
        ada.email.clone(),
        ada.username.clone(),
        Person::new().email,
        Person::new().username,
        ada.username.clone() + &"x".repeat(300),
    ] {
        let wrong = json!({ "login": login, "password": "wrong" });
        for _ in 0..5 {
            let response = api.obtain_token(&wrong).await;
            response.assert(401, WRONG_CREDENTIALS);
        }

        // On a slow machine a second may have passed since the fifth; the delay doubles, so one
        // of the next few comes too early all the same.
        let mut failures = 5;
        let refused = loop {
            let response = api.obtain_token(&wrong).await;
            if response.status != 401 {
                break response;
            }
            failures += 1;
        };

        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!(
            (1..=1 << (failures - 5)).contains(&wait),
            "{wait} s after {failures}"
        );
        refused.assert_detail(429, &throttled(wait));
    }
}

fn throttled(seconds: u64) -> String {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Request was throttled. Expected available in {seconds} {unit}.")
}

/// Lets one log-in of `api` fail and makes `failures` in a row of it, the last one just now.
pub(crate) async fn fail(api: &Api, ada: &Person, failures: u32) {
    api.obtain_token(&json!({ "login": ada.email, "password": "wrong" }))
        .await;
    let set = |item: &mut HashMap<_, _>| {
        item.insert(
            "failures".to_owned(),
            AttributeValue::N(failures.to_string()),
        );
    };
    api.stored().change("ATTEMPTS_TABLE", set).await;
}

/// Moves every counter's last attempt by `seconds` into the past.
async fn let_pass(api: &Api, seconds: i64) {
    let earlier = |item: &mut HashMap<String, AttributeValue>| {
        let last_ms: i64 = item["last_ms"].as_n().unwrap().parse().unwrap();
        let earlier = last_ms - seconds * 1_000;
        item.insert("last_ms".to_owned(), AttributeValue::N(earlier.to_string()));
    };
    api.stored().change("ATTEMPTS_TABLE", earlier).await;
}

#[tokio::test]
async fn the_delay_doubles_and_its_end_lets_one_attempt_through() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    let wrong = json!({ "login": ada.email, "password": "wrong" });
    // From 16 s on, so that a slow machine does not outlast the delay; the unit tests have the rest.
    fail(&api, &ada, 9).await;
    for delay in [16, 32, 64, 128, 256, 512, 900, 900] {
        let refused = api.obtain_token(&wrong).await;
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        refused.assert_detail(429, &throttled(wait as u64));
        assert!((delay - 15..=delay).contains(&wait), "{wait} of {delay}");

        let_pass(&api, delay).await;
        api.obtain_token(&wrong)
            .await
            .assert(401, WRONG_CREDENTIALS);
    }
}

#[tokio::test]
async fn a_refused_attempt_neither_hashes_nor_counts() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    fail(&api, &ada, 12).await;
    let counter = api.stored().items("ATTEMPTS_TABLE").await;
    let runs = api.stack().log_in_hash_runs();

    let even_with_the_right_password = api.obtain_token(&ada.log_in()).await;

    assert_eq!(even_with_the_right_password.status, 429);
    assert_eq!(api.stored().items("ATTEMPTS_TABLE").await, counter);
    assert_eq!(api.stack().log_in_hash_runs(), runs);
}

#[tokio::test]
async fn the_owner_gets_in_after_the_delay_and_clears_the_count() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    fail(&api, &ada, 20).await;
    let_pass(&api, 900).await;

    api.log_in(&ada).await;

    assert_eq!(api.stored().items("ATTEMPTS_TABLE").await, []);
    for _ in 0..5 {
        let response = api
            .obtain_token(&json!({ "login": ada.email, "password": "wrong" }))
            .await;
        response.assert(401, WRONG_CREDENTIALS);
    }
}

#[tokio::test]
async fn a_success_between_failures_clears_the_count() {
    let api = Api::start().await;
    let ada = api.register().await;
    for _ in 0..3 {
        for _ in 0..4 {
            let response = api
                .obtain_token(&json!({ "login": ada.email, "password": "wrong" }))
                .await;
            response.assert(401, WRONG_CREDENTIALS);
        }
        api.log_in(&ada).await;
    }
}

#[tokio::test]
async fn a_counter_from_the_future_does_not_lock_for_longer() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let ada = api.register().await;
    fail(&api, &ada, 20).await;

    let_pass(&api, -901).await;

    api.log_in(&ada).await;
}

#[tokio::test]
async fn a_counter_expires_by_itself_after_a_day() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    api.obtain_token(&json!({ "login": "nobody", "password": "wrong" }))
        .await;

    let counter = &api.stored().items("ATTEMPTS_TABLE").await[0];

    let number = |name: &str| counter[name].as_n().unwrap().parse::<u64>().unwrap();
    assert_eq!(number("expires"), number("last_ms") / 1_000 + 86_400);
    assert_eq!(counter["login"].as_s().unwrap(), "username:nobody");
}
