//! `openapi.yaml` and the service, held against each other both ways: each response that the suite
//! gets over HTTP is documented, and each documented response is given.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    sync::LazyLock,
};

use jsonschema::Registry;
use local::{Engines, LOOPBACK, Stack, Storage};
use reqwest::{Method, multipart};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{
    avatars::png_header,
    client::{Api, Person, Response, fetch, send, settings},
    obtain_token::fail,
};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
});

/// The document as what a schema's references are looked up in.
static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let registry = Registry::new().add("urn:openapi", &*DOCUMENT);
    registry.unwrap().prepare().unwrap()
});

/// A part of the document, and where in it that is.
struct Part {
    pointer: String,
    value: &'static Value,
}

impl Part {
    fn at(pointer: &str) -> Self {
        Self {
            pointer: pointer.to_owned(),
            value: DOCUMENT.pointer(pointer).unwrap(),
        }
    }

    /// The part `key` of this one, or what that refers to.
    fn get(&self, key: &str) -> Option<Self> {
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

    /// All parts of this one, by their keys.
    fn entries(&self) -> impl Iterator<Item = (&'static str, Self)> {
        let keys = self.value.as_object().into_iter().flat_map(Map::keys);
        keys.map(|key| (key.as_str(), self.get(key).unwrap()))
    }

    /// What is wrong with `instance` by this part, which is a schema.
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

/// Asserts that `response`, to a request with `method` for `path`, is documented.
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

    // Those of the connection, and the one that the body is documented by.
    let mut names = ["connection", "content-length", "content-type", "date"]
        .map(str::to_owned)
        .to_vec();
    for (name, header) in documented.get("headers").unwrap().entries() {
        let name = name.to_ascii_lowercase();
        let schema = header.get("schema").unwrap();
        match response.header(&name) {
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
        names.push(name);
    }
    // Elsewhere the gateway adds headers of its own.
    if std::env::var_os("API_URL").is_none() {
        for name in response.headers.keys() {
            assert!(names.contains(name), "{name}: {shown}");
        }
    }
}

/// The documented response with `status` to a request with `method` for `path`.
fn documented(method: &Method, path: &str, status: u16) -> Option<Part> {
    let path = format!("{}/", path.strip_suffix('/').unwrap_or(path));
    let Some(endpoint) = Part::at("/paths").get(&path) else {
        let not_found = Part::at("/components/responses/NotFound");
        return (status == 404).then_some(not_found);
    };
    // Another method is documented with the endpoint's own: the one that has a 405.
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
struct Operation {
    id: &'static str,
    method: Method,
    path: &'static str,
    part: Part,
}

impl Operation {
    fn all() -> Vec<Self> {
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

    fn needs_token(&self) -> bool {
        self.part.value["security"] == json!([{ "JWT": [] }])
    }

    /// The fields with which it succeeds for `ada`, who has an account. Sign-up is another's.
    fn fields(&self, ada: &Person) -> Vec<(&'static str, String)> {
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

#[tokio::test]
async fn each_documented_answer_is_given() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (ada, token) = api.member().await;
    // Their tokens are good at each other's, because all stacks of the tests have one key.
    let (broken, (cut_off, _objects)) = (without_tables().await, without_engines().await);
    for operation in Operation::all() {
        let Operation { id, path, .. } = operation;
        let ask = |api: &Api, method: &Method, path: &str| {
            let request = api.request(method.clone(), path);
            match operation.needs_token() {
                true => request.header("Authorization", format!("JWT {token}")),
                false => request,
            }
        };
        let plain = |api| ask(api, &operation.method, path);
        let good = |api| match operation.fields(&ada) {
            fields if fields.is_empty() => plain(api),
            fields => plain(api).form(&fields),
        };
        for (status, _) in operation.part.get("responses").unwrap().entries() {
            let request = match status {
                "200" | "201" | "204" => good(&api),
                "400" => plain(&api).json(&json!([])),
                "401" if operation.needs_token() => api.request(operation.method.clone(), path),
                "401" => plain(&api).json(&json!({})),
                "404" => ask(&api, &operation.method, &format!("{path}x")),
                "405" => ask(&api, &Method::DELETE, path),
                "413" => plain(&api).body(vec![b'x'; 11_000_000]),
                "415" => plain(&api).body("x"),
                "429" => {
                    // For a quarter of an hour.
                    fail(&api, &ada, 15).await;
                    good(&api)
                }
                "500" => good(&broken),
                "503" => good(&cut_off),
                _ => panic!("{id} {status}: nobody knows how to get that"),
            };

            let response = send(request).await;

            assert_eq!(
                response.status.to_string(),
                status,
                "{id}: {}",
                response.text()
            );
        }
    }
}

/// A stack whose tables are gone.
async fn without_tables() -> Api {
    let api = Api::fresh().await.unwrap();
    let dynamodb = aws_sdk_dynamodb::Client::new(&Api::aws());
    for variable in ["USERS_TABLE", "LOGINS_TABLE", "ATTEMPTS_TABLE"] {
        let table = api.stack().env().required(variable).unwrap();
        dynamodb
            .delete_table()
            .table_name(table)
            .send()
            .await
            .unwrap();
    }
    api
}

/// A stack whose engines have stopped, and the folder that they had.
async fn without_engines() -> (Api, TempDir) {
    let objects = TempDir::new().unwrap();
    let engines = Engines::start(LOOPBACK, &Storage::Memory(objects.path().to_owned()))
        .await
        .unwrap();
    let stack = Stack::start(&engines.aws(), settings(&[])).await.unwrap();
    engines.stop().await.unwrap();
    (Api::at(stack.base_url(), Some(stack)), objects)
}

#[tokio::test]
async fn each_documented_type_of_a_body_is_taken() {
    let api = Api::start().await;
    let (ada, token) = api.member().await;
    for operation in Operation::all() {
        let Some(body) = operation.part.get("requestBody") else {
            continue;
        };
        for (media_type, _) in body.get("content").unwrap().entries() {
            let fields = operation.fields(&ada);
            let request = api
                .request(operation.method.clone(), operation.path)
                .header("Authorization", format!("JWT {token}"));
            let request = match media_type {
                "application/json" => request.json(&fields.into_iter().collect::<HashMap<_, _>>()),
                "application/x-www-form-urlencoded" => request.form(&fields),
                "multipart/form-data" => request.multipart(
                    fields
                        .into_iter()
                        .fold(multipart::Form::new(), |form, (name, text)| {
                            form.text(name, text)
                        }),
                ),
                _ => panic!("{media_type}: nobody knows how to send that"),
            };

            let response = send(request).await;

            assert!(
                matches!(response.status, 200 | 201),
                "{} of {media_type}: {}",
                operation.id,
                response.text()
            );
        }
    }
}

#[tokio::test]
async fn each_example_of_a_body_is_taken() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    // Sign-up comes first, and makes the accounts that the examples log in to.
    for operation in Operation::all() {
        let pointer = "/requestBody/content/application~1json/examples";
        let Some(examples) = operation.part.value.pointer(pointer) else {
            continue;
        };
        for (name, example) in examples.as_object().unwrap() {
            let request = api
                .request(operation.method.clone(), operation.path)
                .header("Authorization", format!("JWT {token}"))
                .json(&example["value"]);

            let response = send(request).await;

            let shown = format!("{} of {name}: {}", operation.id, response.text());
            assert!(matches!(response.status, 200 | 201), "{shown}");
        }
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served_to_developers() {
    let Some(api) = Api::fresh().await else {
        return;
    };

    let document = fetch(api.request(Method::GET, "/openapi.json"))
        .await
        .unwrap();
    let page = fetch(api.request(Method::GET, "/docs")).await.unwrap();
    let script = fetch(api.request(Method::GET, "/docs/swagger-ui-bundle.js"))
        .await
        .unwrap();

    assert_eq!(document.status, 200);
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert_eq!(document.json(), *DOCUMENT);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("./swagger-ui-bundle.js"));
    assert_eq!(script.status, 200);
    for (method, path) in [
        (Method::POST, "/openapi.json"),
        (Method::POST, "/docs"),
        (Method::GET, "/docs/nothing"),
        (Method::GET, "/openapi.yaml"),
    ] {
        send(api.request(method, path))
            .await
            .assert_detail(404, "Not found.");
    }
}

#[tokio::test]
async fn each_documented_message_about_a_field_is_given() {
    let (Some(api), Some(strict)) = (
        Api::fresh().await,
        Api::with(&[("PASSWORD_POLICY", "strict")]).await,
    ) else {
        return;
    };
    let (ada, token) = api.member().await;
    let long = "x".repeat(300);
    let name = "abcdefghijklmnopqr";
    let mut responses = Vec::new();

    for sign_up in [
        json!({}),
        json!({ "email": null, "password": null, "username": null }),
        json!({ "email": "", "password": "", "username": "" }),
        json!({ "email": "\0", "password": "\0", "username": "\0" }),
        json!({ "email": "x", "password": true, "username": true }),
        json!({ "email": long, "password": long, "username": long }),
        json!({ "email": "x", "password": "1", "username": "x" }),
        json!({ "email": "x", "password": "1", "username": "a b" }),
        ada.sign_up(),
    ] {
        responses.push(api.create_user(&sign_up).await);
    }
    for sign_up in [
        json!({ "email": "x", "password": "123456" }),
        json!({ "email": format!("{name}@test.com"), "password": name, "username": name }),
    ] {
        responses.push(strict.create_user(&sign_up).await);
    }
    for name in [json!(true), json!("\0"), json!("a\nb"), json!(long)] {
        let update =
            json!({ "first_name": name, "last_name": name, "patronymic": name, "avatar": "x" });
        responses.push(api.update_profile(&token, &update).await);
    }
    for avatar in [
        Vec::new(),
        b"x".to_vec(),
        vec![0; (4 << 20) + 1],
        png_header(8_193, 1),
    ] {
        responses.push(api.upload(&token, avatar).await);
    }
    for body in [
        json!([]),
        json!(""),
        json!(1),
        json!(1.5),
        json!(true),
        json!(null),
    ] {
        responses.push(api.update_profile(&token, &body).await);
    }

    let mut given = BTreeSet::new();
    for response in responses {
        for (field, messages) in response.json().as_object().unwrap() {
            given.extend(pairs(field, messages));
        }
    }
    let mut documented = BTreeSet::new();
    for schema in ["SignUpErrors", "UpdateErrors", "BodyErrors"] {
        let fields = Part::at(&format!("/components/schemas/{schema}/properties"));
        for (field, messages) in fields.entries() {
            documented.extend(pairs(field, &messages.value["items"]["enum"]));
        }
    }
    assert_eq!(given, documented);
}

/// `field` with each of `messages`.
fn pairs(field: &str, messages: &Value) -> Vec<(String, String)> {
    let messages = messages.as_array().unwrap();
    messages
        .iter()
        .map(|message| (field.to_owned(), message.to_string()))
        .collect()
}
