use serde_json::json;
use support::{OwnStack, Person, messages::WRONG_CREDENTIALS};

use crate::tool::{Tool, tables};

const NEW: &str = "difference engine";

/// Registers a person by a password that keeps the strict policy.
async fn strict(stack: &OwnStack) -> Person {
    let mut person = Person::new();
    person.password = "correct horse battery staple".to_owned();
    let response = stack.create_user(&person.sign_up()).await;
    assert_eq!(response.status, 201);
    person
}

#[tokio::test]
async fn set_password_replaces_it_everywhere_and_revokes_tokens_and_lock_outs() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    stack
        .obtain_token(&json!({ "login": person.username, "password": "wrong" }))
        .await;
    stack.stored().set_failures(14).await;

    let ran = Tool::of(&stack)
        .run_with(
            &["set-password", &person.email, "--password-stdin"],
            &format!("{NEW}\n"),
        )
        .await;

    ran.assert(0);
    assert_eq!(ran.stdout, "");
    assert!(!ran.stderr.contains(NEW), "{ran:?}");
    assert_eq!(stack.get_profile(&token).await.status, 401);
    for login in [&person.email, &person.username] {
        let log_in = json!({ "login": login, "password": NEW });
        assert_eq!(stack.obtain_token(&log_in).await.status, 200);
    }
    stack
        .obtain_token(&person.log_in())
        .await
        .assert(401, WRONG_CREDENTIALS);
}

#[tokio::test]
async fn set_password_keeps_tokens_if_it_is_told_to() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;

    Tool::of(&stack)
        .run(&["set-password", &person.email, "--generate", "--keep-tokens"])
        .await
        .assert(0);

    assert_eq!(stack.get_profile(&token).await.status, 200);
}

#[tokio::test]
async fn a_made_up_password_is_printed_once_and_works() {
    let stack = OwnStack::with(&[("PASSWORD_POLICY", "strict")]).await;
    let person = strict(&stack).await;
    let tool = Tool::of(&stack);

    let ran = tool
        .run(&["set-password", &person.email, "--generate"])
        .await;

    ran.assert(0);
    let password = ran.stdout.trim_end();
    assert!(!ran.stderr.contains(password), "{ran:?}");
    let log_in = json!({ "login": person.email, "password": password });
    assert_eq!(stack.obtain_token(&log_in).await.status, 200);

    let printed = tool
        .json(&["set-password", &person.email, "--generate"])
        .await;

    let log_in = json!({ "login": person.email, "password": printed["password"] });
    assert_eq!(stack.obtain_token(&log_in).await.status, 200);
}

#[tokio::test]
async fn the_policy_of_the_service_is_kept_unless_it_is_skipped_aloud() {
    let stack = OwnStack::with(&[("PASSWORD_POLICY", "strict")]).await;
    let person = strict(&stack).await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);
    let command = ["set-password", &person.email, "--password-stdin"];
    let rule = "This password is too short. It must contain at least 15 characters.";

    let refused = tool.run_with(&command, "engines").await;

    refused.assert_failed(4, &format!("error: {rule}"));
    assert_eq!(tables(&stack.stored()).await, before);

    let skipped = tool
        .run_with(&[&command[..], &["--skip-policy"]].concat(), "engines")
        .await;

    skipped.assert(0);
    assert!(
        skipped.stderr.starts_with(&format!(
            "warning: --skip-policy takes a password that the service refuses: {rule}\n"
        )),
        "{skipped:?}"
    );
    let log_in = json!({ "login": person.email, "password": "engines" });
    assert_eq!(stack.obtain_token(&log_in).await.status, 200);
}

#[tokio::test]
async fn without_a_terminal_the_flags_for_a_password_are_named() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let tool = Tool::of(&stack);

    let set = tool
        .run(&["set-password", &person.email, "--no-input"])
        .await;
    let verify = tool.run(&["verify-password", &person.email]).await;
    let empty = tool
        .run(&["set-password", &person.email, "--password-stdin"])
        .await;

    set.assert_failed(
        6,
        "error: a password is needed: --password-stdin or --generate",
    );
    verify.assert_failed(6, "error: a password is needed: --password-stdin");
    empty.assert_failed(6, "error: there is no password on stdin");
}

#[tokio::test]
async fn a_password_that_nobody_could_log_in_with_is_refused() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let command = [
        "set-password",
        &person.email,
        "--password-stdin",
        "--skip-policy",
    ];

    let ran = Tool::of(&stack).run_with(&command, &"x".repeat(129)).await;

    ran.assert_failed(
        4,
        "error: Ensure this field has no more than 128 characters.",
    );
}

#[tokio::test]
async fn verify_password_tells_without_counting_an_attempt() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);
    let command = [
        "verify-password",
        &person.email,
        "--password-stdin",
        "--output",
        "json",
    ];

    let right = tool.run_with(&command, &person.password).await;
    let wrong = tool.run_with(&command, "wrong").await;

    right.assert(0);
    assert_eq!(right.lines()[0]["right"], true);
    wrong.assert(4);
    assert_eq!(wrong.lines()[0]["right"], false);
    assert_eq!(wrong.stderr, "error: the password is wrong\n");
    assert_eq!(tables(&stack.stored()).await, before);
}

#[tokio::test]
async fn verify_password_proves_an_imported_hash_and_does_not_replace_it() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    stack.stored().import_hashes().await;
    let before = tables(&stack.stored()).await;
    let command = [
        "verify-password",
        &person.username,
        "--password-stdin",
        "--output",
        "json",
    ];

    let ran = Tool::of(&stack).run_with(&command, "12345").await;

    ran.assert(0);
    assert_eq!(ran.lines()[0]["password"], "argon2id m=8,t=1,p=1");
    assert_eq!(ran.lines()[0]["right"], true);
    assert_eq!(tables(&stack.stored()).await, before);
}
