use serde_json::{Value, json};
use uuid::Uuid;

/// A person whom no other test knows.
#[derive(Clone, Debug)]
pub struct Person {
    /// Has letters of both cases, as have all tests' addresses and usernames.
    pub email: String,
    /// Differs from the local part of the address.
    pub username: String,
    /// Is not trimmed to anything else.
    pub password: String,
}

impl Person {
    /// Makes one up.
    #[expect(clippy::new_without_default, reason = "each one is different")]
    pub fn new() -> Self {
        let id = Uuid::new_v4().simple();
        Self {
            email: format!("Ada.King.{id}@test.com"),
            username: format!("Ada_{id}"),
            password: format!("analytical engine {id}"),
        }
    }

    /// The body of this person's sign-up.
    pub fn sign_up(&self) -> Value {
        json!({ "email": self.email, "username": self.username, "password": self.password })
    }

    /// The body of this person's log-in.
    pub fn log_in(&self) -> Value {
        json!({ "login": self.email, "password": self.password })
    }

    /// Returns log-ins that fail, each with a description; responses must not tell them apart.
    pub fn wrong_log_ins(&self) -> Vec<(&'static str, Value)> {
        let unknown = Person::new();
        vec![
            (
                "a wrong password",
                json!({ "login": self.email, "password": "wrong" }),
            ),
            (
                "a wrong password of a username",
                json!({ "login": self.username, "password": "wrong" }),
            ),
            (
                "an unknown address",
                json!({ "login": unknown.email, "password": self.password }),
            ),
            (
                "an unknown username",
                json!({ "login": unknown.username, "password": self.password }),
            ),
            (
                "an over-long password",
                json!({ "login": self.email, "password": "x".repeat(5_000) }),
            ),
            (
                "an over-long login",
                json!({ "login": self.username.repeat(200), "password": self.password }),
            ),
            (
                "a login with a NUL",
                json!({ "login": format!("{}\u{0}", self.email), "password": self.password }),
            ),
            (
                "a Kelvin sign for a K",
                json!({ "login": self.email.replace('K', "\u{212a}"), "password": self.password }),
            ),
            ("no login", json!({ "password": self.password })),
            ("no password", json!({ "login": self.email })),
            ("nothing", json!({})),
            (
                "a null login",
                json!({ "login": null, "password": self.password }),
            ),
            (
                "a null password",
                json!({ "login": self.email, "password": null }),
            ),
            (
                "an empty login",
                json!({ "login": "", "password": self.password }),
            ),
            (
                "an empty password",
                json!({ "login": self.email, "password": "" }),
            ),
            (
                "a list for a login",
                json!({ "login": [self.email], "password": self.password }),
            ),
            (
                "an object for a password",
                json!({ "login": self.username, "password": { "$ne": "" } }),
            ),
            (
                "a boolean for a password",
                json!({ "login": self.username, "password": true }),
            ),
        ]
    }
}
