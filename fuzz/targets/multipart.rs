//! A multipart form made of its parts: all of them are read back, a file before a text of the same
//! name. A form that was damaged on its way is read or refused.

#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use lambda_http::{Body, Request, http::header::CONTENT_TYPE};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use shared::http::{Form, Value};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(fuzz::runtime);

const BOUNDARY: &str = "----boundary";

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    parts: Vec<Part<'a>>,
    /// A byte that is changed, and to what.
    damage: Option<(u16, u8)>,
}

#[derive(Arbitrary, Debug)]
struct Part<'a> {
    name: &'a str,
    file_name: Option<&'a str>,
    content: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let quotable = |text: &str| !text.contains(['"', '\\']) && !text.contains(char::is_control);
    let boundary = BOUNDARY.as_bytes();
    let is_writable = |part: &Part<'_>| {
        quotable(part.name)
            && part
                .file_name
                .is_none_or(|name| quotable(name) && !name.is_empty())
            && !part
                .content
                .windows(boundary.len())
                .any(|window| window == boundary)
    };
    if !input.parts.iter().all(is_writable) {
        return;
    }
    let mut body = Vec::new();
    let (mut texts, mut files) = (BTreeMap::new(), BTreeMap::new());
    for Part {
        name,
        file_name,
        content,
    } in &input.parts
    {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").bytes(),
        );
        match file_name {
            Some(file_name) => {
                body.extend(format!("; filename=\"{file_name}\"").bytes());
                files.insert(*name, *content);
            }
            None => {
                texts.insert(*name, String::from_utf8_lossy(content));
            }
        }
        body.extend(b"\r\n\r\n");
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    if let Some((index, byte)) = input.damage {
        let index = usize::from(index) % body.len();
        body[index] = byte;
    }

    let mut request = Request::new(Body::Binary(body));
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request.headers_mut().insert(
        CONTENT_TYPE,
        content_type.try_into().expect("it is a header"),
    );
    let form = RUNTIME.block_on(Form::read(&request));

    match (form, input.damage) {
        (Ok(form), None) => {
            for (name, expected) in &files {
                assert!(matches!(form.get(name), Some(Value::File(file)) if file == expected));
            }
            for (name, expected) in texts.iter().filter(|(name, _)| !files.contains_key(*name)) {
                assert!(matches!(form.get(name), Some(Value::FormText(text)) if text == expected));
            }
            let names = files
                .keys()
                .chain(texts.keys().filter(|name| !files.contains_key(*name)));
            assert_eq!(form.names().count(), names.count());
        }
        (Ok(_), Some(_)) => {}
        (Err(error), None) => panic!("{error:?}"),
        (Err(error), Some(_)) => assert_eq!(error.into_response().status(), 400),
    }
});
