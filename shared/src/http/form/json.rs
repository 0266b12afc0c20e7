use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_bytes::ByteBuf;
use serde_json::{Deserializer, value::RawValue};

use super::{Fields, Value};
use crate::http::ApiError;

/// Reads the members of a JSON object.
pub(super) fn read(body: &[u8]) -> Result<Fields, ApiError> {
    let body = str::from_utf8(body).map_err(malformed)?;
    if !body.trim_ascii_start().starts_with('{') {
        return Err(match serde_json::from_str(body).map_err(malformed)? {
            serde_json::Value::Null => ApiError::NoData,
            serde_json::Value::Bool(_) => ApiError::NotAnObject("bool"),
            serde_json::Value::Number(_) if body.contains(['.', 'e', 'E']) => {
                ApiError::NotAnObject("float")
            }
            serde_json::Value::Number(_) => ApiError::NotAnObject("int"),
            serde_json::Value::String(_) => ApiError::NotAnObject("str"),
            serde_json::Value::Array(_) => ApiError::NotAnObject("list"),
            serde_json::Value::Object(_) => ApiError::NotAnObject("dict"),
        });
    }
    // Values stay raw, because a number is taken as it was written: as floats, two long numbers could
    // be the same. Names are bytes, because they may hold lone surrogates, too.
    let members: BTreeMap<ByteBuf, &RawValue> = serde_json::from_str(body).map_err(malformed)?;
    members
        .into_iter()
        .map(|(name, raw)| {
            // The replacement characters are harmless: no field's name has a surrogate.
            let name = String::from_utf8_lossy(&name).into_owned();
            Ok((name, Some(value(raw.get()).map_err(malformed)?)))
        })
        .collect()
}

fn value(raw: &str) -> serde_json::Result<Value> {
    Ok(match raw.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b'"') => string(raw)?,
        Some(b'-' | b'0'..=b'9') => Value::Text(raw.to_owned()),
        _ => Value::Other,
    })
}

/// Reads a JSON string. `serde_json` refuses a lone surrogate in a `String`, but not in bytes, where it
/// becomes three bytes as if it were a character (WTF-8).
fn string(raw: &str) -> serde_json::Result<Value> {
    let bytes = ByteBuf::deserialize(&mut Deserializer::from_str(raw))?.into_vec();
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Value::Text(text),
        Err(error) => match error.as_bytes()[error.utf8_error().valid_up_to()..] {
            [first, second, third, ..] => Value::Surrogate(
                u16::from(first & 0x0f) << 12
                    | u16::from(second & 0x3f) << 6
                    | u16::from(third & 0x3f),
            ),
            _ => Value::Other,
        },
    })
}

fn malformed(reason: impl ToString) -> ApiError {
    ApiError::MalformedJson(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the surrogate in the only member of `body`.
    fn surrogate(body: &str) -> Option<u16> {
        let fields = read(body.as_bytes()).unwrap();
        match fields.into_values().next() {
            Some(Some(Value::Surrogate(surrogate))) => Some(surrogate),
            _ => None,
        }
    }

    #[test]
    fn the_first_lone_surrogate_is_told() {
        for (body, expected) in [
            (r#"{"a":"\ud83d"}"#, Some(0xd83d)),
            (r#"{"a":"Ada \uD83D."}"#, Some(0xd83d)),
            (r#"{"a":"\ude00"}"#, Some(0xde00)),
            (r#"{"a":"\ude00\ud83d"}"#, Some(0xde00)),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, Some(0xd83d)),
            (r#"{"a":"\ud83dA"}"#, Some(0xd83d)),
            (r#"{"a":"Вася\udfff"}"#, Some(0xdfff)),
            (r#"{"a":"\ud83d\ude00"}"#, None),
            (r#"{"a":"\\ud83d"}"#, None),
            (r#"{"a":["\ud83d"]}"#, None),
            (r#"{"\ud83d":"a"}"#, None),
        ] {
            assert_eq!(surrogate(body), expected, "{body}");
        }
    }

    #[test]
    fn a_string_is_unescaped() {
        let fields = read(r#"{"a\u0062":"\ud83d\ude00\n\u0000я"}"#.as_bytes()).unwrap();

        assert!(matches!(&fields["ab"], Some(Value::Text(text)) if text == "😀\n\0я"));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_malformed() {
        for body in [
            &b"{\"a\":\"\xcf\xe0\xf0\"}"[..],
            b"{\"\xcf\":1}",
            b"{\"a\":\"\xed\xa0\x80\"}",
            b"\xff\xfe{\0}\0",
            b"{}\xff",
        ] {
            assert!(
                matches!(read(body), Err(ApiError::MalformedJson(_))),
                "{}",
                body.escape_ascii()
            );
        }
    }
}
