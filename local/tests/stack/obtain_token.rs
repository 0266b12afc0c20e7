//! Log-ins, and the attempts and hashes that they leave in the tables.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use support::{Item, OwnStack, Person, messages::WRONG_CREDENTIALS};

#[tokio::test]
async fn every_attempt_runs_argon2_once() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    let right = ("the right pair", ada.log_in());
    for (case, body) in ada.wrong_log_ins().into_iter().chain([right]) {
        api.stored().clear("ATTEMPTS_TABLE", "login").await;
        let before = api.stack().log_in_hash_runs();

        api.obtain_token(&body).await;

        assert_eq!(api.stack().log_in_hash_runs() - before, 1, "{case}");
    }
}

#[tokio::test]
async fn an_account_without_a_password_lets_nobody_in_and_hashes_like_any_other() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    let take = |item: &mut Item| {
        item.remove("password_hash");
    };
    api.stored().change("LOGINS_TABLE", take).await;

    for password in [&*ada.password, "", "wrong"] {
        let before = api.stack().log_in_hash_runs();
        let log_in = json!({ "login": ada.username, "password": password });
        let refused = api.obtain_token(&log_in).await;

        refused.assert(401, WRONG_CREDENTIALS);
        assert_eq!(api.stack().log_in_hash_runs() - before, 1, "{password}");
    }
}

#[tokio::test]
async fn a_disabled_account_looks_like_a_wrong_password() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    let disable = |item: &mut Item| {
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

#[tokio::test]
async fn counts_the_failures_of_every_spelling_of_an_address_together() {
    let api = OwnStack::start().await;
    for login in [
        "vasya@xn--e1afmkfd.xn--p1ai",
        "vasya@пример.рф",
        "Vasya@ПРИМЕР.РФ",
    ] {
        api.obtain_token(&json!({ "login": login, "password": "wrong" }))
            .await
            .assert(401, WRONG_CREDENTIALS);
    }

    assert_eq!(api.stored().failures("vasya@пример.рф").await, 3);
    assert_eq!(api.stored().items("ATTEMPTS_TABLE").await.len(), 1);
}

/// Gives all accounts this `username` or `email`, as an import or an earlier release may have.
async fn import(api: &OwnStack, attribute: &str, value: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let rename = |item: &mut Item| {
        item.insert(attribute.to_owned(), text(value));
        let login = item.get("login").and_then(|login| login.as_s().ok());
        if login.is_some_and(|login| login.starts_with(&format!("{attribute}:"))) {
            let login = format!("{attribute}:{}", value.to_ascii_lowercase());
            item.insert("login".to_owned(), text(&login));
        }
    };
    let logins = api.stored().items("LOGINS_TABLE").await;
    api.stored().clear("LOGINS_TABLE", "login").await;
    for mut login in logins {
        rename(&mut login);
        api.stored().put("LOGINS_TABLE", login).await;
    }
    api.stored().change("USERS_TABLE", rename).await;
}

#[tokio::test]
async fn takes_an_imported_username_in_any_script() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    import(&api, "username", "Ада-1815").await;

    let log_in = json!({ "login": " Ада-1815", "password": ada.password });
    let token = api.obtain_token(&log_in).await.json()["token"].take();
    let profile = api.get_profile(token.as_str().unwrap()).await;

    assert_eq!(profile.json()["username"], "Ада-1815");
}

#[tokio::test]
async fn finds_no_account_by_a_username_that_is_an_address_of_another() {
    let api = OwnStack::start().await;
    let (ada, eve) = (api.register().await, api.register().await);
    import(&api, "username", &ada.email).await;

    for (person, status) in [(&ada, 200), (&eve, 401)] {
        let log_in = json!({ "login": ada.email, "password": person.password });
        assert_eq!(api.obtain_token(&log_in).await.status, status);
    }

    let token = api.log_in(&eve).await;
    let profile = api.get_profile(&token).await;
    assert_eq!(profile.json()["username"], ada.email);
}

#[tokio::test]
async fn takes_a_stored_address_that_a_sign_up_may_not_have() {
    for email in ["Ada@foo_bar.com", "X@x.x"] {
        let api = OwnStack::start().await;
        let ada = api.register().await;
        import(&api, "email", email).await;
        api.stored().import_hashes().await;

        for login in [email, &email.to_lowercase(), &ada.username] {
            let log_in = json!({ "login": login, "password": "12345" });
            let token = api.obtain_token(&log_in).await.json()["token"].take();
            let token = token.as_str().unwrap();
            let name = json!({ "first_name": "Ada" });
            for profile in [
                api.get_profile(token).await,
                api.update_profile(token, &name).await,
            ] {
                assert_eq!(profile.status, 200);
                assert_eq!(profile.json()["email"], email);
            }
        }

        let hashes = api.stored().items("LOGINS_TABLE").await;
        let hashes = hashes
            .iter()
            .map(|item| item["password_hash"].as_s().unwrap());
        let replaced = hashes.filter(|hash| hash.starts_with("$argon2id$v=19$m=19456"));
        assert_eq!(replaced.count(), 2, "{email}");
    }
}

#[tokio::test]
async fn replaces_an_imported_hash_for_both_logins() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    api.stored().import_hashes().await;

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
async fn verifies_a_hash_of_django_and_replaces_it() {
    /// `пароль 1` as Django 5.2 stores it, with fewer iterations.
    const HASHES: [&str; 3] = [
        "pbkdf2_sha256$12000$RmyPNTVSqoTmXfl4iVtQFU$tWplSfPFp5J77qtGtBwoaLouT+5AY0f9MC3LIM7ALJo=",
        "argon2$argon2id$v=19$m=1024,t=2,p=8$H7iq/8RekW5TQOIbpWTp/A$kEXJoL3durlC7e3OJ0wTwCEWmyKK/Ah2PsK30MiJanc",
        "bcrypt_sha256$$2b$05$fRzuv7fnZYmJ/.HiusicleCAa8ICXN2aZBjtsPwotYsirPc1SDeUO",
    ];
    let api = OwnStack::start().await;
    let ada = api.register().await;
    for hash in HASHES {
        api.stored().set_hashes(hash).await;
        let log_in = async |password| {
            let body = json!({ "login": ada.email, "password": password });
            api.obtain_token(&body).await
        };

        log_in("пароль 2").await.assert(401, WRONG_CREDENTIALS);
        // Django REST Framework trims a password.
        let trimmed = log_in(" пароль 1").await;
        assert_eq!(trimmed.status, 200, "{hash}");

        for item in api.stored().items("LOGINS_TABLE").await {
            let replaced = item["password_hash"].as_s().unwrap();
            assert!(replaced.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        }
        // From now on the password is the one that was typed.
        assert_eq!(log_in(" пароль 1").await.status, 200, "{hash}");
        log_in("пароль 1").await.assert(401, WRONG_CREDENTIALS);
        api.stored().set_failures(0).await;
    }
}

fn throttled(seconds: u64) -> String {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Request was throttled. Expected available in {seconds} {unit}.")
}

/// Lets one log-in of `ada` fail and makes it the last of `failures` in a row.
async fn fail(api: &OwnStack, ada: &Person, failures: u32) {
    let wrong = json!({ "login": ada.email, "password": "wrong" });
    api.obtain_token(&wrong)
        .await
        .assert(401, WRONG_CREDENTIALS);
    api.stored().set_failures(failures).await;
}

/// Moves the last attempt of every login by `seconds` into the past.
async fn let_pass(api: &OwnStack, seconds: i64) {
    let earlier = |item: &mut Item| {
        let last_ms: i64 = item["last_ms"].as_n().unwrap().parse().unwrap();
        let earlier = last_ms - seconds * 1_000;
        item.insert("last_ms".to_owned(), AttributeValue::N(earlier.to_string()));
    };
    api.stored().change("ATTEMPTS_TABLE", earlier).await;
}

#[tokio::test]
async fn the_delay_doubles_and_its_end_lets_one_attempt_through() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    let wrong = json!({ "login": ada.email, "password": "wrong" });
    // The unit tests have the shorter delays, which a slow machine might outlast here.
    let mut attempt = Instant::now();
    fail(&api, &ada, 11).await;
    for delay in [64, 128, 256, 512, 900, 900] {
        let refused = api.obtain_token(&wrong).await;
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        refused.assert_detail(429, &throttled(wait as u64));
        let passed = attempt.elapsed().as_secs() as i64 + 1;
        assert!(
            (delay - passed..=delay).contains(&wait),
            "{wait} of {delay}"
        );

        let_pass(&api, delay).await;
        attempt = Instant::now();
        api.obtain_token(&wrong)
            .await
            .assert(401, WRONG_CREDENTIALS);
    }
}

#[tokio::test]
async fn a_refused_attempt_neither_hashes_nor_counts() {
    let api = OwnStack::start().await;
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
    let api = OwnStack::start().await;
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
async fn a_counter_from_the_future_does_not_lock_for_longer() {
    let api = OwnStack::start().await;
    let ada = api.register().await;
    fail(&api, &ada, 20).await;

    let_pass(&api, -901).await;

    api.log_in(&ada).await;
}

#[tokio::test]
async fn a_counter_expires_by_itself_after_a_day() {
    let api = OwnStack::start().await;
    api.obtain_token(&json!({ "login": "nobody", "password": "wrong" }))
        .await;

    let counter = &api.stored().items("ATTEMPTS_TABLE").await[0];

    let number = |name: &str| counter[name].as_n().unwrap().parse::<u64>().unwrap();
    assert_eq!(number("expires"), number("last_ms") / 1_000 + 86_400);
    // The SHA-256 of "username:nobody".
    assert_eq!(
        counter["login"].as_s().unwrap(),
        "c2ed99610ec1405bb23161d607bd670f3ea2b80c14d8d5afc9607a113fb66512"
    );
}
