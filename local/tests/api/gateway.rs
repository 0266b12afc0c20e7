//! The responses of the gateway itself, and what it passes on.

use reqwest::Method;
use support::{Api, send};

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let api = Api::start().await;
    let every = &[Method::GET, Method::POST, Method::OPTIONS];
    for (path, methods) in [
        ("/get_profil/", &every[..]),
        ("/get_profile//", every),
        ("/get_profile/x", every),
        ("/GET_PROFILE/", every),
        ("/%67et_profile/", every),
        ("/avatars/", every),
        ("/avatars/x.webp", every),
        // `cargo dev` serves a page at these paths, to `GET` alone.
        ("/", &every[1..]),
        ("/app.js", &every[1..]),
        ("/docs/", &every[1..]),
    ] {
        for method in methods {
            let anonymous = send(api.request(method.clone(), path)).await;
            let with_token = send(
                api.request(method.clone(), path)
                    .header("Authorization", "JWT x"),
            )
            .await;

            for response in [anonymous, with_token] {
                assert_eq!(
                    (response.status, response.text()),
                    (404, r#"{"detail":"Not found."}"#),
                    "{method} {path}"
                );
                response.assert_detail(404, "Not found.");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_no_event_can_hold_is_too_large() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    // 4.8 million bytes are more than 6 MiB in Base64, but less as text.
    for (content_type, bytes, status) in [
        ("multipart/form-data; boundary=b", 4_800_000, 413),
        ("multipart/form-data; boundary=b", 4_500_000, 400),
        ("application/json", 4_800_000, 413),
        ("application/json", 4_500_000, 400),
        ("application/json", 11_000_000, 413),
        ("text/plain", 4_800_000, 415),
        ("text/plain", 6_400_000, 413),
    ] {
        let response = send(
            api.update(&token)
                .header("Content-Type", content_type)
                .body(vec![b'x'; bytes]),
        )
        .await;

        assert_eq!(response.status, status, "{content_type} of {bytes} bytes");
        if status == 413 {
            response.assert_detail(413, "Request body is too large.");
        }
    }
}

#[tokio::test]
async fn odd_headers_and_queries_reach_the_endpoint_unharmed() {
    let api = Api::start().await;
    let (_, token) = api.member().await;
    let authorized = |path: &str| {
        api.request(Method::GET, path)
            .header("Authorization", format!("JWT {token}"))
    };
    for request in [
        authorized("/get_profile/?a=1&a=2&%ff=%00&=&token=x"),
        authorized("/get_profile/?%s%d%n"),
        authorized("/get_profile/").header("X-Odd", &b"\xff\xfe"[..]),
        authorized("/get_profile/").header("X-Forwarded-Proto", "\u{1f600}".as_bytes()),
        authorized("/get_profile/").header("Cookie", "a".repeat(4_000)),
    ] {
        let response = send(request).await;

        assert_eq!(response.status, 200, "{}", response.text());
    }
}
