use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use support::{
    OwnStack, Stored,
    messages::{GONE, WRONG_CREDENTIALS},
    pictures::{jpeg, photograph},
};

use crate::tool::{Tool, tables};

/// The keys of all items in `logins` and `users`.
async fn keys(stored: &Stored) -> Vec<String> {
    let mut keys = Vec::new();
    for (table, key) in [("LOGINS_TABLE", "login"), ("USERS_TABLE", "uuid")] {
        for item in stored.items(table).await {
            let AttributeValue::S(key) = &item[key] else {
                panic!("a key is a string")
            };
            keys.push(key.clone());
        }
    }
    keys
}

#[tokio::test]
async fn nothing_is_left_of_a_person_but_digests() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let profile = stack.upload(&token, jpeg(&photograph(8, 8))).await.json();
    let uuid = profile["uuid"].as_str().unwrap();
    stack
        .obtain_token(&json!({ "login": person.email, "password": "wrong" }))
        .await;
    // An upload that no profile points to belongs to the person, too.
    stack
        .stored()
        .put_object(&format!("avatars/{uuid}/left"))
        .await;

    let ran = Tool::of(&stack)
        .run(&["erase", &person.email, "--yes"])
        .await;

    ran.assert(0);
    stack.get_profile(&token).await.assert_unauthenticated(GONE);
    stack
        .obtain_token(&person.log_in())
        .await
        .assert(401, WRONG_CREDENTIALS);
    assert_eq!(stack.stored().avatars().await, Vec::<String>::new());
    let left = tables(&stack.stored()).await.join("\n").to_lowercase();
    for text in [&person.email, &person.username, uuid] {
        assert!(!left.contains(&text.to_lowercase()), "{left}");
    }
    let keys = keys(&stack.stored()).await;
    let digests = keys.iter().filter(|key| key.starts_with("tombstone:"));
    assert_eq!((digests.count(), keys.len()), (2, 3), "{keys:?}");
    assert!(keys.contains(&"tombstone-key".to_owned()));
}

#[tokio::test]
async fn others_are_left_alone_and_the_address_is_free() {
    let stack = OwnStack::start().await;
    let (person, _) = stack.member().await;
    let (other, token) = stack.member().await;
    stack.upload(&token, jpeg(&photograph(8, 8))).await;
    let profile = stack.get_profile(&token).await.json();

    Tool::of(&stack)
        .run(&["erase", &person.username, "--yes"])
        .await
        .assert(0);

    assert_eq!(stack.get_profile(&token).await.json(), profile);
    assert_eq!(stack.avatar(&profile).await.status, 200);
    assert_eq!(stack.obtain_token(&other.log_in()).await.status, 200);
    assert_eq!(stack.create_user(&person.sign_up()).await.status, 201);
}

#[tokio::test]
async fn it_has_to_be_confirmed() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;

    let ran = Tool::of(&stack)
        .run_with(&["erase", &person.email], &person.username)
        .await;

    ran.assert_failed(6, "error: erase this account for good needs --yes");
    assert_eq!(tables(&stack.stored()).await, before);
}

#[tokio::test]
async fn tombstones_of_all_erasures_have_one_key() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let people = [stack.register().await, stack.register().await];

    let erase = people
        .each_ref()
        .map(|person| ["erase", &person.email, "--yes"]);
    let (first, second) = tokio::join!(tool.run(&erase[0]), tool.run(&erase[1]));

    first.assert(0);
    second.assert(0);
    let keys = keys(&stack.stored()).await;
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[tokio::test]
async fn a_damaged_account_can_be_erased() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let uuid = stack.get_profile(&token).await.json()["uuid"].take();
    stack.stored().clear("LOGINS_TABLE", "login").await;
    let tool = Tool::of(&stack);

    tool.run(&["erase", &person.email, "--yes"]).await.assert(3);
    tool.run(&["erase", uuid.as_str().unwrap(), "--yes"])
        .await
        .assert(0);

    stack.get_profile(&token).await.assert_unauthenticated(GONE);
}
