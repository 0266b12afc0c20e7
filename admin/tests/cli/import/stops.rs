use std::{fs, process::Command};

use serde_json::json;
use support::{Fault, OwnStack, Proxy};
use tokio::task;

use super::{Files, accounts, counts, import, outcomes};
use crate::tool::{Tool, tables};

/// More than the attempts at a call.
const ALWAYS: usize = 9;

#[tokio::test]
async fn faults_lose_and_double_nothing() {
    const THROTTLED: &str = r#"{"__type":"ThrottlingException","message":"slower"}"#;
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    let files = Files::new();
    let file = files.lines("users.jsonl", &accounts(60));
    let map = files.path("map.csv");
    for (spared, failing, fault) in [
        (3, 5, Fault::Refusal(400, THROTTLED)),
        (4, 3, Fault::LostResponse),
        (4, 3, Fault::HangUp),
        (4, 3, Fault::CutResponse),
        (4, 2, Fault::Refusal(500, "")),
    ] {
        proxy.plan("TransactWriteItems", spared, failing, fault);
    }
    proxy.plan("BatchGetItem", 0, 1, Fault::LostResponse);

    let arguments = [&*file, "--map", map.to_str().unwrap()];
    let counts = counts(&import(&tool, &arguments).await, 0);

    assert_eq!(proxy.heal(), 0);
    assert_eq!(outcomes(&counts), [60, 0, 0, 0]);
    assert_eq!(counts["problems"], json!({}));
    assert_eq!(fs::read_to_string(map).unwrap().lines().count(), 61);
    assert_eq!(tables(&stack.stored()).await.len(), 180);
    tool.run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn a_denied_write_stops_it_and_a_repetition_goes_on() {
    const DENIED: &str = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    let files = Files::new();
    let file = files.lines("users.jsonl", &accounts(200));
    proxy.plan(
        "TransactWriteItems",
        50,
        ALWAYS,
        Fault::Refusal(400, DENIED),
    );

    let ran = import(&tool, &[&file]).await;
    proxy.heal();

    let stopped = counts(&ran, 7);
    let unknown = stopped["unknown"].as_u64().unwrap();
    let created = outcomes(&stopped)[0];
    assert_eq!(stopped["read"], created + unknown);
    let again = counts(&import(&tool, &[&file]).await, 0);
    assert_eq!(outcomes(&again), [200 - created, 0, created, 0]);
    assert_eq!(tables(&stack.stored()).await.len(), 600);
}

#[tokio::test]
async fn a_killed_import_goes_on_where_it_stopped() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    let files = Files::new();
    let file = files.lines("users.jsonl", &accounts(300));

    // Each is killed while a transaction has been carried out and its response is on its way.
    for spared in [0, 1, 20, 70, 100] {
        proxy.plan("TransactWriteItems", spared, 1, Fault::LateResponse);
        let mut child = tool.start(&["import", &file]);
        proxy.late_response().await;
        child.kill().unwrap();
        child.wait().unwrap();
        tool.run(&["check"]).await.assert(0);
    }
    let last = counts(&import(&tool, &[&file]).await, 0);

    let [created, updated, skipped, rejected] = outcomes(&last);
    assert_eq!((created + skipped, updated, rejected), (300, 0, 0));
    assert!(created < 300 && skipped < 300, "{last}");
    assert_eq!(tables(&stack.stored()).await.len(), 900);
    tool.run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn an_interrupted_import_ends_what_it_has_begun() {
    let stack = OwnStack::start().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);
    let files = Files::new();
    let file = files.lines("users.jsonl", &accounts(600));
    let map = files.path("map.csv");
    proxy.plan("TransactWriteItems", 50, 1, Fault::LateResponse);

    let mut child = tool.start(&["import", &file, "--map", map.to_str().unwrap()]);
    proxy.late_response().await;
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let ended = task::spawn_blocking(move || child.wait().unwrap());

    assert_eq!(ended.await.unwrap().code(), Some(9));
    let written = fs::read_to_string(map).unwrap().lines().count() - 1;
    assert_eq!(tables(&stack.stored()).await.len(), 3 * written);
    assert!(written < 600, "{written}");
    let last = counts(&import(&tool, &[&file]).await, 0);
    assert_eq!(
        outcomes(&last),
        [600 - written as u64, 0, written as u64, 0]
    );
}
