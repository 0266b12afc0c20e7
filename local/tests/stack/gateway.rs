//! Request targets that a client's library would tidy up, and the events of an HTTP API.

use serde_json::json;
use support::{Api, Functions, OwnStack, Person, http_api_event, send};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Sends a `GET` of `target`, unchanged, and returns the whole response.
async fn get_as_it_is(api: &Api, target: &str) -> String {
    let host = api.base_url().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(host).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn a_path_that_has_to_be_resolved_is_not_found() {
    let api = OwnStack::start().await;
    for target in [
        "//get_profile/",
        "/./get_profile/",
        "/get_profile/.",
        "/get_profile/../get_profile/",
        "/x/../get_profile/",
        "/%2e/get_profile/",
        "/%2e%2e/get_profile/",
        "/get_profile%2f",
        "/%2fget_profile/",
        "/get_profile;x=1/",
        "/get_profile%00/",
        "/get_profile%20/",
        "/get_profile\\",
        "/avatars/../get_profile/",
    ] {
        let response = get_as_it_is(&api, target).await;

        assert!(
            response.starts_with("HTTP/1.1 404 "),
            "{target}: {response}"
        );
        assert!(
            response.ends_with(r#"{"detail":"Not found."}"#),
            "{target}: {response}"
        );
    }
    let plain = get_as_it_is(&api, "/get_profile/").await;
    assert!(plain.starts_with("HTTP/1.1 401 "), "{plain}");
}

#[tokio::test]
async fn nothing_that_was_sent_becomes_a_header() {
    let api = OwnStack::start().await;
    for target in [
        "/get_profile/?x=%0d%0aX-Injected:%201",
        "/get_profile/%0d%0aX-Injected:%201",
        "/%0d%0aX-Injected:%201/get_profile/",
    ] {
        let response = get_as_it_is(&api, target).await;

        assert!(
            !response.to_lowercase().contains("x-injected"),
            "{response}"
        );
    }
    let (_, token) = api.member().await;
    let name = "Ada\r\nX-Injected: 1";
    for request in [
        api.update(&token).json(&json!({ "first_name": name })),
        api.update(&token).form(&[("first_name", name)]),
        api.update(&token)
            .header("Content-Type", "text/plain; X-Injected: 1")
            .header("Origin", "X-Injected: 1")
            .body("x"),
    ] {
        let response = send(request).await;

        assert!(matches!(response.status, 400 | 415), "{}", response.text());
        assert_eq!(response.header("x-injected"), None);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test]
async fn the_endpoints_hold_for_the_events_of_an_http_api() {
    let api = OwnStack::start().await;
    let functions = Functions::of(&api).await;
    let ada = Person::new();
    let json_type = json!({ "content-type": "application/json" });

    let sign_up = ada.sign_up().to_string();
    let event = http_api_event("POST", "/create_user/", json_type.clone(), Some(&sign_up));
    let created = functions.invoke("create_user", event).await;
    assert_eq!(
        created,
        (201, json!({ "message": "User succesfully created" }))
    );

    let log_in = ada.log_in().to_string();
    let event = http_api_event("POST", "/obtain_token/", json_type, Some(&log_in));
    let (status, body) = functions.invoke("obtain_token", event).await;
    assert_eq!(status, 200);
    let authorization = format!("JWT {}", body["token"].as_str().unwrap());

    let headers = json!({ "authorization": authorization, "content-type": "application/x-www-form-urlencoded" });
    let event = http_api_event("PUT", "/update_profile/", headers, Some("first_name=Ada"));
    let (status, updated) = functions.invoke("update_profile", event).await;
    assert_eq!((status, &updated["first_name"]), (200, &json!("Ada")));

    let headers = json!({ "authorization": authorization });
    let event = http_api_event("GET", "/get_profile/", headers, None);
    let shown = functions.invoke("get_profile", event).await;
    assert_eq!(shown, (200, updated));
}
