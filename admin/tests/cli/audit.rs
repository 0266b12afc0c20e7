use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use support::OwnStack;
use tempfile::TempDir;

use crate::tool::Tool;

#[tokio::test]
async fn each_write_is_a_line_without_a_name_or_a_value() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let uuid = stack.get_profile(&token).await.json()["uuid"].take();
    let tool = Tool::of(&stack);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = ["--audit", file.to_str().unwrap(), "--reason", "ticket 4711"];

    for command in [
        &["set-password", &person.email, "--generate"][..],
        &["change-username", &person.email, "lovelace"],
        &["show", "lovelace"],
        &["disable", "lovelace"],
        &["disable", "lovelace"],
        &["erase", "lovelace", "--yes"],
    ] {
        tool.run(&[command, &audit].concat()).await.assert(0);
    }

    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &mut lines {
        let at = line["at"].take();
        assert!(at.as_str().unwrap().ends_with('Z'), "{at}");
        let service = line["service"].take();
        assert!(
            service.as_str().unwrap().starts_with("local /"),
            "{service}"
        );
    }
    let line = |command: &str, changed: &[&str]| {
        json!({
            "at": null,
            "by": "operator",
            "account": null,
            "region": null,
            "service": null,
            "command": command,
            "uuid": uuid,
            "changed": changed,
            "outcome": "written",
            "reason": "ticket 4711",
        })
    };
    assert_eq!(
        lines,
        [
            line(
                "set-password",
                &["password_hash", "failed_attempts", "tokens_from"]
            ),
            line("change-username", &["username", "tokens_from"]),
            line("disable", &["disabled"]),
            line("erase", &["disabled", "tokens_from"]),
            line(
                "erase",
                &["profile", "logins", "failed_attempts", "tombstones"]
            ),
        ]
    );
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_line_is_on_stderr_without_a_file_and_the_place_comes_before_it() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;

    let ran = Tool::of(&stack).run(&["disable", &person.email]).await;

    ran.assert(0);
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("disable: local /"), "{ran:?}");
    assert!(lines[0].ends_with(", as operator"), "{ran:?}");
    let line: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(line["command"], "disable");
    assert!(lines[2].starts_with("changed disabled of "), "{ran:?}");
    assert!(!ran.stderr.contains(&person.email), "{ran:?}");
}

#[tokio::test]
async fn nothing_is_written_that_cannot_be_audited() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let tool = Tool::of(&stack);

    let ran = tool
        .run(&["disable", &person.email, "--audit", "/nowhere/audit.jsonl"])
        .await;

    ran.assert(1);
    assert_eq!(tool.json(&["show", &person.email]).await["disabled"], false);
}
