//! A body, after a line with its content type: what `Form` reads is what others read.

#![no_main]

use std::sync::LazyLock;

use lambda_http::{Body, Request, http::header::CONTENT_TYPE};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value as Json};
use shared::http::{Form, Value};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(fuzz::runtime);

fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let (content_type, body) = (&input[..end], &input[end + 1..]);
    let Ok(content_type) = content_type.try_into() else {
        return;
    };
    let mut request = Request::new(Body::Binary(body.to_vec()));
    request.headers_mut().insert(CONTENT_TYPE, content_type);

    let form = RUNTIME.block_on(Form::read(&request));

    let json: Option<Map<String, Json>> = match request.headers()[CONTENT_TYPE].as_bytes() {
        b"application/json" if !body.is_empty() => serde_json::from_slice(body).ok(),
        _ => None,
    };
    match form {
        Ok(form) => {
            // Text that is no UTF-8 grows when it is made text; nothing else does.
            let length: usize = form.names().map(|name| length(form.get(name))).sum();
            assert!(length <= 3 * body.len());
            if let Some(json) = json {
                same(&form, &json);
            }
        }
        Err(error) => {
            assert!(json.is_none());
            let response = error.into_response();
            assert!(matches!(response.status().as_u16(), 400 | 415));
        }
    }
});

fn length(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Text(text) | Value::FormText(text)) => text.len(),
        Some(Value::File(bytes)) => bytes.len(),
        Some(Value::Null | Value::Other) | None => 0,
    }
}

/// Asserts that `form` has the fields of `json`, and no other.
fn same(form: &Form, json: &Map<String, Json>) {
    assert_eq!(form.names().count(), json.len());
    for (name, expected) in json {
        match (form.get(name).expect("the field is there"), expected) {
            (Value::Text(text), Json::String(expected)) => assert_eq!(text, expected),
            (Value::Text(text), Json::Number(expected)) => {
                assert_eq!(
                    text.parse::<serde_json::Number>().ok().as_ref(),
                    Some(expected)
                );
            }
            (Value::Null, Json::Null) => {}
            (Value::Other, Json::Bool(_) | Json::Array(_) | Json::Object(_)) => {}
            _ => panic!("{name:?} is not {expected}"),
        }
    }
}
