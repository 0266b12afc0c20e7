use std::env;

use local::Stack;
use reqwest::{Method, RequestBuilder, Url, multipart};
use serde_json::{Value, json};

use crate::{Person, Response, engines::ENGINES, messages::CREATED, openapi, own_stack::settings};

/// A client of the API at some URL.
pub struct Api {
    base_url: String,
    http: reqwest::Client,
    /// Runs for as long as its client exists, where the API is nowhere else.
    _stack: Option<Stack>,
}

impl Api {
    /// Returns a client of the API at `API_URL`, or of a stack with default settings without it.
    ///
    /// A test that starts with this knows nothing of what is behind the URL.
    pub async fn start() -> Self {
        match env::var("API_URL") {
            Ok(url) => Self::at(url.trim_end_matches('/').to_owned()),
            Err(_) => {
                let stack = Stack::start(&ENGINES.aws(), settings(&[])).await.unwrap();
                Self {
                    base_url: stack.base_url(),
                    http: http(),
                    _stack: Some(stack),
                }
            }
        }
    }

    /// Returns a client of the API at `base_url`.
    pub fn at(base_url: String) -> Self {
        Self {
            base_url,
            http: http(),
            _stack: None,
        }
    }

    /// The URL that the paths are appended to, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns a request for `path`, without a token or a body.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base_url))
    }

    /// Signs up with a JSON `body`.
    pub async fn create_user(&self, body: &Value) -> Response {
        send(self.request(Method::POST, "/create_user/").json(body)).await
    }

    /// Logs in with a JSON `body`.
    pub async fn obtain_token(&self, body: &Value) -> Response {
        send(self.request(Method::POST, "/obtain_token/").json(body)).await
    }

    /// Reads the profile of the owner of `token`.
    pub async fn get_profile(&self, token: &str) -> Response {
        send(
            self.request(Method::GET, "/get_profile/")
                .header("Authorization", format!("JWT {token}")),
        )
        .await
    }

    /// Updates the profile of the owner of `token` with a JSON `body`.
    pub async fn update_profile(&self, token: &str, body: &Value) -> Response {
        send(self.update(token).json(body)).await
    }

    /// Uploads a file as the avatar of the owner of `token`.
    pub async fn upload(&self, token: &str, file: Vec<u8>) -> Response {
        let part = multipart::Part::bytes(file).file_name("me.jpg");
        let form = multipart::Form::new().part("avatar", part);
        send(self.update(token).multipart(form)).await
    }

    /// Returns an update of the profile of the owner of `token`, without a body.
    pub fn update(&self, token: &str) -> RequestBuilder {
        self.request(Method::PUT, "/update_profile/")
            .header("Authorization", format!("JWT {token}"))
    }

    /// Registers a new person.
    pub async fn register(&self) -> Person {
        let person = Person::new();
        self.create_user(&person.sign_up())
            .await
            .assert(201, CREATED);
        person
    }

    /// Registers `email` without a username and returns the username that the service made up.
    pub async fn made_up_username(&self, email: &str) -> String {
        let sign_up = json!({ "email": email, "password": "12345" });
        self.create_user(&sign_up).await.assert(201, CREATED);
        let log_in = json!({ "login": email, "password": "12345" });
        let token = self.obtain_token(&log_in).await.json()["token"].take();
        let profile = self.get_profile(token.as_str().unwrap()).await.json();
        profile["username"].as_str().unwrap().to_owned()
    }

    /// Logs `person` in and returns the token.
    pub async fn log_in(&self, person: &Person) -> String {
        let response = self.obtain_token(&person.log_in()).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["token"].as_str().unwrap().to_owned()
    }

    /// Registers a new person, logs them in and returns the token, too.
    pub async fn member(&self) -> (Person, String) {
        let person = self.register().await;
        let token = self.log_in(&person).await;
        (person, token)
    }

    /// Fetches the avatar that `profile` points to.
    ///
    /// With `AVATARS_URL` set, the request for a URL with a host name goes there instead, because
    /// the names of an emulated CloudFront have no addresses.
    pub async fn avatar(&self, profile: &Value) -> Response {
        let url = Url::parse(profile["avatar"].as_str().unwrap()).unwrap();
        let request = match (env::var("AVATARS_URL"), url.domain()) {
            (Ok(base), Some(host)) => self
                .http
                .get(format!("{base}{}", url.path()))
                .header("Host", host),
            _ => self.http.get(url),
        };
        fetch(request).await.unwrap()
    }
}

/// Returns a client that goes through no proxy.
pub fn http() -> reqwest::Client {
    // reqwest asks for one even to speak plain HTTP. An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Sends `request` to the API and returns the response, which has to match `openapi.yaml`.
pub async fn send(request: RequestBuilder) -> Response {
    try_send(request).await.unwrap()
}

/// Like [`send`], but the connection may fail.
///
/// # Errors
///
/// Fails if there is no response, or only a part of it.
pub async fn try_send(request: RequestBuilder) -> reqwest::Result<Response> {
    let (http, request) = request.build_split();
    let request = request?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let response = fetch(RequestBuilder::from_parts(http, request)).await?;
    let elsewhere = env::var("API_URL").map(|base| Url::parse(&base).unwrap());
    match elsewhere.ok().filter(|base| base.origin() == url.origin()) {
        Some(base) => {
            let path = url.path().strip_prefix(base.path().trim_end_matches('/'));
            openapi::assert_documented(&method, path.unwrap(), &response);
        }
        None => {
            openapi::assert_documented(&method, url.path(), &response);
            // The gateway of a deployed service adds headers that no document lists.
            openapi::assert_no_other_headers(&method, url.path(), &response);
        }
    }
    Ok(response)
}

/// Sends a request for something outside the API, such as an avatar, and returns the response.
///
/// # Errors
///
/// Fails if there is no response, or only a part of it.
pub async fn fetch(request: RequestBuilder) -> reqwest::Result<Response> {
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
