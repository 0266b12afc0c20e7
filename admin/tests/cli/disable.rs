use serde_json::json;
use support::{OwnStack, messages::WRONG_CREDENTIALS};

use crate::tool::{Tool, tables};

const DISABLED: &str = r#"{"detail":"User account is disabled."}"#;

#[tokio::test]
async fn a_disabled_account_can_do_nothing_until_it_is_enabled() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let by_username = json!({ "login": person.username, "password": person.password });
    let tool = Tool::of(&stack);

    tool.run(&["disable", &person.username]).await.assert(0);

    stack.get_profile(&token).await.assert(401, DISABLED);
    stack
        .obtain_token(&person.log_in())
        .await
        .assert(401, WRONG_CREDENTIALS);
    stack
        .obtain_token(&by_username)
        .await
        .assert(401, WRONG_CREDENTIALS);

    tool.run(&["enable", &person.email]).await.assert(0);

    assert_eq!(stack.get_profile(&token).await.status, 200);
    assert_eq!(stack.obtain_token(&person.log_in()).await.status, 200);
    assert_eq!(stack.obtain_token(&by_username).await.status, 200);
}

#[tokio::test]
async fn disabling_twice_changes_nothing() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let tool = Tool::of(&stack);
    tool.run(&["disable", &person.email]).await.assert(0);

    let again = tool.json(&["disable", &person.email]).await;

    assert_eq!(again["changed"], json!([]));
}

#[tokio::test]
async fn unlock_lets_the_next_log_in_through() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    for login in [&person.email, &person.username] {
        let wrong = json!({ "login": login, "password": "wrong" });
        for _ in 0..5 {
            stack
                .obtain_token(&wrong)
                .await
                .assert(401, WRONG_CREDENTIALS);
        }
    }
    stack.stored().set_failures(14).await;
    assert_eq!(stack.obtain_token(&person.log_in()).await.status, 429);
    let tool = Tool::of(&stack);

    tool.run(&["unlock", &person.email]).await.assert(0);

    assert_eq!(stack.stored().items("ATTEMPTS_TABLE").await, []);
    assert_eq!(stack.obtain_token(&person.log_in()).await.status, 200);
    assert_eq!(
        tool.json(&["unlock", &person.email]).await["changed"],
        json!([])
    );
}

#[tokio::test]
async fn a_dry_run_of_any_command_writes_nothing() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let email = person.email.as_str();
    stack
        .obtain_token(&json!({ "login": email, "password": "wrong" }))
        .await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);

    for command in [
        &["create", "new@test.com", "--generate"][..],
        &["set-password", email, "--generate"],
        &["change-email", email, "new@test.com"],
        &["change-username", email, "new-name"],
        &["disable", email],
        &["log-out", email],
        &["unlock", email],
        &["remove-avatar", email],
        &["erase", email],
        &["check", "--fix"],
        &["sweep-avatars", "--delete"],
    ] {
        let ran = tool.run(&[command, &["--dry-run"]].concat()).await;

        ran.assert(0);
        assert_eq!(ran.stdout, "", "{command:?}");
        assert!(!ran.stderr.contains("\"outcome\""), "{ran:?}");
        assert_eq!(tables(&stack.stored()).await, before, "{command:?}");
    }
}

#[tokio::test]
async fn commands_for_an_account_that_is_not_there_write_nothing() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);

    for command in [
        &["set-password", "nobody", "--generate"][..],
        &["verify-password", "nobody", "--password-stdin"],
        &["change-email", "nobody", "new@test.com"],
        &["change-username", "nobody", "new-name"],
        &["disable", "nobody"],
        &["enable", "nobody"],
        &["log-out", "nobody"],
        &["unlock", "nobody"],
        &["erase", "nobody", "--yes"],
        &["export", "nobody"],
        &["remove-avatar", "nobody"],
    ] {
        let ran = tool.run(command).await;

        ran.assert_failed(3, "error: there is no account nobody");
        assert_eq!(tables(&stack.stored()).await, Vec::<String>::new());
    }
}
