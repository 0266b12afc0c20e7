use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Api, Person, messages::WRONG_CREDENTIALS, send, token};

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
    let before = token::now();
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
    let issued = header["iat"].as_f64().unwrap();
    assert_eq!(
        str::from_utf8(&segments[0]).unwrap(),
        format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}","iat":{issued:?}}}"#)
    );
    let claims: Value = serde_json::from_slice(&segments[1]).unwrap();
    let exp = claims["exp"].as_u64().unwrap();
    assert_eq!(exp, issued as u64 + 86_400);
    assert_eq!(
        str::from_utf8(&segments[1]).unwrap(),
        format!(
            r#"{{"user_id":"{uuid}","username":"{}","exp":{exp},"email":"{}"}}"#,
            ada.username, ada.email
        )
    );
    // A minute for the difference of the clocks, if the service is on another machine.
    let expected = before + 86_400 - 60..=token::now() + 86_400 + 60;
    assert!(expected.contains(&exp), "{exp}, not {expected:?}");
    assert_eq!(segments[2].len(), 32);
}

#[tokio::test]
async fn every_wrong_pair_gets_the_same_answer() {
    let api = Api::start().await;
    let ada = api.register().await;
    for (case, body) in ada.wrong_log_ins() {
        let response = api.obtain_token(&body).await;

        assert_eq!(
            (response.status, response.text()),
            (401, WRONG_CREDENTIALS),
            "{case}"
        );
        // Clear the counts of both logins, so that the next pair is not a 429.
        api.log_in(&ada).await;
        api.obtain_token(&json!({ "login": ada.username, "password": ada.password }))
            .await;
    }
    api.obtain_token(&json!({}))
        .await
        .assert(401, WRONG_CREDENTIALS);
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

        // On a slow machine the first delay of a second may be over. Each delay is twice as long as
        // the one before, so one of the next attempts is too early.
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
