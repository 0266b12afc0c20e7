use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A header's value and its parameters, such as `form-data; name="avatar"`, read as Django reads them.
pub(super) struct Header<'a> {
    value: &'a [u8],
    parameters: Vec<(String, Cow<'a, [u8]>)>,
}

impl<'a> Header<'a> {
    /// Reads `raw`. It never fails: a parameter without a `=` has an empty value.
    pub(super) fn parse(raw: &'a [u8]) -> Self {
        let mut pieces = raw.split(is_separator()).map(<[u8]>::trim_ascii);
        Self {
            value: pieces.next().unwrap_or_default(),
            parameters: pieces.filter_map(parameter).collect(),
        }
    }

    /// Returns the part before the first parameter, in lower case.
    pub(super) fn value(&self) -> Vec<u8> {
        self.value.to_ascii_lowercase()
    }

    /// Returns the parameter `name`, whose name is sent in any case. Of several the last one
    /// counts.
    pub(super) fn parameter(&self, name: &str) -> Option<&[u8]> {
        let is_named = |(sent, _): &&(String, Cow<'a, [u8]>)| sent == name;
        let (_, value) = self.parameters.iter().rfind(is_named)?;
        Some(value)
    }

    /// Returns whether the header's `charset` is UTF-8 or ASCII, which is a subset, or missing.
    pub(super) fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(|charset| {
            [&b""[..], b"utf-8", b"utf8", b"us-ascii", b"ascii"]
                .iter()
                .any(|name| charset.eq_ignore_ascii_case(name))
        })
    }
}

/// Returns a predicate that takes a header's bytes in turn and is true for each semicolon outside
/// of quotes.
fn is_separator() -> impl FnMut(&u8) -> bool {
    let (mut is_quoted, mut is_escaped) = (false, false);
    move |&byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        byte == b';' && !is_quoted
    }
}

/// Reads `name=value`, `name="value"` or `name*=charset'language'value` (RFC 5987), where the value's
/// bytes are percent-encoded.
fn parameter(raw: &[u8]) -> Option<(String, Cow<'_, [u8]>)> {
    let mut sides = raw.splitn(2, |&byte| byte == b'=').map(<[u8]>::trim_ascii);
    let name = String::from_utf8_lossy(sides.next()?).to_ascii_lowercase();
    let value = unquote(sides.next().unwrap_or_default());
    let Some(name) = name.strip_suffix('*') else {
        return Some((name, value));
    };
    let encoded = value.splitn(3, |&byte| byte == b'\'').nth(2)?;
    Some((name.to_owned(), percent_decode(encoded).collect()))
}

/// Removes the quotes of `value`, and the backslash of each `\"` and `\\`.
fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let inner = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inner) = inner else {
        return value.into();
    };
    let mut is_escaped = false;
    let mut bytes = Vec::with_capacity(inner.len());
    for &byte in inner {
        if is_escaped && matches!(byte, b'"' | b'\\') {
            bytes.pop();
            is_escaped = false;
        } else {
            is_escaped = byte == b'\\';
        }
        bytes.push(byte);
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(header: &str, name: &str) -> Option<String> {
        let header = Header::parse(header.as_bytes());
        let value = header.parameter(name)?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn a_parameter_is_read_as_django_reads_it() {
        for (header, value) in [
            ("x; name=a", Some("a")),
            ("x;name=a", Some("a")),
            ("x \t;\t name \t=\t a\t", Some("a")),
            ("x;;; ;name=a;", Some("a")),
            ("x; NAME=A", Some("A")),
            ("x; Name=\"a\"", Some("a")),
            ("x; name=\" a \"", Some(" a ")),
            ("x; name=a b", Some("a b")),
            ("x; name=a=b", Some("a=b")),
            ("x; name=\"a; name=b\"", Some("a; name=b")),
            ("x; other=\"; name=b\"; name=a", Some("a")),
            ("x; other=\"\\\"; name=b\"; name=a", Some("a")),
            ("x; name=\"a\\\"b\\\\c\\d\"", Some("a\"b\\c\\d")),
            ("x; name=\"\"", Some("")),
            ("x; name=", Some("")),
            ("x; name=a; name=b", Some("b")),
            ("x; name*=UTF-8''%D0%B0%20b", Some("а b")),
            ("x; name*=\"utf-8'en'a\"", Some("a")),
            ("x; name=\"a", Some("\"a")),
            ("x; name", Some("")),
            ("x; filename=a", None),
            ("name=a", None),
            ("", None),
        ] {
            assert_eq!(parameter(header, "name").as_deref(), value, "{header}");
        }
    }

    #[test]
    fn the_value_ends_at_the_first_parameter() {
        for (header, value) in [
            ("Form-Data ; name=a", "form-data"),
            ("application/json", "application/json"),
            (" a;", "a"),
            ("", ""),
        ] {
            assert_eq!(
                Header::parse(header.as_bytes()).value(),
                value.as_bytes(),
                "{header}"
            );
        }
    }

    #[test]
    fn utf_8_and_ascii_are_the_charsets() {
        for (header, is_utf8) in [
            ("x", true),
            ("x; charset=utf-8", true),
            ("x; Charset = \"UTF-8\"", true),
            ("x; charset=utf8", true),
            ("x; charset=US-ASCII", true),
            ("x; charset=", true),
            ("x; charset=windows-1251", false),
            ("x; charset=iso-8859-1", false),
            ("x; charset=utf-16", false),
            ("x; charset=utf-7", false),
            ("x; charset=utf-8; charset=koi8-r", false),
        ] {
            assert_eq!(
                Header::parse(header.as_bytes()).is_utf8(),
                is_utf8,
                "{header}"
            );
        }
    }
}
