//! The sample events in `events/`, with which developers invoke the functions by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};
use shared::http::Form;
use support::{Functions, OwnStack};

/// A file in the folder of a function.
struct Event {
    function: String,
    name: String,
    content: Value,
}

impl Event {
    /// The status that the file's name begins with.
    fn status(&self) -> u64 {
        self.name.split('-').next().unwrap().parse().unwrap()
    }

    /// Whether the function does its work; a preflight does not count.
    fn is_success(&self) -> bool {
        matches!(self.status(), 200 | 201)
    }

    fn is_of_an_http_api(&self) -> bool {
        self.content["version"] == "2.0"
    }

    /// The media type of the body, without its parameters.
    fn media_type(&self) -> String {
        let content_type = self.content["headers"]["Content-Type"].as_str();
        let media_type = content_type.unwrap_or_default().split(';').next();
        media_type.unwrap_or_default().to_lowercase()
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

/// The names of all files and folders in `folder`.
fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn template() -> Value {
    let template = fs::read_to_string(folder().join("../template.yaml")).unwrap();
    serde_saphyr::from_str(&template).unwrap()
}

/// The variables of each function, by its logical id in the template.
fn variables() -> Value {
    read(&folder().join("env.json"))
}

/// Returns all events.
fn events() -> Vec<Event> {
    let mut functions = names(folder());
    assert!(functions.remove("env.json"));
    let of = |function: String| {
        let folder = folder().join(&function);
        names(&folder).into_iter().map(move |name| Event {
            function: function.clone(),
            content: read(&folder.join(&name)),
            name,
        })
    };
    functions.into_iter().flat_map(of).collect()
}

#[tokio::test]
async fn each_is_answered_with_the_status_in_its_name() {
    let variables = variables();
    let secret = variables["GetProfile"]["JWT_SECRET"].as_str().unwrap();
    let api = OwnStack::with(&[("JWT_SECRET", secret)]).await;
    api.stack()
        .register_example(&OwnStack::aws())
        .await
        .unwrap();
    let functions = Functions::of(&api).await;

    for event in events() {
        let promised = event.status();
        let Event {
            function,
            name,
            content,
        } = event;

        let (status, body) = functions.invoke(&function, content).await;

        assert_eq!(status, promised, "{function}/{name}: {body}");
    }
}

#[test]
fn each_function_has_a_success_a_failure_and_one_of_an_http_api() {
    let events = events();
    for function in [
        "create_user",
        "obtain_token",
        "update_profile",
        "get_profile",
    ] {
        let any = |has: fn(&Event) -> bool| {
            events
                .iter()
                .any(|event| event.function == function && has(event))
        };

        assert!(
            any(|event| event.is_success() && !event.is_of_an_http_api()),
            "{function}"
        );
        assert!(
            any(|event| event.is_success() && event.is_of_an_http_api()),
            "{function}"
        );
        assert!(any(|event| event.status() >= 400), "{function}");
    }
}

#[test]
fn the_gateway_hands_over_as_bytes_what_a_function_reads() {
    let template = template();
    let binary = &template["Resources"]["Api"]["Properties"]["BinaryMediaTypes"];
    let expected: BTreeSet<_> = Form::MEDIA_TYPES
        .map(|media_type| media_type.replace('/', "~1"))
        .into();

    let binary: BTreeSet<String> = serde_json::from_value(binary.clone()).unwrap();

    assert_eq!(binary, expected);
}

#[test]
fn those_of_a_rest_api_have_bodies_as_the_gateway_hands_them_over() {
    for event in events() {
        let media_type = event.media_type();
        if event.is_of_an_http_api() || event.content["body"].is_null() {
            continue;
        }

        assert_eq!(
            event.content["isBase64Encoded"],
            Form::MEDIA_TYPES.contains(&media_type.as_str()),
            "{}/{}",
            event.function,
            event.name
        );
    }
}

#[test]
fn their_variables_are_those_of_the_template() {
    let template = template();
    let names = |object: &Value| -> BTreeSet<String> {
        object
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            // The URLs of the engines are known only once they run.
            .filter(|name| !name.starts_with("AWS_ENDPOINT_URL_"))
            .collect()
    };
    let of_all = names(&template["Globals"]["Function"]["Environment"]["Variables"]);
    let resources = template["Resources"].as_object().unwrap();
    let functions = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");

    let expected: BTreeMap<_, _> = functions
        .map(|(id, function)| {
            let own = names(&function["Properties"]["Environment"]["Variables"]);
            let mut variables = &of_all | &own;
            // A function takes `JWT_SECRET` only in place of `JWT_SECRET_ID`.
            if !variables.contains("JWT_SECRET_ID") {
                variables.remove("JWT_SECRET");
            }
            (id.clone(), variables)
        })
        .collect();

    let variables = variables();
    let variables: BTreeMap<_, _> = names(&variables)
        .into_iter()
        .map(|id| (id.clone(), names(&variables[&id])))
        .collect();
    assert_eq!(variables, expected);
}

#[tokio::test]
async fn their_account_can_be_registered_again() {
    let api = OwnStack::start().await;

    for _ in 0..2 {
        api.stack()
            .register_example(&OwnStack::aws())
            .await
            .unwrap();
    }

    let log_in = json!({ "login": "Test", "password": "12345" });
    assert_eq!(api.obtain_token(&log_in).await.status, 200);
}

#[tokio::test]
async fn their_account_is_not_taken_for_another_of_the_same_address() {
    let api = OwnStack::start().await;
    let sign_up = json!({ "email": "test@test.ru", "password": "12345" });
    assert_eq!(api.create_user(&sign_up).await.status, 201);

    let refusal = api
        .stack()
        .register_example(&OwnStack::aws())
        .await
        .unwrap_err();

    assert_eq!(
        refusal.to_string(),
        "test@test.ru or Test is another account than that of the sample events"
    );
}
