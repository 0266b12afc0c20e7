//! Kills of `cargo dev` while clients use it. `CRASH_ROUNDS` sets their number.

use std::{collections::HashSet, env, time::Duration};

use reqwest::{Method, multipart};
use serde_json::{Value, json};
use support::{
    Api, Item, Person, Response, Stored,
    messages::CREATED,
    pictures::{jpeg, photograph},
    try_send,
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time};
use uuid::Uuid;

use crate::dev_process::DevProcess;

/// Number of kills without `CRASH_ROUNDS`.
const ROUNDS: usize = 4;

/// Number of clients at a time.
const CLIENTS: usize = 4;

/// Longest time until a kill, in milliseconds: several times as long as a sign-up, a log-in and all
/// updates of one account take.
const LONGEST_ROUND_MS: u64 = 800;

/// An account as its client knows it: the last profile in a response, and the last request, which is
/// without a response if the kill came first.
struct Account {
    person: Person,
    profile: Option<Value>,
    asked: Asked,
}

#[derive(Clone, PartialEq, Eq)]
enum Asked {
    Nothing,
    SignUp,
    LogIn,
    Name(String),
    Avatar,
}

/// Signs up, logs in and updates until a response is lost, and returns the accounts.
async fn use_it(api: Api) -> Vec<Account> {
    let mut accounts = Vec::new();
    loop {
        let mut account = Account {
            person: Person::new(),
            profile: None,
            asked: Asked::Nothing,
        };
        let lost = account.live(&api).await.is_err();
        accounts.push(account);
        if lost {
            return accounts;
        }
    }
}

impl Account {
    /// Registers and updates the account.
    ///
    /// # Errors
    ///
    /// Fails if a response is lost.
    async fn live(&mut self, api: &Api) -> reqwest::Result<()> {
        self.asked = Asked::SignUp;
        let sign_up = api.request(Method::POST, "/create_user/");
        let response = try_send(sign_up.json(&self.person.sign_up())).await?;
        response.assert(201, CREATED);

        self.asked = Asked::LogIn;
        let log_in = api.request(Method::POST, "/obtain_token/");
        let response = try_send(log_in.json(&self.person.log_in())).await?;
        assert_eq!(response.status, 200, "{}", response.text());
        let token = response.json()["token"].as_str().unwrap().to_owned();

        for _ in 0..3 {
            let name = Uuid::new_v4().to_string();
            self.asked = Asked::Name(name.clone());
            let request = api.update(&token).json(&json!({ "first_name": name }));
            self.updated(try_send(request).await?);

            self.asked = Asked::Avatar;
            let avatar = multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
            let form = multipart::Form::new().part("avatar", avatar);
            self.updated(try_send(api.update(&token).multipart(form)).await?);
        }
        self.asked = Asked::Nothing;
        Ok(())
    }

    fn updated(&mut self, response: Response) {
        assert_eq!(response.status, 200, "{}", response.text());
        self.profile = Some(response.json());
    }

    /// Asserts that the service has kept everything that it acknowledged.
    async fn check(&self, api: &Api) {
        if self.asked == Asked::SignUp {
            let response = api.create_user(&self.person.sign_up()).await;
            match response.status {
                201 => {}
                // The sign-up without a response had been committed: address and username are taken.
                _ => assert_eq!(response.json().as_object().unwrap().len(), 2),
            }
        }
        let token = api.log_in(&self.person).await;
        let profile = api.get_profile(&token).await.json();
        let before = |field: &str| match &self.profile {
            Some(profile) => profile[field].clone(),
            None => Value::Null,
        };
        match &self.asked {
            Asked::Name(name) if profile["first_name"] == *name => {}
            _ => assert_eq!(profile["first_name"], before("first_name")),
        }
        if self.asked != Asked::Avatar {
            assert_eq!(key(&profile), key(&json!({ "avatar": before("avatar") })));
        }
        if !profile["avatar"].is_null() {
            assert_eq!(api.avatar(&profile).await.status, 200);
        }
    }
}

/// The object that `profile` points to. The port in its URL changes with each start.
fn key(profile: &Value) -> Option<String> {
    let (_, key) = profile["avatar"].as_str()?.split_once("/avatars/")?;
    Some(format!("avatars/{key}"))
}

/// Asserts that all accounts are complete and unique, and returns the unreferenced avatars.
async fn unreferenced(stored: &Stored) -> Vec<String> {
    let users = stored.items("USERS_TABLE").await;
    let logins = stored.items("LOGINS_TABLE").await;
    let text = |item: &Item, name: &str| item.get(name).map(|value| value.as_s().unwrap().clone());
    // Each user has two items in `logins`, and there are no others. Their keys are unique, and so are
    // addresses and usernames.
    let expected: HashSet<_> = users
        .iter()
        .flat_map(|user| {
            ["email", "username"].map(|name| {
                let key = text(user, name).unwrap().to_ascii_lowercase();
                (format!("{name}:{key}"), text(user, "uuid"))
            })
        })
        .collect();
    let found: HashSet<_> = logins
        .iter()
        .map(|login| (text(login, "login").unwrap(), text(login, "uuid")))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 2 * users.len());

    let mut objects: HashSet<_> = stored.avatars().await.into_iter().collect();
    for avatar in users.iter().filter_map(|user| text(user, "avatar")) {
        assert!(objects.remove(&avatar), "{avatar} is gone");
    }
    let mut unreferenced: Vec<_> = objects.into_iter().collect();
    unreferenced.sort();
    unreferenced
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let rounds = env::var("CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let data = TempDir::new().unwrap();
    let start = || DevProcess::start_with(data.path(), "ERROR");
    let mut dev = start();
    let mut people = Vec::new();
    let (mut updates, mut uploads_in_flight) = (0, 0);
    for _ in 0..rounds {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(use_it(dev.api()));
        }
        // A kill at any moment is right, so the test needs no particular state to wait for.
        let moment_ms = Uuid::new_v4().as_u128() as u64 % LONGEST_ROUND_MS;
        time::sleep(Duration::from_millis(moment_ms)).await;
        dev.kill();
        let accounts: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
        dev = start();

        for account in &accounts {
            account.check(&dev.api()).await;
        }
        let in_flight = accounts
            .iter()
            .filter(|account| account.asked == Asked::Avatar);
        uploads_in_flight += in_flight.count();
        updates += accounts
            .iter()
            .filter(|account| account.profile.is_some())
            .count();
        assert!(unreferenced(&dev.stored()).await.len() <= uploads_in_flight);
        people.extend(accounts.into_iter().map(|account| account.person));
    }

    let left_over = unreferenced(&dev.stored()).await;
    eprintln!(
        "{rounds} kills, {} accounts, {updates} of them updated, {uploads_in_flight} uploads in flight, {} unreferenced avatars",
        people.len(),
        left_over.len()
    );
    for person in &people {
        dev.api().log_in(person).await;
    }
}
