use std::{borrow::Cow, str::Utf8Error};

use percent_encoding::percent_decode;

use super::{Fields, Value};
use crate::http::ApiError;

/// Reads a form in the encoding `application/x-www-form-urlencoded`.
pub(super) fn read(body: &[u8]) -> Result<Fields, ApiError> {
    body.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut sides = pair.splitn(2, |&byte| byte == b'=');
            let name = decode(sides.next().unwrap_or_default())?;
            let value = decode(sides.next().unwrap_or_default())?;
            Ok((name, Some(Value::FormText(value))))
        })
        .collect::<Result<_, Utf8Error>>()
        .map_err(|_| ApiError::MalformedForm)
}

/// Decodes `+` and `%xx`. The crate `form_urlencoded` would replace what is not UTF-8.
fn decode(raw: &[u8]) -> Result<String, Utf8Error> {
    let spaced: Vec<u8> = raw
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decode(&spaced).decode_utf8().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_decoded() {
        for (body, name, value) in [
            ("a=b", "a", "b"),
            ("a=b+c%2B", "a", "b c+"),
            ("%D0%B0=%d0%b1", "а", "б"),
            ("а=б", "а", "б"),
            ("a=b=c", "a", "b=c"),
            ("a", "a", ""),
            ("=b", "", "b"),
            ("&&a=b&", "a", "b"),
            ("a=1&a=2", "a", "2"),
            ("a=%zz%", "a", "%zz%"),
            ("a=%00", "a", "\0"),
        ] {
            let fields = read(body.as_bytes()).unwrap();

            assert!(
                matches!(&fields[name], Some(Value::FormText(text)) if text == value),
                "{body}"
            );
            assert_eq!(fields.len(), 1, "{body}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_malformed() {
        for body in [
            &b"password=%EF%E0%F0%EE%EB%FC"[..],
            b"password=\xef\xe0\xf0\xee\xeb\xfc",
            b"%ff=a",
            b"a=%ed%a0%80",
            b"a=%C3",
            b"a=1&b=%C3+",
        ] {
            assert!(
                matches!(read(body), Err(ApiError::MalformedForm)),
                "{}",
                body.escape_ascii()
            );
        }
    }
}
