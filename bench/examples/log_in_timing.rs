//! Measures whether the time of a failed log-in tells if its account exists.
//!
//! It fails if a rank test tells the times of known and unknown logins apart at p = 0.01, or if they
//! have not run Argon2 equally often. One run in a hundred fails by chance.

use std::time::{Duration, Instant};

use anyhow::ensure;
use local::{Engines, LOOPBACK, Settings, Stack, Storage};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// Attempts of each kind. Each is on a login of its own, because one that has failed five times is
/// answered without hashing.
const ATTEMPTS: usize = 300;

/// |z| exceeds this with a probability of 0.01 if both samples are of one distribution: the normal
/// distribution's quantile of 0.995.
const SIGNIFICANT: f64 = 2.576;

/// Attempts that are not measured, while connections and caches are cold.
const WARM_UP: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let objects = tempfile::tempdir()?;
    let engines = Engines::start(LOOPBACK, &Storage::Memory(objects.path().to_owned())).await?;
    let settings = Settings {
        address: (LOOPBACK, 0).into(),
        name: "timing".to_owned(),
        jwt_secret: "a secret of 32 bytes or even more".to_owned(),
        variables: Vec::new(),
    };
    let stack = Stack::start(&engines.aws(), settings).await?;
    let api = Api {
        http: support::http(),
        base_url: stack.base_url(),
    };
    let mut known = Vec::new();
    for _ in 0..WARM_UP + ATTEMPTS {
        known.push(api.register().await?);
    }
    let unknown: Vec<Account> = known.iter().map(|_| Account::new()).collect();

    let mut runs = [0, 0];
    let mut times = [Vec::new(), Vec::new()];
    for (index, pair) in known.iter().zip(&unknown).enumerate() {
        let pair = [pair.0, pair.1];
        // Neither kind is always the first, and half of the logins of each are addresses.
        for kind in [index % 2, 1 - index % 2] {
            let account = pair[kind];
            let login = match index % 4 < 2 {
                true => &account.email,
                false => &account.username,
            };
            let before = stack.log_in_hash_runs();
            let time = api.guess(login).await?;
            if index >= WARM_UP {
                runs[kind] += stack.log_in_hash_runs() - before;
                times[kind].push(time.as_secs_f64());
            }
        }
    }

    let [known, unknown] = &times;
    for (kind, times, runs) in [("known", known, runs[0]), ("unknown", unknown, runs[1])] {
        let median = Duration::from_secs_f64(median(times));
        println!("{kind:8} {ATTEMPTS} attempts, {runs} runs of Argon2, median {median:.2?}");
    }
    let z = mann_whitney(known, unknown);
    println!("z = {z:.2}; beyond ±{SIGNIFICANT} they can be told apart");
    ensure!(runs[0] == runs[1], "they have not run Argon2 equally often");
    ensure!(z.abs() <= SIGNIFICANT, "the times can be told apart");
    Ok(())
}

struct Account {
    email: String,
    username: String,
}

impl Account {
    fn new() -> Self {
        let id = Uuid::new_v4().simple();
        Self {
            email: format!("{id}@test.com"),
            username: id.to_string(),
        }
    }
}

struct Api {
    http: Client,
    base_url: String,
}

impl Api {
    async fn register(&self) -> anyhow::Result<Account> {
        let account = Account::new();
        let Account { email, username } = &account;
        let sign_up = json!({ "email": email, "username": username, "password": "the right one" });
        let (status, _) = self.post("/create_user/", &sign_up).await?;
        ensure!(
            status == StatusCode::CREATED,
            "a sign-up was answered {status}"
        );
        Ok(account)
    }

    /// How long a wrong password takes.
    async fn guess(&self, login: &str) -> anyhow::Result<Duration> {
        let log_in = json!({ "login": login, "password": "the wrong one" });
        let (status, time) = self.post("/obtain_token/", &log_in).await?;
        ensure!(
            status == StatusCode::UNAUTHORIZED,
            "a guess was answered {status}"
        );
        Ok(time)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(StatusCode, Duration)> {
        let request = self
            .http
            .post(format!("{}{path}", self.base_url))
            .json(body);
        let started = Instant::now();
        let response = request.send().await?;
        let status = response.status();
        response.bytes().await?;
        Ok((status, started.elapsed()))
    }
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The Mann-Whitney U test's statistic, normalized: above zero if `a` tends to be greater than `b`.
///
/// In samples of this size U is normally distributed, and at nanoseconds ties do not matter.
fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = a
        .iter()
        .map(|&time| (time, true))
        .chain(b.iter().map(|&time| (time, false)))
        .collect();
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let ranks: usize = (1..)
        .zip(&all)
        .filter(|(_, (_, of_a))| *of_a)
        .map(|(rank, _)| rank)
        .sum();
    let (n, m) = (a.len() as f64, b.len() as f64);
    let u = ranks as f64 - n * (n + 1.0) / 2.0;
    (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
