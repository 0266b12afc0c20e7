//! What the gateway answers by itself, and that the endpoints answer both kinds of its events.

use std::convert::Infallible;

use aws_types::SdkConfig;
use create_user::CreateUser;
use get_profile::GetProfile;
use lambda_http::{
    Adapter, Body, Context, LambdaEvent, Request, Response, Service as _, request::LambdaRequest,
    service_fn,
};
use obtain_token::ObtainToken;
use reqwest::Method;
use serde_json::{Value, json};
use update_profile::UpdateProfile;

use crate::client::{Api, Person, send};

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
        // What `cargo dev` has there can be read, and nothing else.
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
    // As Base64, 4.8 million bytes are more than 6 MiB; as they are, they are not.
    for (content_type, bytes, status) in [
        ("multipart/form-data; boundary=b", 4_800_000, 413),
        ("multipart/form-data; boundary=b", 4_500_000, 400),
        ("application/json", 4_800_000, 400),
        ("application/json", 6_400_000, 413),
        ("application/json", 11_000_000, 413),
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
        authorized("/get_profile/").header("Host", "\"><script>"),
        authorized("/get_profile/").header("X-Forwarded-Proto", "\u{1f600}".as_bytes()),
        authorized("/get_profile/").header("Cookie", "a".repeat(4_000)),
    ] {
        let response = send(request).await;

        assert_eq!(response.status, 200, "{}", response.text());
    }
}

/// The endpoints of a stack, without the gateway in front of them.
pub(crate) struct Functions {
    create_user: CreateUser,
    obtain_token: ObtainToken,
    update_profile: UpdateProfile,
    get_profile: GetProfile,
}

impl Functions {
    pub(crate) async fn of(api: &Api) -> Self {
        Self::through(&Api::aws(), api).await
    }

    /// The same, if they reach the engines by `aws`.
    pub(crate) async fn through(aws: &SdkConfig, api: &Api) -> Self {
        let env = api.stack().env();
        Self {
            create_user: CreateUser::from_env(env, aws).unwrap(),
            obtain_token: ObtainToken::from_env(env, aws).await.unwrap(),
            update_profile: UpdateProfile::from_env(env, aws).await.unwrap(),
            get_profile: GetProfile::from_env(env, aws).await.unwrap(),
        }
    }

    /// Status and body of the response of `function` to `event`, as Lambda would decode both.
    pub(crate) async fn invoke(&self, function: &str, event: Value) -> (u64, Value) {
        let event: LambdaRequest = serde_json::from_value(event).unwrap();
        let event = LambdaEvent::new(event, Context::default());
        let mut adapter = Adapter::from(service_fn(async |request| {
            Ok::<_, Infallible>(self.respond(function, request).await)
        }));
        let Ok(response) = adapter.call(event).await;
        let response = serde_json::to_value(&response).unwrap();
        let body = match response["body"].as_str() {
            None | Some("") => Value::Null,
            Some(body) => serde_json::from_str(body).unwrap(),
        };
        (response["statusCode"].as_u64().unwrap(), body)
    }

    async fn respond(&self, function: &str, request: Request) -> Response<Body> {
        match function {
            "create_user" => self.create_user.respond(request).await,
            "obtain_token" => self.obtain_token.respond(request).await,
            "update_profile" => self.update_profile.respond(request).await,
            "get_profile" => self.get_profile.respond(request).await,
            _ => panic!("there is no function {function}"),
        }
    }
}

/// An event of an HTTP API (payload format 2.0).
pub(crate) fn http_api_event(
    method: &str,
    path: &str,
    headers: Value,
    body: Option<&str>,
) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test" },
            "requestId": "1",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn the_endpoints_hold_for_the_events_of_an_http_api() {
    let Some(api) = Api::fresh().await else {
        return;
    };
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
