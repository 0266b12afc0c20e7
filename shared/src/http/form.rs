mod header;
mod json;
mod multipart;
mod urlencoded;

use std::collections::BTreeMap;

use bytes::Bytes;
use lambda_http::{
    Request,
    http::{HeaderValue, header::CONTENT_TYPE},
};

use self::header::Header;
use super::ApiError;

/// The fields of a request's body. Of a field that was sent twice the last one counts.
#[derive(Default)]
pub struct Form(Fields);

/// Fields by name; `None` for a file input without a chosen file.
type Fields = BTreeMap<String, Option<Value>>;

/// A field as sent, before any rule has been applied.
pub enum Value {
    /// JSON `null`.
    Null,
    /// A JSON string, or a JSON number as it was written.
    Text(String),
    /// A JSON string that is not Unicode text. Holds its first lone surrogate.
    Surrogate(u16),
    /// A text field of a form. Forms cannot send `null`, so an empty string may mean "no value".
    FormText(String),
    /// A file.
    File(Bytes),
    /// A JSON boolean, array or object.
    Other,
}

const JSON: &str = "application/json";
const URL_ENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

impl Form {
    /// The media types that [`read`](Self::read) reads. All of them may hold bytes that are not UTF-8,
    /// so the gateway in front must treat them as binary.
    pub const MEDIA_TYPES: [&str; 3] = [JSON, URL_ENCODED, MULTIPART];

    /// Reads the body of `request`: JSON, a multipart form or a URL-encoded one. An empty body is an
    /// empty form.
    ///
    /// Text is UTF-8 and is never repaired: in replacement characters, all passwords of one length
    /// could be the same.
    ///
    /// # Errors
    ///
    /// - [`ApiError::UnsupportedMediaType`]: the body is of another type, or its text in another
    ///   charset.
    /// - [`ApiError::MalformedJson`], [`ApiError::MalformedMultipart`], [`ApiError::MalformedForm`]:
    ///   the body breaks the rules of its type, or its text is not UTF-8.
    /// - [`ApiError::NotAnObject`], [`ApiError::NoData`]: the body is JSON, but not an object.
    pub fn read(request: &Request) -> Result<Self, ApiError> {
        let body: &[u8] = request.body();
        if body.is_empty() {
            return Ok(Self::default());
        }
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .map_or(&b""[..], HeaderValue::as_bytes);
        let header = Header::parse(content_type);
        let media_type = String::from_utf8_lossy(&header.value()).into_owned();
        match media_type.as_str() {
            JSON if header.is_utf8() => json::read(body).map(Self),
            URL_ENCODED if header.is_utf8() => urlencoded::read(body).map(Self),
            MULTIPART if header.is_utf8() => multipart::read(body, &header).map(Self),
            _ => Err(ApiError::UnsupportedMediaType(
                String::from_utf8_lossy(content_type).into_owned(),
            )),
        }
    }

    /// Returns the names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the field `name`, if it was sent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)?.as_ref()
    }

    /// Returns the text of the field `name`, trimmed, which must be there and not blank.
    ///
    /// # Errors
    ///
    /// Any [`ValueError`].
    pub fn required(&self, name: &str) -> Result<&str, ValueError> {
        let text = self.get(name).ok_or(ValueError::Missing)?.text()?;
        not_blank(text.trim())
    }

    /// Like [`required`](Self::required), but does not trim.
    ///
    /// # Errors
    ///
    /// Any [`ValueError`].
    pub fn required_untrimmed(&self, name: &str) -> Result<&str, ValueError> {
        let text = self.get(name).ok_or(ValueError::Missing)?.text()?;
        not_blank(text)
    }

    /// Returns the text of the field `name`, trimmed, if it was sent. A browser sends every input of a
    /// form, so an empty form value counts as not sent.
    ///
    /// # Errors
    ///
    /// Any [`ValueError`] but [`ValueError::Missing`].
    pub fn optional(&self, name: &str) -> Result<Option<&str>, ValueError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::FormText(text)) if text.is_empty() => Ok(None),
            Some(value) => not_blank(value.text()?.trim()).map(Some),
        }
    }
}

fn not_blank(text: &str) -> Result<&str, ValueError> {
    if text.is_empty() {
        Err(ValueError::Blank)
    } else {
        Ok(text)
    }
}

impl Value {
    /// Returns the text as it was sent, if the value is a text without lost characters.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::FormText(text)
                if !text.contains(char::REPLACEMENT_CHARACTER) =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// Returns the text, which may be empty, for a field's own rules.
    ///
    /// # Errors
    ///
    /// - [`ValueError::Null`], [`ValueError::NotText`]: the value is not a text.
    /// - [`ValueError::NulCharacter`]: the text holds a NUL, which many programs take for its end.
    /// - [`ValueError::Surrogate`], [`ValueError::Damaged`]: characters were lost on the way.
    pub fn text(&self) -> Result<&str, ValueError> {
        match self {
            Self::Text(text) | Self::FormText(text) => {
                if text.contains('\0') {
                    Err(ValueError::NulCharacter)
                } else if text.contains(char::REPLACEMENT_CHARACTER) {
                    Err(ValueError::Damaged)
                } else {
                    Ok(text)
                }
            }
            Self::Surrogate(surrogate) => Err(ValueError::Surrogate(*surrogate)),
            Self::Null => Err(ValueError::Null),
            Self::File(_) | Self::Other => Err(ValueError::NotText),
        }
    }
}

/// Why a field is not the text that it should be. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It was not sent.
    #[error("This field is required.")]
    Missing,
    /// It is `null`.
    #[error("This field may not be null.")]
    Null,
    /// It is empty.
    #[error("This field may not be blank.")]
    Blank,
    /// It is a boolean, an array, an object or a file.
    #[error("Not a valid string.")]
    NotText,
    /// It holds U+0000.
    #[error("Null characters are not allowed.")]
    NulCharacter,
    /// It holds a lone surrogate.
    #[error("Surrogate characters are not allowed: U+{0:X}.")]
    Surrogate(u16),
    /// It holds U+FFFD, which programs leave where they cannot decode a text: a gateway that passes on
    /// a body as text, for example.
    #[error("Enter valid text.")]
    Damaged,
}

#[cfg(test)]
mod tests {
    use lambda_http::{Body, http::request};

    use super::*;

    fn read(content_type: &str, body: &[u8]) -> Result<Form, ApiError> {
        let request = request::Builder::new()
            .header(CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap();
        Form::read(&request)
    }

    #[test]
    fn every_listed_media_type_is_read() {
        for media_type in Form::MEDIA_TYPES {
            for content_type in [
                format!("{media_type}; boundary=b"),
                format!("{} ;charset=UTF-8;boundary=b", media_type.to_uppercase()),
                format!("{media_type}; charset=\"us-ascii\"; boundary=b"),
            ] {
                // The body is valid for at most one of the types; each of the others refuses it as
                // malformed.
                let form = read(&content_type, b"%");

                assert!(
                    !matches!(form, Err(ApiError::UnsupportedMediaType(_))),
                    "{content_type}"
                );
            }
        }
    }

    #[test]
    fn another_media_type_or_charset_is_refused() {
        for content_type in [
            "text/plain",
            "",
            "application/json, text/plain",
            "application/json; charset=windows-1251",
            "application/json;Charset = \"utf-16\"",
            "application/x-www-form-urlencoded; charset=koi8-r",
            "multipart/form-data; boundary=b; charset=iso-8859-1",
            "multipart/mixed; boundary=b",
        ] {
            let form = read(content_type, b"{}");

            assert!(
                matches!(&form, Err(ApiError::UnsupportedMediaType(told)) if told == content_type),
                "{content_type}"
            );
        }
    }

    #[test]
    fn a_damaged_text_is_an_error_and_not_a_text() {
        for (body, error) in [
            (r#"{"a":"\ud83d"}"#, ValueError::Surrogate(0xd83d)),
            (r#"{"a":"Ada \ufffd"}"#, ValueError::Damaged),
            ("{\"a\":\"\u{fffd}\"}", ValueError::Damaged),
        ] {
            let form = read("application/json", body.as_bytes()).unwrap();

            assert_eq!(form.required("a"), Err(error), "{body}");
            assert_eq!(form.required_untrimmed("a"), Err(error), "{body}");
            assert_eq!(form.optional("a"), Err(error), "{body}");
            assert_eq!(form.get("a").unwrap().as_text(), None, "{body}");
        }
        assert_eq!(
            ValueError::Surrogate(0xd83d).to_string(),
            "Surrogate characters are not allowed: U+D83D."
        );
    }
}
