use reqwest::{Method, multipart};
use serde_json::{Value, json};

use support::{Api, send};

#[tokio::test]
async fn sets_what_is_sent_and_nothing_else() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    api.update_profile(
        &token,
        &json!({ "first_name": "Василий", "last_name": "Пупкин" }),
    )
    .await;

    let response = api
        .update_profile(
            &token,
            &json!({ "first_name": "Вася", "patronymic": "Иванович" }),
        )
        .await;

    let profile = response.json();
    assert_eq!(response.status, 200);
    assert_eq!(
        [
            &profile["first_name"],
            &profile["last_name"],
            &profile["patronymic"],
            &profile["avatar"]
        ],
        [
            &json!("Вася"),
            &json!("Пупкин"),
            &json!("Иванович"),
            &Value::Null
        ]
    );
    api.get_profile(&token).await.assert(200, response.text());
}

#[tokio::test]
async fn takes_json_and_both_kinds_of_form() {
    let api = Api::start().await;
    let (_, token) = api.member().await;

    let json = send(api.update(&token).json(&json!({ "first_name": "Вася" }))).await;
    let urlencoded = send(api.update(&token).form(&[("last_name", "Пупкин")])).await;
    let multipart = send(
        api.update(&token)
            .multipart(multipart::Form::new().text("patronymic", "Иванович")),
    )
    .await;

    assert_eq!(
        (json.status, urlencoded.status, multipart.status),
        (200, 200, 200)
    );
    let profile = multipart.json();
    assert_eq!(
        [
            &profile["first_name"],
            &profile["last_name"],
            &profile["patronymic"]
        ],
        ["Вася", "Пупкин", "Иванович"]
    );
}

#[tokio::test]
async fn an_empty_update_changes_nothing() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api
        .update_profile(&token, &json!({ "first_name": "Ada" }))
        .await;

    for request in [
        api.update(&token),
        api.update(&token).json(&json!({})),
        api.update(&token)
            .header("Content-Type", "application/x-www-form-urlencoded"),
    ] {
        send(request).await.assert(200, before.text());
    }
}

#[tokio::test]
async fn null_or_nothing_clears_a_name() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for nothing in [Value::Null, json!(""), json!("  \t ")] {
        api.update_profile(
            &token,
            &json!({ "first_name": "Ada", "last_name": "Lovelace" }),
        )
        .await;

        let profile = api
            .update_profile(&token, &json!({ "first_name": nothing }))
            .await
            .json();

        assert_eq!(
            [&profile["first_name"], &profile["last_name"]],
            [&Value::Null, &json!("Lovelace")],
            "{nothing:?}"
        );
    }
    let cleared = send(api.update(&token).form(&[("last_name", "")]))
        .await
        .json();
    assert_eq!(cleared["last_name"], Value::Null);
}

#[tokio::test]
async fn reports_what_is_wrong_with_a_name() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api.get_profile(&token).await;
    for field in ["first_name", "last_name", "patronymic"] {
        for (value, message) in [
            (json!(true), "Not a valid string."),
            (json!(["Ada"]), "Not a valid string."),
            (json!({}), "Not a valid string."),
            (
                json!("я".repeat(151)),
                "Ensure this field has no more than 150 characters.",
            ),
            (json!("A\u{0}da"), "Null characters are not allowed."),
            (json!("A\nda"), "Control characters are not allowed."),
            (
                json!("A\u{1b}[31mda"),
                "Control characters are not allowed.",
            ),
        ] {
            let response = api.update_profile(&token, &json!({ field: value })).await;

            assert_eq!(
                (response.status, response.json()),
                (400, json!({ field: [message] })),
                "{value}"
            );
        }
    }
    api.get_profile(&token).await.assert(200, before.text());
}

#[tokio::test]
async fn names_are_trimmed_and_may_be_long_and_in_any_script() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for (sent, kept) in [
        (json!(" Ada "), json!("Ada")),
        (json!("я".repeat(150)), json!("я".repeat(150))),
        (json!(42), json!("42")),
        (json!("مريم"), json!("مريم")),
        (json!("👩‍💻"), json!("👩‍💻")),
        (json!("<b>&\"'\\"), json!("<b>&\"'\\")),
    ] {
        let response = api
            .update_profile(&token, &json!({ "first_name": sent }))
            .await;

        assert_eq!(
            (response.status, &response.json()["first_name"]),
            (200, &kept),
            "{sent}"
        );
    }
}

#[tokio::test]
async fn one_wrong_field_means_that_nothing_is_written() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api.get_profile(&token).await;

    let response = api
        .update_profile(&token, &json!({ "first_name": "Ada", "last_name": false, "patronymic": "\u{7}", "avatar": "x" }))
        .await;

    assert_eq!(
        (response.status, response.json()),
        (
            400,
            json!({
                "avatar": ["The submitted data was not a file. Check the encoding type on the form."],
                "last_name": ["Not a valid string."],
                "patronymic": ["Control characters are not allowed."],
            })
        )
    );
    api.get_profile(&token).await.assert(200, before.text());
}

#[tokio::test]
async fn any_other_key_refuses_the_whole_update() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let before = api.get_profile(&token).await;
    for key in [
        "uuid",
        "email",
        "username",
        "password",
        "disabled",
        "First_name",
        "first_name ",
        "",
        "__proto__",
    ] {
        let mut body = json!({ "first_name": "Ada", "last_name": false });
        body[key] = json!("x");

        let response = api.update_profile(&token, &body).await;

        response.assert(400, r#"{"detail":"Invalid signature."}"#);
    }
    send(
        api.update(&token)
            .form(&[("first_name", "Ada"), ("email", "x@test.com")]),
    )
    .await
    .assert(400, r#"{"detail":"Invalid signature."}"#);
    api.get_profile(&token).await.assert(200, before.text());
}

#[tokio::test]
async fn takes_no_account_from_the_request_but_the_tokens() {
    let api = Api::start().await;
    let (_, ada) = api.member().await;
    let (_, bob) = api.member().await;
    let uuid = api.get_profile(&bob).await.json()["uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/update_profile/?uuid={uuid}&user_id={uuid}");
    let request = api
        .request(Method::PUT, &path)
        .header("Authorization", format!("JWT {ada}"));

    send(request.json(&json!({ "first_name": "Eve" }))).await;

    assert_eq!(
        api.get_profile(&bob).await.json()["first_name"],
        Value::Null
    );
    assert_eq!(api.get_profile(&ada).await.json()["first_name"], "Eve");
}
