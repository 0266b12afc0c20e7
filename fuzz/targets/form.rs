//! A body, after a line with its content type: `Form` reads what others read, and nothing that is not
//! UTF-8.

#![no_main]

use std::collections::BTreeMap;

use lambda_http::{Body, Request, http::header::CONTENT_TYPE};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value as Json};
use shared::http::{ApiError, Form, Value};

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

    let form = Form::read(&request);

    if let Err(error) = &form {
        assert!(matches!(error.status().as_u16(), 400 | 415));
    }
    match request.headers()[CONTENT_TYPE].as_bytes() {
        b"application/json" if !body.is_empty() => {
            if let Ok(json) = serde_json::from_slice::<Map<String, Json>>(body) {
                same_as_json(&form.expect("it is JSON"), &json);
            }
        }
        b"application/x-www-form-urlencoded" => same_as_urlencoded(form, body),
        _ => {
            if let Ok(form) = form {
                let length: usize = form.names().map(|name| length(form.get(name))).sum();
                assert!(length <= body.len());
            }
        }
    }
});

fn length(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Text(text) | Value::FormText(text)) => text.len(),
        Some(Value::File(bytes)) => bytes.len(),
        Some(Value::Surrogate(_) | Value::Null | Value::Other) | None => 0,
    }
}

/// Asserts that `form` has the fields of `json`, and no other.
fn same_as_json(form: &Form, json: &Map<String, Json>) {
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

/// Asserts that `form` has the fields that a lenient reader finds in `body`, or is refused because
/// that reader had to replace characters.
fn same_as_urlencoded(form: Result<Form, ApiError>, body: &[u8]) {
    let expected: BTreeMap<_, _> = form_urlencoded::parse(body).collect();
    match form {
        Ok(form) => {
            assert_eq!(form.names().count(), expected.len());
            for (name, expected) in &expected {
                assert!(matches!(form.get(name), Some(Value::FormText(text)) if text == expected));
            }
        }
        Err(_) => {
            let mut pairs = form_urlencoded::parse(body);
            assert!(
                pairs.any(|(name, value)| [name, value]
                    .iter()
                    .any(|text| text.contains('\u{fffd}')))
            );
        }
    }
}
