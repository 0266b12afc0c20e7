mod forms;
mod second_pass;
mod stops;

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use serde_json::{Value, json};
use support::{
    IMPORTED, OwnStack, Person,
    messages::WRONG_CREDENTIALS,
    pictures::{jpeg, photograph},
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::tool::{Ran, Tool, tables};

/// `пароль 1` by Django.
const PBKDF2: &str =
    "pbkdf2_sha256$12000$RmyPNTVSqoTmXfl4iVtQFU$tWplSfPFp5J77qtGtBwoaLouT+5AY0f9MC3LIM7ALJo=";

/// Files for one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a line for each account.
    fn lines(&self, name: &str, accounts: &[Value]) -> String {
        let lines: Vec<_> = accounts.iter().map(Value::to_string).collect();
        self.write(name, lines.join("\n"))
    }

    /// The lines of a report.
    fn report(&self, name: &str) -> Vec<Value> {
        let report = fs::read_to_string(self.path(name)).unwrap();
        let lines = report.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// An account that logs in with `12345`, as a line.
fn account(id: u32, person: &Person) -> Value {
    json!({
        "id": id,
        "email": person.email,
        "username": person.username,
        "password": IMPORTED,
        "first_name": "Ада",
        "is_active": true,
    })
}

fn accounts(count: u32) -> Vec<Value> {
    (1..=count).map(|id| account(id, &Person::new())).collect()
}

async fn import(tool: &Tool, arguments: &[&str]) -> Ran {
    let arguments = [&["import", "--output", "json"], arguments].concat();
    tool.run(&arguments).await
}

/// The counts that an import printed.
#[track_caller]
fn counts(ran: &Ran, code: i32) -> Value {
    ran.assert(code);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Created, updated, skipped, rejected.
fn outcomes(counts: &Value) -> [u64; 4] {
    ["created", "updated", "skipped", "rejected"].map(|name| counts[name].as_u64().unwrap())
}

async fn logs_in(stack: &OwnStack, login: &Value, password: &str) -> bool {
    let response = stack
        .obtain_token(&json!({ "login": login, "password": password }))
        .await;
    if response.status != 200 {
        response.assert(401, WRONG_CREDENTIALS);
    }
    response.status == 200
}

async fn profile(stack: &OwnStack, login: &str, password: &str) -> Value {
    let log_in = json!({ "login": login, "password": password });
    let token = stack.obtain_token(&log_in).await.json();
    let token = token["token"].as_str().unwrap();
    stack.get_profile(token).await.json()
}

/// The codes of a report's lines, with the line of each.
fn codes(report: &[Value]) -> Vec<(u64, &str)> {
    let lines = report.iter();
    lines
        .map(|line| {
            (
                line["line"].as_u64().unwrap(),
                line["code"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn an_account_keeps_its_identity_names_picture_and_password() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let person = Person::new();
    let uuid = Uuid::new_v4();
    files.write("media/avatars/1.jpg", jpeg(&photograph(8, 8)));
    let file = files.lines(
        "users.jsonl",
        &[json!({
            "id": 7,
            "uuid": uuid,
            "email": person.email,
            "username": person.username,
            "password": PBKDF2,
            "first_name": "Ада",
            "last_name": "Лавлейс",
            "patronymic": "Гордоновна",
            "avatar": "avatars/1.jpg",
            "is_active": true,
            "date_joined": "2020-01-01T00:00:00Z",
        })],
    );
    let (media, map) = (files.path("media"), files.path("map.csv"));

    let ran = import(
        &tool,
        &[
            &file,
            "--media",
            media.to_str().unwrap(),
            "--map",
            map.to_str().unwrap(),
        ],
    )
    .await;

    assert_eq!(
        counts(&ran, 0),
        json!({
            "read": 1,
            "created": 1,
            "updated": 0,
            "skipped": 0,
            "rejected": 0,
            "without_password": 0,
            "pictures": 1,
            "hashes": { "pbkdf2_sha256": 1 },
            "problems": {},
            "fields_left_out": { "date_joined": 1 },
            "models_left_out": {},
            "dry_run": false,
        })
    );
    let profile = profile(&stack, &person.email, "пароль 1").await;
    assert_eq!(profile["uuid"], json!(uuid));
    assert_eq!(profile["username"], json!(person.username));
    assert_eq!(profile["last_name"], "Лавлейс");
    assert_eq!(profile["patronymic"], "Гордоновна");
    let avatar = stack.avatar(&profile).await;
    assert_eq!(avatar.headers["content-type"], "image/webp");
    assert_eq!(
        avatar.headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert!(!logs_in(&stack, &json!(person.username), "пароль 2").await);
    let shown = tool.json(&["show", &person.email]).await;
    assert_eq!(shown["password"], "argon2id m=19456,t=2,p=1");
    assert_eq!(
        fs::read_to_string(&map).unwrap(),
        format!("id,uuid\n7,{uuid}\n")
    );
    let mode = fs::metadata(&map).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    tool.run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn what_does_not_come_is_reported_and_stops_nothing() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let [ada, bob, eve] = [(); 3].map(|()| Person::new());
    let signed_up = stack.register().await;
    let mut same_address = account(2, &bob);
    same_address["email"] = json!(ada.email.to_uppercase());
    let mut same_name = account(3, &bob);
    same_name["username"] = json!(ada.username.to_lowercase());
    let mut taken = account(4, &eve);
    taken["email"] = json!(signed_up.email);
    let mut without_address = account(6, &Person::new());
    let uuid_without_address = Uuid::new_v4();
    without_address["uuid"] = json!(uuid_without_address);
    without_address["email"] = json!("");
    let mut weak = account(5, &eve);
    weak["password"] = json!("sha1$salt$f1b0f2f84b6ab3f7bd1d2c8a5bb0d0b6a1a7ddee");
    let lines = [
        account(1, &ada).to_string(),
        same_address.to_string(),
        "{\"email\": \"\\ud800\"}".to_owned(),
        same_name.to_string(),
        taken.to_string(),
        "\u{fffd}".to_owned(),
        weak.to_string(),
        without_address.to_string(),
    ];
    let file = files.write("users.jsonl", lines.join("\n"));
    let report = files.path("report.jsonl");

    let arguments = [&*file, "--report", report.to_str().unwrap()];
    let counts = counts(&import(&tool, &arguments).await, 8);

    assert_eq!(counts["read"], 8);
    assert_eq!(outcomes(&counts), [3, 0, 0, 5]);
    assert_eq!(counts["without_password"], 1);
    let mut report = files.report("report.jsonl");
    report.sort_by_key(|line| line["line"].as_u64());
    assert_eq!(
        codes(&report),
        [
            (2, "email_taken"),
            (3, "record_malformed"),
            (4, "username_taken"),
            (5, "email_taken"),
            (6, "record_malformed"),
            (7, "password_weak"),
            (8, "email_missing"),
        ]
    );
    assert_eq!(report[6]["uuid"], json!(uuid_without_address));
    let uuid = |person: &Person| {
        let email = person.email.clone();
        let tool = &tool;
        async move { tool.json(&["show", &email]).await["uuid"].take() }
    };
    assert_eq!(report[0]["other"], uuid(&ada).await);
    assert_eq!(report[2]["other"], uuid(&ada).await);
    assert_eq!(report[2]["outcome"], "created");
    assert_eq!(report[3]["other"], uuid(&signed_up).await);
    let bob = tool.json(&["show", &bob.email]).await;
    let made_up = bob["username"].as_str().unwrap();
    assert!(made_up.starts_with(&format!("{}-", ada.username.to_lowercase())));
    assert!(logs_in(&stack, &bob["username"], "12345").await);
    assert!(!logs_in(&stack, &json!(eve.email), "12345").await);
    for person in [&ada, &signed_up] {
        let text = fs::read_to_string(files.path("report.jsonl")).unwrap();
        assert!(!text.contains(&person.email) && !text.contains(&person.username));
    }
}

#[tokio::test]
async fn an_account_without_a_password_gets_one_from_an_operator() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let person = Person::new();
    let mut unusable = account(1, &person);
    unusable["password"] = json!("!bWJKcHZGq3XT4UJYBrEQ");
    let file = files.lines("users.jsonl", &[unusable]);
    import(&tool, &[&file]).await.assert(0);

    for password in ["!bWJKcHZGq3XT4UJYBrEQ", "", "12345"] {
        assert!(!logs_in(&stack, &json!(person.email), password).await);
    }
    let listed = tool
        .run(&["list", "--no-password", "--output", "json"])
        .await;
    assert_eq!(listed.lines().len(), 1);
    tool.run_with(
        &["set-password", &person.email, "--password-stdin"],
        &person.password,
    )
    .await
    .assert(0);
    for login in [&person.email, &person.username] {
        assert!(logs_in(&stack, &json!(login), &person.password).await);
    }
}

#[tokio::test]
async fn a_dry_run_counts_the_same_and_writes_nothing() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let mut lines = accounts(5);
    lines.push(lines[0].clone());
    let mut same_name = account(7, &Person::new());
    same_name["username"] = lines[1]["username"].clone();
    lines.push(same_name);
    let mut same_address = account(8, &Person::new());
    same_address["email"] = lines[2]["email"].clone();
    lines.push(same_address);
    files.write("media/1.jpg", jpeg(&photograph(8, 8)));
    lines[3]["avatar"] = json!("1.jpg");
    lines[4]["avatar"] = json!("../users.jsonl");
    let file = files.lines("users.jsonl", &lines);
    let media = files.path("media");
    let arguments = [&*file, "--media", media.to_str().unwrap()];

    let mut dry = counts(
        &import(&tool, &[&arguments[..], &["--dry-run"]].concat()).await,
        8,
    );
    assert_eq!(tables(&stack.stored()).await, [""; 0]);
    assert_eq!(stack.stored().avatars().await, [""; 0]);
    assert_eq!(dry["write_units"], 36);
    assert_eq!(dry["dollars"], 0.01);
    assert_eq!(dry["minutes"], 1);
    let mut real = counts(&import(&tool, &arguments).await, 8);

    assert_eq!(outcomes(&real), [6, 0, 1, 1]);
    assert_eq!(
        real["problems"],
        json!({ "avatar_missing": 1, "email_taken": 1, "username_taken": 1 })
    );
    assert_eq!(real["pictures"], 1);
    let estimates = ["write_units", "dollars", "minutes", "dry_run"];
    for counts in [&mut dry, &mut real] {
        let counts = counts.as_object_mut().unwrap();
        counts.retain(|name, _| !estimates.contains(&name.as_str()));
    }
    assert_eq!(dry, real);
}

#[tokio::test]
async fn strict_writes_all_or_nothing() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let mut lines = accounts(3);
    let free = lines[2]["username"].clone();
    lines[2]["username"] = lines[0]["username"].clone();
    let file = files.lines("users.jsonl", &lines);
    let report = files.path("report.jsonl");

    let arguments = [&*file, "--strict", "--report", report.to_str().unwrap()];
    let ran = import(&tool, &arguments).await;
    ran.assert(4);
    let last = "error: accounts want the same address or username, 1 times; nothing was written";
    assert_eq!(ran.stderr.lines().last(), Some(last));
    assert_eq!(
        codes(&files.report("report.jsonl")),
        [(3, "username_taken")]
    );
    assert_eq!(tables(&stack.stored()).await, [""; 0]);

    lines[2]["username"] = free;
    let file = files.lines("users.jsonl", &lines);
    let counts = counts(&import(&tool, &[&file, "--strict"]).await, 0);
    assert_eq!(outcomes(&counts), [3, 0, 0, 0]);
}

#[tokio::test]
async fn a_picture_that_stays_unreadable_is_no_update() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let mut line = account(1, &Person::new());
    line["avatar"] = json!("1.jpg");
    files.write("media/1.jpg", "broken");
    let file = files.lines("users.jsonl", &[line]);
    let media = files.path("media");
    let arguments = [&*file, "--update", "--media", media.to_str().unwrap()];
    import(&tool, &arguments).await.assert(0);
    let stored = tables(&stack.stored()).await;

    let again = counts(&import(&tool, &arguments).await, 0);

    assert_eq!(outcomes(&again), [0, 0, 1, 0]);
    assert_eq!(again["problems"], json!({ "avatar_unreadable": 1 }));
    assert_eq!(tables(&stack.stored()).await, stored);
}

#[tokio::test]
async fn an_erased_account_is_not_brought_back() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let person = Person::new();
    let mut line = account(1, &person);
    let file = files.lines("users.jsonl", &[line.clone()]);
    import(&tool, &[&file]).await.assert(0);
    tool.run(&["erase", &person.email, "--yes"]).await.assert(0);
    let stored = tables(&stack.stored()).await;

    let (report, map) = (files.path("report.jsonl"), files.path("map.csv"));
    let arguments = [
        &*file,
        "--report",
        report.to_str().unwrap(),
        "--map",
        map.to_str().unwrap(),
    ];
    let again = counts(&import(&tool, &arguments).await, 0);
    assert_eq!(outcomes(&again), [0, 0, 1, 0]);
    assert_eq!(codes(&files.report("report.jsonl")), [(1, "erased")]);
    assert_eq!(fs::read_to_string(map).unwrap(), "id,uuid\n");

    line["id"] = json!(2);
    let file = files.lines("users.jsonl", &[line]);
    let other = counts(&import(&tool, &[&file]).await, 0);
    assert_eq!(outcomes(&other), [0, 0, 1, 0]);
    assert_eq!(tables(&stack.stored()).await, stored);
}

#[tokio::test]
async fn a_report_is_never_written_over_a_file() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let file = files.lines("users.jsonl", &accounts(1));
    File::create(files.path("there")).unwrap();

    for flag in ["--report", "--map"] {
        let there = files.path("there");
        let ran = import(&tool, &[&file, flag, there.to_str().unwrap()]).await;

        let error = format!(
            "error: cannot make {}: File exists (os error 17)",
            there.display()
        );
        ran.assert_failed(1, &error);
    }
    assert_eq!(tables(&stack.stored()).await, [""; 0]);
}
