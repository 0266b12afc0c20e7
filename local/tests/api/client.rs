//! A client of the API, and a door behind it to what is stored.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{LazyLock, mpsc},
    thread,
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use local::{Engines, LOOPBACK, Settings, Stack, Storage};
use reqwest::{Method, RequestBuilder, Url, multipart};
use serde_json::{Value, json};
use shared::env::Env;
use uuid::Uuid;

use crate::openapi;

/// The engines of all tests. They live on a runtime of their own, because each test's ends with it.
static ENGINES: LazyLock<Engines> = LazyLock::new(|| {
    let objects = Path::new(env!("CARGO_TARGET_TMPDIR")).join("objects");
    if objects.exists() {
        std::fs::remove_dir_all(&objects).unwrap();
    }
    let (started, engines) = mpsc::channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            started
                .send(
                    Engines::start(LOOPBACK, &Storage::Memory(objects))
                        .await
                        .unwrap(),
                )
                .unwrap();
            std::future::pending::<()>().await;
        });
    });
    engines.recv().unwrap()
});

/// The key that signs the tokens of every stack that a test starts.
pub(crate) const JWT_SECRET: &str = "a secret of the tests, 32 bytes or more";

/// The API at some URL.
pub(crate) struct Api {
    base_url: String,
    http: reqwest::Client,
    stack: Option<Stack>,
}

impl Api {
    /// A stack of its own with default settings, or what `API_URL` names.
    pub(crate) async fn start() -> Self {
        match std::env::var("API_URL") {
            Ok(url) => Self::at(url.trim_end_matches('/').to_owned(), None),
            Err(_) => Self::own(&Self::aws(), &[]).await,
        }
    }

    /// A stack of its own with default settings, or `None` where `API_URL` is set.
    pub(crate) async fn fresh() -> Option<Self> {
        Self::with(&[]).await
    }

    /// A stack of its own with `variables`, or `None` where `API_URL` is set.
    pub(crate) async fn with(variables: &[(&'static str, &str)]) -> Option<Self> {
        Self::through(&Self::aws(), variables).await
    }

    /// The same for one that reaches the engines by `aws`.
    pub(crate) async fn through(
        aws: &SdkConfig,
        variables: &[(&'static str, &str)],
    ) -> Option<Self> {
        match std::env::var("API_URL") {
            Ok(_) => {
                eprintln!("left out: it needs a stack of its own, and API_URL is set");
                None
            }
            Err(_) => Some(Self::own(aws, variables).await),
        }
    }

    async fn own(aws: &SdkConfig, variables: &[(&'static str, &str)]) -> Self {
        let stack = Stack::start(aws, settings(variables)).await.unwrap();
        Self::at(stack.base_url(), Some(stack))
    }

    /// The API at `base_url`, which `stack`, if any, serves.
    pub(crate) fn at(base_url: String, stack: Option<Stack>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            base_url,
            http,
            stack,
        }
    }

    /// The stack that [`fresh`](Self::fresh) or [`with`](Self::with) has started.
    pub(crate) fn stack(&self) -> &Stack {
        self.stack.as_ref().unwrap()
    }

    /// How the endpoints of [`stack`](Self::stack) reach the engines.
    pub(crate) fn aws() -> SdkConfig {
        ENGINES.aws()
    }

    /// The URL of the engine that `service` names as the SDK's variables do.
    pub(crate) fn engine(service: &str) -> String {
        let name = format!("AWS_ENDPOINT_URL_{service}");
        let variables = ENGINES.variables();
        let (_, url) = variables
            .iter()
            .find(|(variable, _)| *variable == name)
            .unwrap();
        url.clone()
    }

    /// What is stored behind [`stack`](Self::stack).
    pub(crate) fn stored(&self) -> Stored {
        let engines = ENGINES.variables();
        let engines = engines.iter().map(|(name, value)| (*name, value.as_str()));
        Stored::new(engines.chain(self.stack().env().iter()).collect())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base_url))
    }

    pub(crate) async fn create_user(&self, body: &Value) -> Response {
        send(self.request(Method::POST, "/create_user/").json(body)).await
    }

    pub(crate) async fn obtain_token(&self, body: &Value) -> Response {
        send(self.request(Method::POST, "/obtain_token/").json(body)).await
    }

    pub(crate) async fn get_profile(&self, token: &str) -> Response {
        send(
            self.request(Method::GET, "/get_profile/")
                .header("Authorization", format!("JWT {token}")),
        )
        .await
    }

    pub(crate) async fn update_profile(&self, token: &str, body: &Value) -> Response {
        send(self.update(token).json(body)).await
    }

    pub(crate) async fn upload(&self, token: &str, avatar: Vec<u8>) -> Response {
        let file = multipart::Part::bytes(avatar).file_name("me.jpg");
        send(
            self.update(token)
                .multipart(multipart::Form::new().part("avatar", file)),
        )
        .await
    }

    /// An update whose body is still to be said.
    pub(crate) fn update(&self, token: &str) -> RequestBuilder {
        self.request(Method::PUT, "/update_profile/")
            .header("Authorization", format!("JWT {token}"))
    }

    /// Registers somebody new.
    pub(crate) async fn register(&self) -> Person {
        let person = Person::new();
        self.create_user(&person.sign_up())
            .await
            .assert(201, CREATED);
        person
    }

    /// Registers `email` without a username and returns the one that was made up.
    pub(crate) async fn made_up_username(&self, email: &str) -> String {
        let sign_up = json!({ "email": email, "password": "12345" });
        self.create_user(&sign_up).await.assert(201, CREATED);
        let log_in = json!({ "login": email, "password": "12345" });
        let token = self.obtain_token(&log_in).await.json()["token"].take();
        let profile = self.get_profile(token.as_str().unwrap()).await.json();
        profile["username"].as_str().unwrap().to_owned()
    }

    /// Logs `person` in.
    pub(crate) async fn log_in(&self, person: &Person) -> String {
        let response = self.obtain_token(&person.log_in()).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["token"].as_str().unwrap().to_owned()
    }

    /// Registers somebody new and logs them in.
    pub(crate) async fn member(&self) -> (Person, String) {
        let person = self.register().await;
        let token = self.log_in(&person).await;
        (person, token)
    }

    /// Fetches an avatar by the URL in a profile. With `AVATARS_URL` set, a host that is a name,
    /// which need not have an address, is asked for there.
    pub(crate) async fn avatar(&self, profile: &Value) -> Response {
        let url = Url::parse(profile["avatar"].as_str().unwrap()).unwrap();
        let request = match (std::env::var("AVATARS_URL"), url.domain()) {
            (Ok(base), Some(host)) => self
                .http
                .get(format!("{base}{}", url.path()))
                .header("Host", host),
            _ => self.http.get(url),
        };
        fetch(request).await.unwrap()
    }
}

/// The settings of a stack with names of its own and `variables`.
pub(crate) fn settings(variables: &[(&'static str, &str)]) -> Settings {
    Settings {
        address: SocketAddr::new(LOOPBACK, 0),
        name: format!("test-{}", Uuid::new_v4().simple()),
        jwt_secret: JWT_SECRET.to_owned(),
        variables: variables
            .iter()
            .map(|&(name, value)| (name, value.to_owned()))
            .collect(),
    }
}

/// The response to a sign-up that worked.
pub(crate) const CREATED: &str = r#"{"message":"User succesfully created"}"#;

/// The response to a log-in that did not.
pub(crate) const WRONG_CREDENTIALS: &str =
    r#"{"error":"Please provide right login and a password"}"#;

/// Somebody whom no other test knows.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Person {
    pub(crate) fn new() -> Self {
        let id = Uuid::new_v4().simple();
        Self {
            email: format!("Ada.King.{id}@test.com"),
            username: format!("Ada_{id}"),
            password: format!("analytical engine {id}"),
        }
    }

    pub(crate) fn sign_up(&self) -> Value {
        json!({ "email": self.email, "username": self.username, "password": self.password })
    }

    pub(crate) fn log_in(&self) -> Value {
        json!({ "login": self.email, "password": self.password })
    }
}

/// Sends a request and reads the whole response, which has to be as `openapi.yaml` says.
pub(crate) async fn send(request: RequestBuilder) -> Response {
    try_send(request).await.unwrap()
}

/// The same where there need not be an response.
pub(crate) async fn try_send(request: RequestBuilder) -> reqwest::Result<Response> {
    let (http, request) = request.build_split();
    let request = request?;
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = fetch(RequestBuilder::from_parts(http, request)).await?;
    let base = std::env::var("API_URL").map_or("/".to_owned(), |url| {
        Url::parse(&url).unwrap().path().to_owned()
    });
    // A stack of the test's own has no base.
    let path = path
        .strip_prefix(base.trim_end_matches('/'))
        .unwrap_or(&path);
    openapi::assert_documented(&method, path, &response);
    Ok(response)
}

/// Sends a request for what is not the API's and reads the whole response.
pub(crate) async fn fetch(request: RequestBuilder) -> reqwest::Result<Response> {
    let response = request.send().await?;
    Ok(Response {
        status: response.status().as_u16(),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: response.bytes().await?.into(),
    })
}

/// An response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of the header `name`, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        // REST APIs rename this one on the way out.
        let renamed = format!("x-amzn-remapped-{name}");
        self.headers
            .get(name)
            .or_else(|| self.headers.get(&renamed))
            .map(String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts status, whole body and the headers that every response has.
    #[track_caller]
    pub(crate) fn assert(&self, status: u16, body: &str) {
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

    /// The same for an response with one text in `detail`.
    #[track_caller]
    pub(crate) fn assert_detail(&self, status: u16, detail: &str) {
        self.assert(status, &json!({ "detail": detail }).to_string());
    }

    /// The same for a refusal of who asks.
    #[track_caller]
    pub(crate) fn assert_unauthenticated(&self, detail: &str) {
        self.assert_detail(401, detail);
        assert_eq!(self.header("www-authenticate"), Some("JWT realm=\"api\""));
    }

    /// The same for one field with one text.
    #[track_caller]
    pub(crate) fn assert_field(&self, field: &str, message: &str) {
        self.assert(400, &json!({ field: [message] }).to_string());
    }
}

/// The tables and the bucket of a stack.
pub(crate) struct Stored {
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    env: Env,
}

type Item = HashMap<String, AttributeValue>;

impl Stored {
    /// What is stored where `env`, which has the variables of all endpoints and of the SDK, says.
    pub(crate) fn new(env: Env) -> Self {
        let url = |name| env.required(name).unwrap();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&Api::aws())
            .endpoint_url(url("AWS_ENDPOINT_URL_DYNAMODB"));
        let s3 =
            aws_sdk_s3::config::Builder::from(&Api::aws()).endpoint_url(url("AWS_ENDPOINT_URL_S3"));
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            env,
        }
    }

    /// The variables that lead here.
    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// All items of the table that `variable` names.
    pub(crate) async fn items(&self, variable: &'static str) -> Vec<Item> {
        let table = self.env.required(variable).unwrap();
        let items = self.dynamodb.scan().table_name(table).into_paginator();
        let items: Result<_, _> = items.items().send().collect().await;
        items.unwrap()
    }

    /// Puts `item` into the table that `variable` names.
    pub(crate) async fn put(&self, variable: &'static str, item: Item) {
        let table = self.env.required(variable).unwrap();
        self.dynamodb
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    /// Changes every item of the table that `variable` names.
    pub(crate) async fn change(&self, variable: &'static str, change: impl Fn(&mut Item)) {
        for mut item in self.items(variable).await {
            change(&mut item);
            self.put(variable, item).await;
        }
    }

    /// Deletes every item of the table that `variable` names, whose key is `key`.
    pub(crate) async fn clear(&self, variable: &'static str, key: &str) {
        let table = self.env.required(variable).unwrap();
        for item in self.items(variable).await {
            let request = self.dynamodb.delete_item().table_name(table);
            request.key(key, item[key].clone()).send().await.unwrap();
        }
    }

    /// The names of all avatars.
    pub(crate) async fn avatars(&self) -> Vec<String> {
        let bucket = self.env.required("AVATARS_BUCKET").unwrap();
        let pages = self.s3.list_objects_v2().bucket(bucket).into_paginator();
        let pages: Result<Vec<_>, _> = pages.send().collect().await;
        let pages = pages.unwrap();
        let objects = pages.iter().flat_map(|page| page.contents());
        objects
            .map(|object| object.key().unwrap().to_owned())
            .collect()
    }

    /// Puts something by the name of `key` where the avatars are.
    pub(crate) async fn put_object(&self, key: &str) {
        let bucket = self.env.required("AVATARS_BUCKET").unwrap();
        let request = self.s3.put_object().bucket(bucket).key(key);
        request.send().await.unwrap();
    }
}
