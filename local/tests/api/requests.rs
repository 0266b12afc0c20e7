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
        (
            "{\"first_name\":\"\\ud800\"}",
            "unexpected end of hex escape at line 1 column 8",
        ),
        (
            "{\"first_name\":\"\\udc00\"}",
            "lone leading surrogate in hex escape at line 1 column 7",
        ),
        (
            "{\"\\ud800\":\"Ada\"}",
            "unexpected end of hex escape at line 1 column 9",
        ),
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
            "multipart boundary not found in Content-Type",
        ),
        (
            "multipart/form-data; boundary=b",
            "x",
            "incomplete multipart stream",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"first_name\"\r\n\r\nAda",
            "field \"first_name\" received with incomplete data",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nno header\r\n\r\n\r\n--b--",
            "failed to read headers",
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
            "JSON parse error - expected value at line 1 column 1",
        ),
        (
            "multipart/form-data; boundary=b",
            "Multipart form parse error - incomplete multipart stream",
        ),
        // The bytes are a form with one unknown field.
        ("application/x-www-form-urlencoded", "Invalid signature."),
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

#[tokio::test]
async fn bytes_that_are_no_text_make_no_server_error() {
    let api = Api::start().await;
    for (content_type, body) in [
        ("application/json", &b"\xff\xfe{}"[..]),
        ("application/json", b"{\"first_name\":\"\xff\"}"),
        ("application/json", b"\x00"),
        (
            "application/x-www-form-urlencoded",
            b"\xff=\xff&%ff=%zz&&=&;",
        ),
        ("multipart/form-data; boundary=b", b"\xff\xff"),
        ("multipart/form-data; boundary=\"", b"--\"--"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n\xff\r\n--b--",
        ),
    ] {
        for request in [
            update(&api, content_type, body.to_vec()).await,
            api.request(Method::POST, "/create_user/")
                .header("Content-Type", content_type)
                .body(body.to_vec()),
            api.request(Method::POST, "/obtain_token/")
                .header("Content-Type", content_type)
                .body(body.to_vec()),
        ] {
            let response = send(request).await;

            assert!(
                matches!(response.status, 200 | 400 | 401),
                "{}: {}",
                body.escape_ascii(),
                response.text()
            );
        }
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
