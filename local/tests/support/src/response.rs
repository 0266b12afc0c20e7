use std::collections::HashMap;

use serde_json::{Value, json};

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Values by names in lower case.
    pub headers: HashMap<String, String>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the header `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        // API Gateway renames some headers of a REST API's responses, such as `WWW-Authenticate`.
        let renamed = format!("x-amzn-remapped-{name}");
        self.headers
            .get(name)
            .or_else(|| self.headers.get(&renamed))
            .map(String::as_str)
    }

    /// The body as a string.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts the status, the whole body and the headers that every response has.
    #[track_caller]
    pub fn assert(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.text()), (status, body));
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("access-control-allow-origin", "*"),
        ] {
            assert_eq!(self.header(name), Some(value), "{name}");
        }
    }

    /// Like [`assert`](Self::assert), for a body that has one string, in `detail`.
    #[track_caller]
    pub fn assert_detail(&self, status: u16, detail: &str) {
        self.assert(status, &json!({ "detail": detail }).to_string());
    }

    /// Like [`assert_detail`](Self::assert_detail), for a 401 because of the `Authorization` header.
    #[track_caller]
    pub fn assert_unauthenticated(&self, detail: &str) {
        self.assert_detail(401, detail);
        assert_eq!(self.header("www-authenticate"), Some("JWT realm=\"api\""));
    }

    /// Like [`assert`](Self::assert), for a 400 with one message about one field.
    #[track_caller]
    pub fn assert_field(&self, field: &str, message: &str) {
        self.assert(400, &json!({ field: [message] }).to_string());
    }
}
