//! Paths, methods, bodies and origins, which all endpoints treat alike.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use support::{
    Api, Person,
    messages::{CREATED, WRONG_CREDENTIALS},
    send,
};

/// The endpoints with the values of their `Allow` headers.
const ENDPOINTS: [(&str, &str); 4] = [
    ("/create_user", "POST, OPTIONS"),
    ("/obtain_token", "POST, OPTIONS"),
    ("/update_profile", "PUT, OPTIONS"),
    ("/get_profile", "GET, HEAD, OPTIONS"),
];

/// Returns an update of a new account with `body`.
async fn update(api: &Api, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let (_, token) = api.member().await;
    api.update(&token)
        .header("Content-Type", content_type)
        .body(body)
}

#[tokio::test]
async fn a_path_answers_with_and_without_its_slash() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for slash in ["", "/"] {
        let request = |method, path: &str| api.request(method, &format!("{path}{slash}"));
        let authorized =
            |method, path| request(method, path).header("Authorization", format!("JWT {token}"));

        send(request(Method::POST, "/create_user").json(&Person::new().sign_up()))
            .await
            .assert(201, CREATED);
        send(request(Method::POST, "/obtain_token").json(&json!({})))
            .await
            .assert(401, WRONG_CREDENTIALS);
        assert_eq!(
            send(authorized(Method::PUT, "/update_profile"))
                .await
                .status,
            200
        );
        assert_eq!(
            send(authorized(Method::GET, "/get_profile")).await.status,
            200
        );
    }
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_are_not() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for (path, allowed) in ENDPOINTS {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if allowed.contains(method) {
                continue;
            }
            let method: Method = method.parse().unwrap();
            let request = api
                .request(method.clone(), path)
                .header("Authorization", format!("JWT {token}"));

            let response = send(request).await;

            response.assert_detail(405, &format!("Method \"{method}\" not allowed."));
            assert_eq!(response.header("allow"), Some(allowed), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_to_anybody() {
    let api = Api::start().await;
    for (path, allowed) in ENDPOINTS {
        let request = api
            .request(Method::OPTIONS, path)
            .header("Origin", "https://app.example")
            .header("Access-Control-Request-Method", "PUT")
            .header(
                "Access-Control-Request-Headers",
                "authorization,content-type",
            );

        let response = send(request).await;

        assert_eq!((response.status, response.text()), (204, ""), "{path}");
        for (name, value) in [
            ("allow", allowed),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", allowed),
            (
                "access-control-allow-headers",
                "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with, *",
            ),
            ("access-control-max-age", "86400"),
        ] {
            assert_eq!(response.header(name), Some(value), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn the_headers_that_a_page_needs_are_exposed_to_it() {
    let api = Api::start().await;

    let response = api.get_profile("x").await;

    assert_eq!(
        response.header("access-control-expose-headers"),
        Some("Retry-After, WWW-Authenticate")
    );
}

#[tokio::test]
async fn json_that_cannot_be_read_is_refused_with_the_reason() {
    let api = Api::start().await;
    for (body, reason) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("{\"first_name\":}", "expected value at line 1 column 15"),
        ("{\"first_name\":NaN}", "expected value at line 1 column 15"),
        (
            "{\"first_name\":Infinity}",
            "expected value at line 1 column 15",
        ),
        (
            "{'first_name':1}",
            "key must be a string at line 1 column 2",
        ),
        ("{\"first_name\":1,}", "trailing comma at line 1 column 17"),
        ("{} {}", "trailing characters at line 1 column 4"),
        ("nul", "EOF while parsing a value at line 1 column 3"),
        (" ", "EOF while parsing a value at line 1 column 1"),
        ("\u{feff}{}", "expected value at line 1 column 1"),
    ] {
        let response = send(update(&api, "application/json", body).await).await;

        response.assert_detail(400, &format!("JSON parse error - {reason}"));
    }
}

#[tokio::test]
async fn json_of_another_type_is_refused_by_its_name() {
    let api = Api::start().await;
    for (body, message) in [
        ("[]", "Invalid data. Expected a dictionary, but got list."),
        ("\"x\"", "Invalid data. Expected a dictionary, but got str."),
        ("1", "Invalid data. Expected a dictionary, but got int."),
        ("-1", "Invalid data. Expected a dictionary, but got int."),
        ("1.5", "Invalid data. Expected a dictionary, but got float."),
        ("true", "Invalid data. Expected a dictionary, but got bool."),
        ("null", "No data provided"),
    ] {
        let response = send(update(&api, "application/json", body).await).await;

        response.assert(400, &json!({ "non_field_errors": [message] }).to_string());
    }
}

#[tokio::test]
async fn deep_json_is_read_without_harm() {
    let api = Api::start().await;
    let deep = format!(
        "{{\"first_name\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );

    let response = send(update(&api, "application/json", deep).await).await;

    response.assert_field("first_name", "Not a valid string.");
}

#[tokio::test]
async fn a_multipart_form_that_cannot_be_read_is_refused_with_the_reason() {
    let api = Api::start().await;
    for (content_type, body, reason) in [
        (
            "multipart/form-data",
            "x",
            "Invalid boundary in Content-Type.",
        ),
        (
            "multipart/form-data; boundary=b",
            "x",
            "The form is incomplete.",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"first_name\"\r\n\r\nAda",
            "The form is incomplete.",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=first_name\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nQWRh!\r\n--b--",
            "Could not decode base64 data.",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=first_name\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nAda\r\n--b--",
            "Unsupported Content-Transfer-Encoding in a part.",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=first_name\r\n\
             Content-Type: text/plain; charset=iso-8859-1\r\n\r\nAda\r\n--b--",
            "Unsupported charset in a part.",
        ),
    ] {
        let response = send(update(&api, content_type, body).await).await;

        response.assert_detail(400, &format!("Multipart form parse error - {reason}"));
    }
}

#[tokio::test]
async fn another_content_type_is_refused_by_its_name() {
    let api = Api::start().await;
    for content_type in [
        "text/plain",
        "application/xml; charset=utf-8",
        "application/jsonp",
        "multipart/mixed; boundary=b",
        "application/json, text/plain",
        "application/json/",
        "application/ json",
        "application/vnd.api+json",
        "text/plain; application/json",
        "*/*",
        "application/json; charset=windows-1251",
        "Application/JSON;Charset = \"UTF-16\"",
        "application/x-www-form-urlencoded; charset=koi8-r",
        "multipart/form-data; boundary=b; charset=iso-8859-1",
    ] {
        let response = send(update(&api, content_type, "{}").await).await;

        response.assert_detail(
            415,
            &format!("Unsupported media type \"{content_type}\" in request."),
        );
    }
    let (_, token) = api.member().await;
    send(api.update(&token).body("{}"))
        .await
        .assert_detail(415, "Unsupported media type \"\" in request.");
}

#[tokio::test]
async fn a_content_type_may_have_parameters_and_capitals() {
    let api = Api::start().await;
    for content_type in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;",
        "application/json ;; Charset = \"US-ASCII\" ; x=y",
    ] {
        let response = send(update(&api, content_type, "{}").await).await;

        assert_eq!(response.status, 200, "{content_type}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_taken_for_what_it_is() {
    // `{"first_name":"Ada"}`, by gzip.
    const COMPRESSED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJ\xcb,*.\x89\xcfK\xccMU\xb2RrLIT\xaa\x05\x00O\x09[G\x14\x00\x00\x00";
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for (content_type, detail) in [
        (
            "application/json",
            "JSON parse error - invalid utf-8 sequence of 1 bytes from index 1",
        ),
        (
            "multipart/form-data; boundary=b",
            "Multipart form parse error - The form is incomplete.",
        ),
        ("application/x-www-form-urlencoded", "Malformed request."),
    ] {
        let request = api
            .update(&token)
            .header("Content-Type", content_type)
            .header("Content-Encoding", "gzip")
            .body(COMPRESSED);

        send(request).await.assert_detail(400, detail);
    }
    let profile = api.get_profile(&token).await.json();
    assert_eq!(profile["first_name"], Value::Null);
}

#[tokio::test]
async fn no_body_is_an_empty_object_whatever_its_type() {
    let api = Api::start().await;
    for content_type in ["application/json", "multipart/form-data", "text/plain"] {
        let response = send(update(&api, content_type, "").await).await;
        assert_eq!(response.status, 200, "{content_type}");

        let request = api
            .request(Method::POST, "/create_user/")
            .header("Content-Type", content_type);
        send(request).await.assert(
            400,
            r#"{"email":["This field is required."],"password":["This field is required."]}"#,
        );
    }
}

/// A word of seven letters in Windows-1251.
const WORD: &[u8] = b"\xef\xf0\xe8\xe2\xe5\xf2\xfb";

/// Returns `before`, [`WORD`] and `after`.
fn around_word(before: &str, after: &str) -> Vec<u8> {
    [before.as_bytes(), WORD, after.as_bytes()].concat()
}

#[tokio::test]
async fn a_text_in_another_encoding_is_refused() {
    let api = Api::start().await;
    let (ada, token) = api.member().await;
    for (content_type, before, after, detail) in [
        (
            "application/json",
            "{\"password\":\"",
            "\"}",
            "JSON parse error - invalid utf-8 sequence of 1 bytes from index 13",
        ),
        (
            "application/x-www-form-urlencoded",
            "password=",
            "",
            "Malformed request.",
        ),
        (
            "application/x-www-form-urlencoded",
            "password=%EF%F0",
            "",
            "Malformed request.",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n",
            "\r\n--b--",
            "Multipart form parse error - A field is not UTF-8.",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"",
            "\"\r\n\r\nAda\r\n--b--",
            "Multipart form parse error - A field is not UTF-8.",
        ),
    ] {
        for request in [
            api.update(&token),
            api.request(Method::POST, "/create_user/"),
            api.request(Method::POST, "/obtain_token/"),
        ] {
            let request = request
                .header("Content-Type", content_type)
                .body(around_word(before, after));

            send(request).await.assert_detail(400, detail);
        }
    }
    assert_eq!(api.log_in(&ada).await.split('.').count(), 3);
}

#[tokio::test]
async fn a_password_in_another_encoding_neither_registers_nor_logs_in() {
    let api = Api::start().await;
    let ada = Person::new();
    let form = |password: &str| format!("email={}&login={0}&password={password}", ada.email);
    let post = |path, content_type: &str, body: String| {
        api.request(Method::POST, path)
            .header("Content-Type", content_type)
            .body(body)
    };
    const URL_ENCODED: &str = "application/x-www-form-urlencoded";

    for path in ["/create_user/", "/obtain_token/"] {
        send(post(path, URL_ENCODED, form("%EF%E0%F0%EE%EB%FC")))
            .await
            .assert_detail(400, "Malformed request.");
        let content_type = format!("{URL_ENCODED}; charset=windows-1251");
        send(post(path, &content_type, form("%EF%E0%F0%EE%EB%FC")))
            .await
            .assert_detail(
                415,
                &format!("Unsupported media type \"{content_type}\" in request."),
            );
    }
    // A gateway that passes text on would have made this of it.
    let replaced = "\u{fffd}".repeat(6);
    send(post("/create_user/", URL_ENCODED, form(&replaced)))
        .await
        .assert_field("password", "Enter valid text.");
    api.create_user(&json!({ "email": ada.email, "password": "пароль" }))
        .await
        .assert(201, CREATED);
    send(post("/obtain_token/", URL_ENCODED, form(&replaced)))
        .await
        .assert(401, WRONG_CREDENTIALS);
}

#[tokio::test]
async fn a_damaged_text_is_an_error_of_its_field() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for (value, message) in [
        (
            r#""\ud83d""#,
            "Surrogate characters are not allowed: U+D83D.",
        ),
        (
            r#""Ada \uDE00\ud83d""#,
            "Surrogate characters are not allowed: U+DE00.",
        ),
        (r#""Ada \ufffd""#, "Enter valid text."),
        ("\"\u{fffd}\"", "Enter valid text."),
    ] {
        for (path, field) in [
            ("/update_profile/", "first_name"),
            ("/create_user/", "email"),
            ("/create_user/", "password"),
            ("/create_user/", "username"),
        ] {
            let mut fields = json!({});
            if path == "/create_user/" {
                fields = Person::new().sign_up();
            }
            fields[field] = json!("FIELD");
            let request = if path == "/create_user/" {
                api.request(Method::POST, path)
            } else {
                api.update(&token)
            };
            let body = fields.to_string().replace("\"FIELD\"", value);

            let response = send(
                request
                    .header("Content-Type", "application/json")
                    .body(body),
            )
            .await;

            response.assert_field(field, message);
        }
        for field in ["login", "password"] {
            // A login of its own, or a second run would find it locked.
            let login = Person::new().username;
            let body =
                format!("{{\"login\":\"{login}\",\"password\":\"12345\",\"{field}\":{value}}}");
            let request = api
                .request(Method::POST, "/obtain_token/")
                .header("Content-Type", "application/json")
                .body(body);

            send(request).await.assert(401, WRONG_CREDENTIALS);
        }
    }
    let key = r#"{"\ud83d":"Ada"}"#;
    send(update(&api, "application/json", key).await)
        .await
        .assert_detail(400, "Invalid signature.");
}

#[tokio::test]
async fn a_form_is_read_however_its_client_writes_it() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for (boundary, part) in [
        ("-XrQHxml_qhW/dc2hip09LUML", "\r\n\r\nВася"),
        ("a(b) c?", "\r\n\r\nВася"),
        ("\"a:b\"", "\r\n\r\nВася"),
        ("b", ";\r\n\tx=\"a; name=b\"\r\n\r\nВася"),
        (
            "b",
            "\r\nContent-Type: text/plain;\r\n charset=UTF-8\r\n\r\nВася",
        ),
        (
            "b",
            "\r\nContent-Transfer-Encoding: base64\r\n\r\n0JLQ\r\nsNGB0Y8=",
        ),
    ] {
        let delimiter = format!("--{}", boundary.trim_matches('"'));
        let body = format!(
            "{delimiter}\r\n\r\nno headers\r\n\
             {delimiter}\r\ncontent-disposition: form-data ;; NAME = first_name{part}\r\n\
             {delimiter}--\r\n"
        );
        let content_type = format!("multipart/form-data;; Boundary\t=\t{boundary}");
        let request = api
            .update(&token)
            .header("Content-Type", content_type)
            .body(body);

        let response = send(request).await;

        assert_eq!(
            response.status,
            200,
            "{boundary} {part}: {}",
            response.text()
        );
        assert_eq!(response.json()["first_name"], "Вася", "{boundary} {part}");
        api.update_profile(&token, &json!({ "first_name": null }))
            .await;
    }
}

#[tokio::test]
async fn of_a_field_sent_twice_the_last_one_counts() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    for (content_type, body) in [
        (
            "application/json",
            r#"{"first_name":"Eve","first_name":"Ada"}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "first_name=Eve&first_name=Ada",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"first_name\"\r\n\r\nEve\r\n\
             --b\r\nContent-Disposition: form-data; name=\"first_name\"\r\n\r\nAda\r\n--b--\r\n",
        ),
    ] {
        let response = send(
            api.update(&token)
                .header("Content-Type", content_type)
                .body(body),
        )
        .await;

        assert_eq!(response.json()["first_name"], "Ada", "{content_type}");
    }
}
