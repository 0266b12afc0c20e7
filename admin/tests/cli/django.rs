//! People of every kind whom a real Django has stored; `.ci/django` makes the fixture.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use support::{OwnStack, messages::WRONG_CREDENTIALS};
use tempfile::TempDir;

use crate::tool::Tool;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/django");

fn people() -> Vec<Value> {
    let people = fs::read(format!("{FOLDER}/people.json")).unwrap();
    serde_json::from_slice(&people).unwrap()
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    let texts = list.as_array().unwrap().iter();
    texts.map(|text| text.as_str().unwrap()).collect()
}

async fn import(tool: &Tool, report: &str) -> Value {
    let users = format!("{FOLDER}/users.json");
    let media = format!("{FOLDER}/media");
    let arguments = ["import", &users, "--media", &media, "--report", report];
    let ran = tool
        .run(&[&arguments[..], &["--output", "json"]].concat())
        .await;
    ran.assert(8);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[tokio::test]
async fn everybody_logs_in_with_the_old_password_and_with_no_other() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.jsonl");
    import(&tool, report.to_str().unwrap()).await;

    for person in people() {
        let logs_in = async |login: &str, password: &Value| {
            let log_in = json!({ "login": login, "password": password });
            let response = stack.obtain_token(&log_in).await;
            if response.status != 200 {
                response.assert(401, WRONG_CREDENTIALS);
            }
            response.status == 200
        };
        let key = &person["key"];
        for login in texts(&person["dead_logins"]) {
            assert!(!logs_in(login, &person["password"]).await, "{key}: {login}");
        }
        for login in texts(&person["logins"]) {
            assert!(
                !logs_in(login, &person["wrong_password"]).await,
                "{key}: {login}"
            );
            assert!(logs_in(login, &person["password"]).await, "{key}: {login}");
        }
        if let [login, ..] = texts(&person["logins"])[..] {
            let shown = tool.json(&["show", login]).await;
            assert_eq!(shown["uuid"], person["uuid"], "{key}");
            assert_eq!(shown["password"], "argon2id m=19456,t=2,p=1", "{key}");
        }
    }
    tool.run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn everybody_is_there_or_in_the_report() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.jsonl");
    let counts = import(&tool, report.to_str().unwrap()).await;

    let report = fs::read_to_string(report).unwrap();
    let mut codes = BTreeMap::<String, Vec<String>>::new();
    for line in report.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let codes = codes.entry(line["id"].to_string()).or_default();
        codes.push(line["code"].as_str().unwrap().to_owned());
        codes.sort();
    }
    let people = people();
    for person in &people {
        let mut expected = texts(&person["codes"]);
        expected.sort_unstable();
        let found = codes.remove(&person["id"].to_string()).unwrap_or_default();
        assert_eq!(found, expected, "{}", person["key"]);
    }
    assert_eq!(codes, BTreeMap::new());
    let count = |outcome| {
        let people = people.iter();
        people.filter(|person| person["outcome"] == outcome).count()
    };
    assert_eq!(counts["read"], people.len());
    assert_eq!(counts["created"], count("created"));
    assert_eq!(counts["rejected"], count("rejected"));
    let pictures = people.iter().filter(|person| person["avatar"] == true);
    assert_eq!(counts["pictures"], pictures.count());
    assert_eq!(stack.stored().avatars().await.len(), counts["pictures"]);
}
