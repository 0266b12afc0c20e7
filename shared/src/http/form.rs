use std::{collections::BTreeMap, convert::Infallible};

use lambda_http::{
    Request,
    http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
};
use multer::{Multipart, bytes::Bytes};
use serde_json::value::RawValue;

use super::ApiError;

/// The fields of a request's body. Of a field that was sent twice the last one counts.
#[derive(Default)]
pub struct Form(Fields);

/// What was sent by each name; nothing for a file input that was left alone.
type Fields = BTreeMap<String, Option<Value>>;

/// A field as sent, before any rule has been applied.
pub enum Value {
    /// JSON `null`.
    Null,
    /// A JSON string, or a JSON number as it was written.
    Text(String),
    /// The text of a form, which has no other way to say nothing than the empty text.
    FormText(String),
    /// A file.
    File(Bytes),
    /// A JSON boolean, array or object.
    Other,
}

impl Form {
    /// Reads the body of `request`: JSON, a multipart form or a URL-encoded one. No body at all is
    /// an empty form.
    ///
    /// # Errors
    ///
    /// - [`ApiError::UnsupportedMediaType`]: it is of another type.
    /// - [`ApiError::MalformedJson`], [`ApiError::MalformedMultipart`]: it is not what it says.
    /// - [`ApiError::NotAnObject`], [`ApiError::NoData`]: it is JSON, but no object.
    pub async fn read(request: &Request) -> Result<Self, ApiError> {
        let body: &[u8] = request.body();
        if body.is_empty() {
            return Ok(Self::default());
        }
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .map_or(&b""[..], |value| value.as_bytes());
        let content_type = String::from_utf8_lossy(content_type).into_owned();
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => json(body).map(Self),
            "application/x-www-form-urlencoded" => Ok(Self(urlencoded(body))),
            "multipart/form-data" => multipart(body, &content_type).await.map(Self),
            _ => Err(ApiError::UnsupportedMediaType(content_type)),
        }
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The field `name`, if it was sent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)?.as_ref()
    }

    /// The text of the field `name`, trimmed, which has to be there and not empty.
    ///
    /// # Errors
    ///
    /// Any [`ValueError`].
    pub fn required(&self, name: &str) -> Result<&str, ValueError> {
        let text = self.get(name).ok_or(ValueError::Missing)?.text()?;
        not_blank(text.trim())
    }

    /// The same, but for the trimming.
    ///
    /// # Errors
    ///
    /// Any [`ValueError`].
    pub fn required_untrimmed(&self, name: &str) -> Result<&str, ValueError> {
        let text = self.get(name).ok_or(ValueError::Missing)?.text()?;
        not_blank(text)
    }

    /// The text of the field `name`, trimmed, if it was sent. A form cannot leave out what it asks
    /// for, so its empty text was not sent.
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
    match text.is_empty() {
        true => Err(ValueError::Blank),
        false => Ok(text),
    }
}

impl Value {
    /// The text as it was sent, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::FormText(text) => Some(text),
            Self::Null | Self::File(_) | Self::Other => None,
        }
    }

    /// The text that a rule can be applied to; it may be empty.
    ///
    /// # Errors
    ///
    /// - [`ValueError::Null`], [`ValueError::NotText`]: it is none.
    /// - [`ValueError::NulCharacter`]: it holds a NUL, which many programs take for the text's end.
    pub fn text(&self) -> Result<&str, ValueError> {
        match (self.as_text(), self) {
            (Some(text), _) if text.contains('\0') => Err(ValueError::NulCharacter),
            (Some(text), _) => Ok(text),
            (None, Self::Null) => Err(ValueError::Null),
            (None, _) => Err(ValueError::NotText),
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
}

fn json(body: &[u8]) -> Result<Fields, ApiError> {
    let malformed = |error: serde_json::Error| ApiError::MalformedJson(error.to_string());
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(match serde_json::from_slice(body).map_err(malformed)? {
            serde_json::Value::Null => ApiError::NoData,
            serde_json::Value::Bool(_) => ApiError::NotAnObject("bool"),
            serde_json::Value::Number(_) if body.iter().any(|byte| b".eE".contains(byte)) => {
                ApiError::NotAnObject("float")
            }
            serde_json::Value::Number(_) => ApiError::NotAnObject("int"),
            serde_json::Value::String(_) => ApiError::NotAnObject("str"),
            serde_json::Value::Array(_) => ApiError::NotAnObject("list"),
            serde_json::Value::Object(_) => ApiError::NotAnObject("dict"),
        });
    }
    // Raw, because a number is taken as it was written: as a float, two long ones could be the same.
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(body).map_err(malformed)?;
    fields
        .into_iter()
        .map(|(name, raw)| {
            let value = match raw.get().as_bytes().first() {
                Some(b'n') => Value::Null,
                Some(b'"') => Value::Text(serde_json::from_str(raw.get()).map_err(malformed)?),
                Some(b'-' | b'0'..=b'9') => Value::Text(raw.get().to_owned()),
                _ => Value::Other,
            };
            Ok((name, Some(value)))
        })
        .collect()
}

fn urlencoded(body: &[u8]) -> Fields {
    form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Some(Value::FormText(value.into_owned()))))
        .collect()
}

async fn multipart(body: &[u8], content_type: &str) -> Result<Fields, ApiError> {
    let malformed = |error: multer::Error| ApiError::MalformedMultipart(error.to_string());
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let chunk = Ok::<_, Infallible>(Bytes::copy_from_slice(body));
    let mut parts = Multipart::new(futures_util::stream::iter([chunk]), boundary);
    let mut fields = Fields::new();
    let mut files = Fields::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(ApiError::MalformedMultipart(
                "a part has no name".to_owned(),
            ));
        };
        match file_name(part.headers()) {
            // What a browser sends where no file was chosen.
            Some(b"" | b"\"\"") => {
                fields.entry(name).or_insert(None);
            }
            Some(_) => {
                let file = part.bytes().await.map_err(malformed)?;
                files.insert(name, Some(Value::File(file)));
            }
            None => {
                let text = part.bytes().await.map_err(malformed)?;
                let text = String::from_utf8_lossy(&text).into_owned();
                fields.insert(name, Some(Value::FormText(text)));
            }
        }
    }
    // A file counts more than a text of the same name, wherever it stands.
    fields.append(&mut files);
    Ok(fields)
}

/// The file name of a part, quotes included, if it has one and so is a file. `filename*` (RFC 5987) is
/// one, too; what stands in quotes is none, such as in `name="a; filename=b"`.
fn file_name(headers: &HeaderMap) -> Option<&[u8]> {
    let disposition = headers
        .get(CONTENT_DISPOSITION)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = |&byte: &u8| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        byte == b';' && !is_quoted
    };
    let parameter = disposition
        .split(is_end)
        .skip(1)
        .map(<[u8]>::trim_ascii)
        .find(|parameter| parameter.to_ascii_lowercase().starts_with(b"filename"))?;
    let value = parameter.splitn(2, |&byte| byte == b'=').last()?;
    Some(value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use lambda_http::{Body, http::request};

    use super::*;

    /// The form of one part with these parameters of `Content-Disposition`.
    async fn part(parameters: &[u8]) -> Result<Form, ApiError> {
        let head = [
            b"--b\r\nContent-Disposition: form-data",
            parameters,
            b"\r\n\r\nx\r\n--b--\r\n",
        ];
        let request = request::Builder::new()
            .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from(head.concat()))
            .unwrap();
        Form::read(&request).await
    }

    #[tokio::test]
    async fn a_part_with_a_file_name_in_any_form_is_a_file() {
        for parameters in [
            &b"; name=\"avatar\"; filename=\"a.png\""[..],
            b"; name=\"avatar\"; filename=a.png",
            b"; name=\"avatar\"; FileName=\"a.png\"",
            b"; name=\"avatar\"; filename*=UTF-8''a.png",
            b"; name=\"avatar\"; filename*=UTF-8''a.png; filename=\"a.png\"",
            b"; name=\"avatar\"; filename=\"caf\xe9.png\"",
        ] {
            let form = part(parameters).await.unwrap();

            assert!(
                matches!(form.get("avatar"), Some(Value::File(_))),
                "{}",
                parameters.escape_ascii()
            );
        }
    }

    #[tokio::test]
    async fn a_file_input_that_was_left_alone_has_a_name_and_no_value() {
        let form = part(b"; name=\"avatar\"; filename=\"\"").await.unwrap();

        assert!(form.get("avatar").is_none());
        assert_eq!(form.names().collect::<Vec<_>>(), ["avatar"]);
    }

    #[tokio::test]
    async fn a_name_that_speaks_of_a_file_makes_none() {
        for (parameters, name) in [
            (&b"; name=\"a;filename\""[..], "a;filename"),
            (b"; name=\"a; filename=b\"", "a; filename=b"),
            (b"; name=\"a;filename=;b\"", "a;filename=;b"),
            (b"; name=\"a\\\"; filename=b\"", "a\"; filename=b"),
        ] {
            let form = part(parameters).await.unwrap();

            assert!(
                matches!(form.get(name), Some(Value::FormText(text)) if text == "x"),
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn a_part_without_a_readable_name_is_malformed() {
        for parameters in [&b""[..], b"; filename=\"a.png\"", b"; name=\"\xff\""] {
            let form = part(parameters).await;

            assert!(
                matches!(form, Err(ApiError::MalformedMultipart(_))),
                "{}",
                parameters.escape_ascii()
            );
        }
    }
}
