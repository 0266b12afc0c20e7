use serde_json::json;
use support::OwnStack;

use crate::tool::Tool;

const EXPIRED: &str = r#"{"detail":"Signature has expired."}"#;

#[tokio::test]
async fn log_out_refuses_older_tokens_and_takes_new_ones() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let (_, others) = stack.member().await;

    let ran = Tool::of(&stack).run(&["log-out", &person.username]).await;

    ran.assert(0);
    stack.get_profile(&token).await.assert(401, EXPIRED);
    let change = json!({ "first_name": "Ada" });
    stack
        .update_profile(&token, &change)
        .await
        .assert(401, EXPIRED);
    let token = stack.log_in(&person).await;
    assert_eq!(stack.get_profile(&token).await.status, 200);
    assert_eq!(stack.get_profile(&others).await.status, 200);
}

#[tokio::test]
async fn what_was_changed_is_printed_as_json() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let uuid = stack.get_profile(&token).await.json()["uuid"].take();

    let printed = Tool::of(&stack).json(&["log-out", &person.email]).await;

    let expected =
        json!({ "command": "log-out", "uuid": uuid, "changed": ["tokens_from"], "dry_run": false });
    assert_eq!(printed, expected);
}
