//! `openapi.yaml`, and assertions that responses match it.

use std::{fs, sync::LazyLock};

use jsonschema::Registry;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{Person, Response};

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../openapi.yaml");
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
});

/// The registry in which the references between schemas are resolved.
static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let registry = Registry::new().add("urn:openapi", &*DOCUMENT);
    registry.unwrap().prepare().unwrap()
});

/// A part of the document, with its JSON pointer.
pub struct Part {
    pointer: String,
    /// The part itself.
    pub value: &'static Value,
}

impl Part {
    /// Returns the part at `pointer`.
    pub fn at(pointer: &str) -> Self {
        Self {
            pointer: pointer.to_owned(),
            value: DOCUMENT.pointer(pointer).unwrap(),
        }
    }

    /// Returns the part `key` of this one; a `$ref` is followed.
    pub fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key)?;
        match value["$ref"].as_str() {
            Some(reference) => Some(Self::at(reference.strip_prefix('#').unwrap())),
            None => {
                let key = key.replace('~', "~0").replace('/', "~1");
                let pointer = format!("{}/{key}", self.pointer);
                Some(Self { pointer, value })
            }
        }
    }

    /// Returns all parts of this one with their keys.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Self)> {
        let keys = self.value.as_object().into_iter().flat_map(Map::keys);
        keys.map(|key| (key.as_str(), self.get(key).unwrap()))
    }

    /// Validates `instance` against this part, which is a schema, and returns the errors.
    fn errors(&self, instance: &Value) -> Vec<String> {
        let validator = jsonschema::draft202012::options()
            .with_registry(&REGISTRY)
            .should_validate_formats(true)
            .build(&json!({ "$ref": format!("urn:openapi#{}", self.pointer) }))
            .unwrap();
        let errors = validator.iter_errors(instance);
        errors.map(|error| error.to_string()).collect()
    }
}

/// Asserts that the status, the body and the documented headers of `response`, to a request with
/// `method` for `path`, match the document.
pub(crate) fn assert_documented(method: &Method, path: &str, response: &Response) {
    let body = String::from_utf8_lossy(&response.body);
    let shown = format!(
        "{method} {path}: {} {:?} {body}",
        response.status, response.headers
    );
    let documented = documented(method, path, response.status)
        .unwrap_or_else(|| panic!("not documented: {shown}"));

    match documented.get("content").filter(|_| method != Method::HEAD) {
        None => assert!(response.body.is_empty(), "a body: {shown}"),
        Some(content) => {
            let schema = content
                .get(response.header("content-type").unwrap_or_default())
                .and_then(|media| media.get("schema"))
                .unwrap_or_else(|| panic!("another type: {shown}"));
            let errors = schema.errors(&response.json());
            assert!(errors.is_empty(), "{errors:?}: {shown}");
        }
    }

    for (name, header) in documented.get("headers").unwrap().entries() {
        let schema = header.get("schema").unwrap();
        match response.header(&name.to_ascii_lowercase()) {
            None => assert_ne!(header.value["required"], true, "no {name}: {shown}"),
            Some(value) => {
                let value = match schema.value["type"].as_str() {
                    Some("integer") => value.parse().unwrap(),
                    _ => json!(value),
                };
                let errors = schema.errors(&value);
                assert!(errors.is_empty(), "{name}: {errors:?}: {shown}");
            }
        }
    }
}

/// Asserts that `response` has no headers but the documented ones.
pub(crate) fn assert_no_other_headers(method: &Method, path: &str, response: &Response) {
    let headers = documented(method, path, response.status)
        .and_then(|documented| documented.get("headers"))
        .unwrap();
    let names: Vec<_> = headers
        .entries()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    for name in response.headers.keys() {
        // The connection's headers, and the one that is the key of the documented content.
        let is_general = matches!(
            name.as_str(),
            "connection" | "content-length" | "content-type" | "date"
        );
        assert!(
            is_general || names.contains(name),
            "{name} is not documented: {method} {path}: {response:?}"
        );
    }
}

/// Returns the documented response with `status` to a request with `method` for `path`.
fn documented(method: &Method, path: &str, status: u16) -> Option<Part> {
    let path = format!("{}/", path.strip_suffix('/').unwrap_or(path));
    let Some(endpoint) = Part::at("/paths").get(&path) else {
        let not_found = Part::at("/components/responses/NotFound");
        return (status == 404).then_some(not_found);
    };
    // The endpoint's own method documents the 405 of every other one.
    let operation = endpoint
        .get(&method.as_str().to_ascii_lowercase())
        .or_else(|| {
            let mut operations = endpoint.entries();
            let own = operations.find(|(_, each)| !each.value["responses"]["405"].is_null());
            own.map(|(_, operation)| operation)
        })?;
    operation.get("responses")?.get(&status.to_string())
}

/// An operation of the document.
pub struct Operation {
    /// Its `operationId`.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path, with a slash at the end.
    pub path: &'static str,
    /// Its description.
    pub part: Part,
}

impl Operation {
    /// Returns all operations in the order of the document: sign-up comes first.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (path, endpoint) in Part::at("/paths").entries() {
            for (method, part) in endpoint.entries() {
                all.push(Self {
                    id: part.value["operationId"].as_str().unwrap(),
                    method: method.to_ascii_uppercase().parse().unwrap(),
                    path,
                    part,
                });
            }
        }
        all
    }

    /// Whether it needs a token.
    pub fn needs_token(&self) -> bool {
        self.part.value["security"] == json!([{ "JWT": [] }])
    }

    /// Returns form fields with which it succeeds: a sign-up registers a new person, everything else
    /// is a request of `ada`, who has an account.
    pub fn fields(&self, ada: &Person) -> Vec<(&'static str, String)> {
        match self.id {
            "create_user" => {
                let new = Person::new();
                vec![
                    ("email", new.email),
                    ("username", new.username),
                    ("password", new.password),
                ]
            }
            "obtain_token" => vec![
                ("login", ada.email.clone()),
                ("password", ada.password.clone()),
            ],
            "update_profile" => vec![("first_name", "Ada".to_owned())],
            _ => Vec::new(),
        }
    }
}
