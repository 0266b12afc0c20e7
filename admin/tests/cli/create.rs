use serde_json::json;
use support::{OwnStack, Person};

use crate::tool::{Tool, tables};

#[tokio::test]
async fn an_account_is_registered_as_by_a_sign_up() {
    let stack = OwnStack::start().await;
    let person = Person::new();
    let command = [
        "create",
        &person.email,
        "--username",
        &person.username,
        "--password-stdin",
    ];

    Tool::of(&stack)
        .run_with(&command, &person.password)
        .await
        .assert(0);

    let token = stack.log_in(&person).await;
    let profile = stack.get_profile(&token).await.json();
    assert_eq!(profile["username"], *person.username);
    assert_eq!(profile["email"], *person.email);
}

#[tokio::test]
async fn a_username_and_a_password_are_made_up_and_printed() {
    let stack = OwnStack::start().await;
    let local = Person::new().username;
    let tool = Tool::of(&stack);

    let first = tool
        .json(&["create", &format!("{local}@a.com"), "--generate"])
        .await;
    let second = tool
        .json(&["create", &format!("{local}@b.com"), "--generate"])
        .await;

    assert_eq!(first["username"], *local);
    let username = second["username"].as_str().unwrap();
    assert!(username.starts_with(&format!("{local}-")), "{username}");
    for created in [first, second] {
        let log_in = json!({ "login": created["username"], "password": created["password"] });
        assert_eq!(stack.obtain_token(&log_in).await.status, 200);
    }
}

#[tokio::test]
async fn a_login_that_somebody_has_is_refused() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);
    let new = Person::new();

    for dry_run in [&[][..], &["--dry-run"]] {
        let email = ["create", &person.email.to_lowercase(), "--generate"];
        let email = tool.run(&[&email[..], dry_run].concat()).await;
        let username = [
            "create",
            &new.email,
            "--username",
            &person.username,
            "--generate",
        ];
        let username = tool.run(&[&username[..], dry_run].concat()).await;

        email.assert_failed(4, "error: another account has this address");
        username.assert_failed(4, "error: another account has this username");
        assert_eq!(tables(&stack.stored()).await, before);
    }
}

#[tokio::test]
async fn what_breaks_the_rules_of_sign_up_is_refused() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let command = ["create", "ada@test.com", "--password-stdin"];

    let email = tool.run(&["create", "ada", "--generate"]).await;
    let username = tool
        .run(&["create", "ada@test.com", "--username", "a", "--generate"])
        .await;
    let password = tool.run_with(&command, "1234").await;

    email.assert_failed(4, "error: Enter a valid email address.");
    username.assert_failed(4, "error: Ensure this field has at least 3 characters.");
    password.assert_failed(
        4,
        "error: This password is too short. It must contain at least 5 characters.",
    );
    assert_eq!(tables(&stack.stored()).await, Vec::<String>::new());
}
