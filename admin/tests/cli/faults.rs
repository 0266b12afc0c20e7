use serde_json::{Value, json};
use support::{
    Fault, OwnStack, Person, Proxy,
    messages::WRONG_CREDENTIALS,
    pictures::{jpeg, photograph},
};

use crate::tool::{Ran, Tool};

/// More than the attempts at a call.
const ALWAYS: usize = 9;

/// The outcomes in the audit lines on stderr.
fn outcomes(ran: &Ran) -> Vec<String> {
    let lines = ran.stderr.lines();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .map(|line| line["outcome"].as_str().unwrap().to_owned())
        .collect()
}

async fn logs_in(stack: &OwnStack, login: &str, password: &str) -> bool {
    let log_in = json!({ "login": login, "password": password });
    let response = stack.obtain_token(&log_in).await;
    if response.status != 200 {
        response.assert(401, WRONG_CREDENTIALS);
    }
    response.status == 200
}

#[tokio::test]
async fn a_lost_response_is_not_a_failure() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);

    for fault in [Fault::LostResponse, Fault::CutResponse, Fault::HangUp] {
        let person = stack.register().await;
        let new = Person::new();
        proxy.plan("TransactWriteItems", 0, 1, fault);
        let change = tool.run(&["change-email", &person.email, &new.email]).await;
        proxy.plan("TransactWriteItems", 0, 1, fault);
        let command = ["set-password", &new.email, "--password-stdin"];
        let set = tool.run_with(&command, &new.password).await;

        change.assert(0);
        set.assert(0);
        assert!(logs_in(&stack, &new.email, &new.password).await);
        assert!(logs_in(&stack, &person.username, &new.password).await);
        tool.run(&["erase", &new.email, "--yes"]).await.assert(0);
    }
    assert_eq!(proxy.heal(), 0);
}

#[tokio::test]
async fn a_change_whose_outcome_is_unknown_is_whole_or_not_there() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);

    for (fault, is_written) in [(Fault::LostResponse, true), (Fault::HangUp, false)] {
        let person = stack.register().await;
        let new = Person::new();

        proxy.plan("TransactWriteItems", 0, ALWAYS, fault);
        let command = ["set-password", &person.email, "--password-stdin"];
        let set = tool.run_with(&command, &new.password).await;
        proxy.heal();

        set.assert(1);
        assert_eq!(outcomes(&set), ["unknown"]);
        for login in [&person.email, &person.username] {
            assert_eq!(logs_in(&stack, login, &new.password).await, is_written);
            assert_eq!(logs_in(&stack, login, &person.password).await, !is_written);
        }

        proxy.plan("TransactWriteItems", 0, ALWAYS, fault);
        let change = tool.run(&["change-email", &person.email, &new.email]).await;
        proxy.heal();

        change.assert(1);
        assert_eq!(outcomes(&change), ["unknown"]);
        let password = if is_written {
            &new.password
        } else {
            &person.password
        };
        assert_eq!(logs_in(&stack, &new.email, password).await, is_written);
        assert_eq!(logs_in(&stack, &person.email, password).await, !is_written);
        assert!(logs_in(&stack, &person.username, password).await);
        tool.run(&["check"]).await.assert(0);
    }
}

#[tokio::test]
async fn an_erasure_that_fails_half_way_leaves_nobody_in_and_can_be_repeated() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);

    for (operation, spared, fault) in [
        // The tombstones' key, made at the first erasure alone.
        ("PutItem", 0, Fault::HangUp),
        // The pictures: their list, and each of them.
        ("GetObject", 0, Fault::HangUp),
        ("DeleteObject", 0, Fault::HangUp),
        ("DeleteObject", 0, Fault::LostResponse),
        // The last transaction.
        ("TransactWriteItems", 1, Fault::HangUp),
        (
            "TransactWriteItems",
            1,
            Fault::Refusal(500, r#"{"__type":"InternalServerError"}"#),
        ),
    ] {
        let (person, token) = stack.member().await;
        stack.upload(&token, jpeg(&photograph(8, 8))).await;
        proxy.plan(operation, spared, ALWAYS, fault);

        let ran = tool.run(&["erase", &person.email, "--yes"]).await;

        assert_ne!(proxy.heal(), ALWAYS, "{operation}");
        ran.assert(1);
        let outcomes = outcomes(&ran);
        assert_eq!(outcomes[0], "written", "{operation}");
        stack
            .get_profile(&token)
            .await
            .assert_unauthenticated("Signature has expired.");
        assert!(!logs_in(&stack, &person.email, &person.password).await);
        assert!(!logs_in(&stack, &person.username, &person.password).await);

        tool.run(&["erase", &person.email, "--yes"]).await.assert(0);

        tool.run(&["show", &person.email]).await.assert(3);
        assert_eq!(
            stack.stored().avatars().await,
            Vec::<String>::new(),
            "{operation}"
        );
        assert_eq!(stack.stored().items("ATTEMPTS_TABLE").await.len(), 0);
    }
}

#[tokio::test]
async fn an_erasure_that_never_began_changes_nothing() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    let (person, token) = stack.member().await;
    proxy.plan("TransactWriteItems", 0, ALWAYS, Fault::HangUp);

    tool.run(&["erase", &person.email, "--yes"]).await.assert(1);

    assert_eq!(stack.get_profile(&token).await.status, 200);
    assert!(logs_in(&stack, &person.email, &person.password).await);
}

#[tokio::test]
async fn throttled_reads_are_tried_again() {
    const THROTTLED: &str = r#"{"__type":"ProvisionedThroughputExceededException"}"#;
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    for operation in ["Scan", "BatchGetItem", "GetItem", "TransactGetItems"] {
        proxy.plan(operation, 0, 2, Fault::Refusal(400, THROTTLED));
    }

    let ran = tool.run(&["list", "--output", "json"]).await;
    tool.run(&["show", &person.email]).await.assert(0);

    assert_eq!(ran.lines().len(), 1);
    assert_eq!(proxy.heal(), 0);
}
