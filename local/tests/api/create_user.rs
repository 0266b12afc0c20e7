use reqwest::{Method, multipart};
use serde_json::{Value, json};

use support::{
    Api, Person,
    messages::{CREATED, TAKEN, WRONG_CREDENTIALS},
    send,
};

#[tokio::test]
async fn takes_json_and_both_kinds_of_form() {
    let api = Api::start().await;
    let request = || api.request(Method::POST, "/create_user/");
    let fields = |person: &Person| {
        [
            ("email", person.email.clone()),
            ("username", person.username.clone()),
            ("password", person.password.clone()),
        ]
    };

    let json = Person::new();
    send(request().json(&json.sign_up()))
        .await
        .assert(201, CREATED);
    let urlencoded = Person::new();
    send(request().form(&fields(&urlencoded)))
        .await
        .assert(201, CREATED);
    let multipart = Person::new();
    let form = fields(&multipart)
        .into_iter()
        .fold(multipart::Form::new(), |form, (name, value)| {
            form.text(name, value)
        });
    send(request().multipart(form)).await.assert(201, CREATED);

    for person in [json, urlencoded, multipart] {
        api.log_in(&person).await;
    }
}

#[tokio::test]
async fn reports_what_is_wrong_with_a_field() {
    let api = Api::start().await;
    let long_email = format!(
        "{}@{}.{}.{}.com",
        "a".repeat(64),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(58)
    );
    assert_eq!(long_email.len(), 254 + 1);
    for (field, value, message) in [
        ("email", Value::Null, "This field may not be null."),
        ("email", json!(""), "This field may not be blank."),
        ("email", json!("  "), "This field may not be blank."),
        ("email", json!(true), "Enter a valid email address."),
        (
            "email",
            json!(["test@test.com"]),
            "Enter a valid email address.",
        ),
        ("email", json!({}), "Enter a valid email address."),
        ("email", json!(5), "Enter a valid email address."),
        ("email", json!("test"), "Enter a valid email address."),
        (
            "email",
            json!("test@localhost"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("a@exa!mple.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("a@exam/ple.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("a@o'hara.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("a@foo_bar.com"),
            "Enter a valid email address.",
        ),
        ("email", json!("x@x.x"), "Enter a valid email address."),
        (
            "email",
            json!("user@192.168.1.1"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("\u{212a}elvin@test.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("ada\u{200b}@test.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("ada\u{202e}@test.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("ada@test.com\r\nBcc: eve@test.com"),
            "Enter a valid email address.",
        ),
        (
            "email",
            json!("te\u{0}st@test.com"),
            "Null characters are not allowed.",
        ),
        (
            "email",
            json!(long_email),
            "Ensure this field has no more than 254 characters.",
        ),
        ("username", Value::Null, "This field may not be null."),
        ("username", json!(""), "This field may not be blank."),
        ("username", json!(false), "Not a valid string."),
        ("username", json!([]), "Not a valid string."),
        (
            "username",
            json!("ab"),
            "Ensure this field has at least 3 characters.",
        ),
        (
            "username",
            json!("a".repeat(151)),
            "Ensure this field has no more than 150 characters.",
        ),
        (
            "username",
            json!("ada@test"),
            "Enter a valid username. This value may contain only letters, numbers, and ./+/-/_ characters.",
        ),
        (
            "username",
            json!("Вася"),
            "Enter a valid username. This value may contain only letters, numbers, and ./+/-/_ characters.",
        ),
        (
            "username",
            json!("ada\u{0}"),
            "Null characters are not allowed.",
        ),
        ("password", Value::Null, "This field may not be null."),
        ("password", json!(""), "This field may not be blank."),
        ("password", json!(true), "Not a valid string."),
        ("password", json!({}), "Not a valid string."),
        (
            "password",
            json!("1234"),
            "This password is too short. It must contain at least 5 characters.",
        ),
        (
            "password",
            json!(1234),
            "This password is too short. It must contain at least 5 characters.",
        ),
        (
            "password",
            json!("a".repeat(129)),
            "Ensure this field has no more than 128 characters.",
        ),
        (
            "password",
            json!("12345\u{0}"),
            "Null characters are not allowed.",
        ),
    ] {
        let mut body = Person::new().sign_up();
        body[field] = value.clone();

        let response = api.create_user(&body).await;

        assert_eq!(
            (response.status, response.json()),
            (400, json!({ field: [message] })),
            "{field}: {value}"
        );
    }
}

#[tokio::test]
async fn reports_all_fields_at_once() {
    let api = Api::start().await;

    let nothing = api.create_user(&json!({})).await;
    let wrong = api
        .create_user(&json!({ "email": "x", "username": "x", "password": "x" }))
        .await;

    nothing.assert(
        400,
        r#"{"email":["This field is required."],"password":["This field is required."]}"#,
    );
    assert_eq!(
        (wrong.status, wrong.json()),
        (
            400,
            json!({
                "email": ["Enter a valid email address."],
                "username": ["Ensure this field has at least 3 characters."],
                "password": ["This password is too short. It must contain at least 5 characters."],
            })
        )
    );
}

#[tokio::test]
async fn refuses_a_taken_address_in_any_spelling() {
    let api = Api::start().await;
    let ada = api.register().await;
    for email in [
        ada.email.clone(),
        ada.email.to_uppercase(),
        format!(" {} ", ada.email.to_lowercase()),
    ] {
        let body =
            json!({ "email": email, "username": Person::new().username, "password": "12345" });

        let response = api.create_user(&body).await;

        response.assert_field("email", "user with this email already exists.");
    }
}

#[tokio::test]
async fn refuses_a_taken_username_in_any_spelling() {
    let api = Api::start().await;
    let ada = api.register().await;
    for username in [ada.username.to_uppercase(), ada.username.to_lowercase()] {
        let body =
            json!({ "email": Person::new().email, "username": username, "password": "12345" });

        let response = api.create_user(&body).await;

        response.assert_field("username", "A user with that username already exists.");
    }
}

#[tokio::test]
async fn says_of_both_that_they_are_taken() {
    let api = Api::start().await;
    let ada = api.register().await;

    let response = api.create_user(&ada.sign_up()).await;

    response.assert(400, TAKEN);
}

#[tokio::test]
async fn tells_normal_forms_of_an_address_to_be_the_same() {
    let api = Api::start().await;
    let id = Person::new().username;
    let sign_up =
        |local: &str| json!({ "email": format!("{local}{id}@test.com"), "password": "12345" });

    api.create_user(&sign_up("e\u{301}"))
        .await
        .assert(201, CREATED);
    let composed = api.create_user(&sign_up("\u{e9}")).await;

    composed.assert_field("email", "user with this email already exists.");
}

#[tokio::test]
async fn takes_an_address_that_only_looks_alike_for_another() {
    let api = Api::start().await;
    let ada = api.register().await;
    let cyrillic = ada.email.replace('a', "\u{430}");
    assert_ne!(cyrillic, ada.email);
    let sign_up = json!({ "email": cyrillic, "password": "another password" });

    api.create_user(&sign_up).await.assert(201, CREATED);

    let log_in = json!({ "login": ada.email, "password": "another password" });
    api.obtain_token(&log_in)
        .await
        .assert(401, WRONG_CREDENTIALS);
}

#[tokio::test]
async fn takes_an_address_in_any_script() {
    let api = Api::start().await;
    for (local, domain) in [
        ("ผู้ใช้ทดสอบ", "ทดสอบ.ไทย"),
        ("вася", "пример.рф"),
        ("用户", "例子.公司"),
        ("o'hara+tag", "sub.example.co.uk"),
    ] {
        let id = &Person::new().username[4..20];
        let email = format!("{local}{id}@{domain}");
        let body = json!({ "email": email, "password": "12345" });
        api.create_user(&body).await.assert(201, CREATED);

        let log_in = json!({ "login": email, "password": "12345" });
        let token = api.obtain_token(&log_in).await.json()["token"].take();
        let profile = api.get_profile(token.as_str().unwrap()).await.json();

        assert_eq!(profile["email"], email);
    }
}

#[tokio::test]
async fn tells_every_spelling_of_a_domain_to_be_the_same() {
    let api = Api::start().await;
    let local = Person::new().username;
    let emails = [
        "xn--e1afmkfd.xn--p1ai",
        "пример.рф",
        "ПРИМЕР.РФ",
        "Пример。xn--P1AI",
    ]
    .map(|domain| format!("{local}@{domain}"));
    let sign_up = |email: &str| json!({ "email": email, "password": "12345" });

    api.create_user(&sign_up(&emails[0]))
        .await
        .assert(201, CREATED);

    for email in &emails {
        api.create_user(&sign_up(email))
            .await
            .assert_field("email", "user with this email already exists.");
        let log_in = json!({ "login": email, "password": "12345" });
        assert_eq!(api.obtain_token(&log_in).await.status, 200, "{email}");
    }
}

#[tokio::test]
async fn makes_a_username_of_the_address() {
    let api = Api::start().await;
    let name = Person::new().username;

    let free = api.made_up_username(&format!("{name}!#@test.com")).await;
    let taken = api.made_up_username(&format!("{name}!#@test.org")).await;
    let domain = name.replace('_', "-");
    let short = api.made_up_username(&format!("вася!@{domain}.com")).await;

    assert_eq!(free, name);
    for (username, base) in [(taken, name.as_str()), (short, "user")] {
        let suffix = username
            .strip_prefix(base)
            .and_then(|rest| rest.strip_prefix('-'))
            .unwrap();
        assert_eq!(suffix.len(), 6, "{username}");
        assert!(
            suffix
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')),
            "{username}"
        );
    }
}

#[tokio::test]
async fn takes_an_empty_username_of_a_form_for_none() {
    let api = Api::start().await;
    let form = [
        ("email", Person::new().email),
        ("username", String::new()),
        ("password", "12345".to_owned()),
    ];

    let response = send(api.request(Method::POST, "/create_user/").form(&form)).await;

    response.assert(201, CREATED);
}

#[tokio::test]
async fn trims_address_and_username_but_no_password() {
    let api = Api::start().await;
    let ada = Person::new();
    let padded = json!({
        "email": format!("\t{}\n", ada.email),
        "username": format!(" {} ", ada.username),
        "password": "  12345  ",
    });

    api.create_user(&padded).await.assert(201, CREATED);

    let log_in = |password| json!({ "login": ada.username, "password": password });
    assert_eq!(api.obtain_token(&log_in("12345")).await.status, 401);
    let token = api.obtain_token(&log_in("  12345  ")).await.json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let profile = api.get_profile(&token).await.json();
    assert_eq!(
        (profile["email"].as_str(), profile["username"].as_str()),
        (Some(&*ada.email), Some(&*ada.username))
    );
}

#[tokio::test]
async fn ignores_what_it_does_not_know() {
    let api = Api::start().await;
    let ada = Person::new();
    let mut body = ada.sign_up();
    body["uuid"] = json!("f0d4568f-c938-480a-8564-d95e95b5af4a");
    body["first_name"] = json!("Mallory");
    body["is_superuser"] = json!(true);

    api.create_user(&body).await.assert(201, CREATED);

    let profile = api.get_profile(&api.log_in(&ada).await).await.json();
    assert_ne!(profile["uuid"], body["uuid"]);
    assert_eq!(profile["first_name"], Value::Null);
}

#[tokio::test]
async fn takes_a_number_as_it_is_written() {
    let api = Api::start().await;
    let ada = Person::new();
    let sign_up = format!(
        r#"{{"email":"{}","password":12345678901234567890123}}"#,
        ada.email
    );
    let json = |path, body: String| {
        send(
            api.request(Method::POST, path)
                .header("Content-Type", "application/json")
                .body(body),
        )
    };

    json("/create_user/", sign_up).await.assert(201, CREATED);

    for (password, status) in [
        ("12345678901234567890124", 401),
        ("12345678901234567890123", 200),
    ] {
        let response = api
            .obtain_token(&json!({ "login": ada.email, "password": password }))
            .await;
        assert_eq!(response.status, status, "{password}");
    }
}

#[tokio::test]
async fn ignores_who_is_logged_in() {
    let api = Api::start().await;
    let request = api
        .request(Method::POST, "/create_user/")
        .header("Authorization", "JWT nonsense");

    let response = send(request.json(&Person::new().sign_up())).await;

    response.assert(201, CREATED);
}
