//! A multipart form made of its parts: all of them are read back, a file before a text of the same
//! name, whatever the boundary, the folding and the transfer encoding. A form that was damaged on its
//! way is read or refused.

#![no_main]

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lambda_http::{Body, Request, http::header::CONTENT_TYPE};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use shared::http::{Form, Value};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    boundary: &'a str,
    parts: Vec<Part<'a>>,
    /// A byte that is changed, and to what.
    damage: Option<(u16, u8)>,
}

#[derive(Arbitrary, Debug)]
struct Part<'a> {
    name: &'a str,
    file_name: Option<&'a str>,
    content: &'a [u8],
    is_base64: bool,
    is_folded: bool,
}

impl Part<'_> {
    /// Whether a part can be written like this and found again.
    fn is_writable(&self, boundary: &str) -> bool {
        let is_quotable = |text: &str| {
            text.len() < 1_000 && !text.contains(['"', '\\']) && !text.contains(char::is_control)
        };
        let delimiter = [b"--", boundary.as_bytes()].concat();
        let is_free = |bytes: &[u8]| {
            !bytes
                .windows(delimiter.len())
                .any(|window| window == delimiter)
        };
        is_quotable(self.name)
            && !self.name.trim().is_empty()
            && self
                .file_name
                .is_none_or(|name| is_quotable(name) && !name.is_empty())
            && is_free(&self.written())
    }

    fn written(&self) -> Vec<u8> {
        let separator = if self.is_folded { ";\r\n\t" } else { "; " };
        let mut head = format!(
            "Content-Disposition: form-data{separator}name=\"{}\"",
            self.name
        );
        if let Some(file_name) = self.file_name {
            head += &format!("{separator}filename=\"{file_name}\"");
        }
        if self.is_base64 {
            head += "\r\ncontent-transfer-encoding: BASE64";
            return format!("{head}\r\n\r\n{}\r\n", STANDARD.encode(self.content)).into_bytes();
        }
        [head.as_bytes(), b"\r\n\r\n", self.content, b"\r\n"].concat()
    }
}

/// Whether `boundary` needs no quotes (RFC 2046, section 5.1.1).
fn is_boundary(boundary: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(c);
    (1..=70).contains(&boundary.len())
        && boundary.chars().all(is_allowed)
        && boundary.trim() == boundary
}

fuzz_target!(|input: Input<'_>| {
    let Input {
        boundary,
        parts,
        damage,
    } = input;
    if !is_boundary(boundary) || !parts.iter().all(|part| part.is_writable(boundary)) {
        return;
    }
    let mut body = Vec::new();
    let (mut texts, mut files) = (BTreeMap::new(), BTreeMap::new());
    for part in &parts {
        body.extend(format!("--{boundary}\r\n").bytes());
        body.extend(part.written());
        let fields = if part.file_name.is_some() {
            &mut files
        } else {
            &mut texts
        };
        fields.insert(part.name.trim(), part.content);
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    let is_text = parts
        .iter()
        .all(|part| part.file_name.is_some() || str::from_utf8(part.content).is_ok());
    if let Some((index, byte)) = damage {
        let index = usize::from(index) % body.len();
        body[index] = byte;
    }

    let mut request = Request::new(Body::Binary(body));
    let content_type = format!("multipart/form-data; boundary={boundary}");
    request.headers_mut().insert(
        CONTENT_TYPE,
        content_type.try_into().expect("it is a header"),
    );
    let form = Form::read(&request);

    match (form, damage) {
        (Ok(form), None) => {
            assert!(is_text);
            for (name, expected) in &files {
                assert!(matches!(form.get(name), Some(Value::File(file)) if file == expected));
            }
            texts.retain(|name, _| !files.contains_key(name));
            for (name, expected) in &texts {
                assert!(
                    matches!(form.get(name), Some(Value::FormText(text)) if text.as_bytes() == *expected)
                );
            }
            assert_eq!(form.names().count(), files.len() + texts.len());
        }
        (Err(error), None) => assert!(!is_text, "{error:?}"),
        (Ok(_), Some(_)) => {}
        (Err(error), Some(_)) => assert_eq!(error.status(), 400),
    }
});
