//! Tokens that a test makes itself, and what the service says to them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use crate::{Api, Response, send};

/// Signs `claims` under `header` by HS256 with `secret`, as the service does with its own key.
pub fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    sign_raw(&header.to_string(), &claims.to_string(), secret)
}

/// Like [`sign`], but for JSON that no [`Value`] can hold, such as an object with a key twice.
pub fn sign_raw(header: &str, claims: &str, secret: &str) -> String {
    let message = message(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

/// Encodes `claims` under `header`: a token without its signature and the dot before it.
pub fn message(header: &str, claims: &str) -> String {
    let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    parts.join(".")
}

/// Decodes the header of `token`.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// Decodes the claims of `token`.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Returns `object` with `value` as its `name`.
pub fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// Returns `object` without its `name`.
pub fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

/// The seconds since the epoch.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// Sends `authorization` to both endpoints that need a token and returns their responses.
pub async fn ask(api: &Api, authorization: Option<&str>) -> [Response; 2] {
    let request = |method, path| {
        let request = api.request(method, path);
        match authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    };
    [
        send(request(Method::GET, "/get_profile/")).await,
        send(request(Method::PUT, "/update_profile/").json(&json!({}))).await,
    ]
}

/// Asserts that both endpoints refuse `token`, which `case` describes, with `detail`.
pub async fn assert_refused(api: &Api, case: &str, token: &str, detail: &str) {
    for response in ask(api, Some(&format!("JWT {token}"))).await {
        assert_eq!(
            (response.status, response.json()),
            (401, json!({ "detail": detail })),
            "{case}"
        );
        response.assert_unauthenticated(detail);
    }
}
