use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use support::{
    OwnStack,
    pictures::{jpeg, photograph},
};

use crate::tool::Tool;

#[tokio::test]
async fn it_has_all_that_is_stored_and_the_picture() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    stack
        .update_profile(&token, &json!({ "first_name": "Ада" }))
        .await;
    let profile = stack.upload(&token, jpeg(&photograph(8, 8))).await.json();
    stack
        .obtain_token(&json!({ "login": person.username, "password": "wrong" }))
        .await;

    let ran = Tool::of(&stack).run(&["export", &person.email]).await;

    ran.assert(0);
    let mut exported: Value = serde_json::from_str(&ran.stdout).unwrap();
    let last = exported["failed_log_ins"]["username"]["last"].take();
    assert!(last.as_str().unwrap().ends_with('Z'));
    let picture = stack.avatar(&profile).await.body;
    assert_eq!(
        exported,
        json!({
            "uuid": profile["uuid"],
            "username": person.username,
            "email": person.email,
            "first_name": "Ада",
            "last_name": null,
            "patronymic": null,
            "avatar": {
                "url": profile["avatar"],
                "media_type": "image/webp",
                "base64": STANDARD.encode(picture),
            },
            "disabled": false,
            "tokens_from": null,
            "password": "argon2id m=19456,t=2,p=1",
            "failed_log_ins": {
                "email": { "count": 0, "last": null },
                "username": { "count": 1, "last": null },
            },
        })
    );
}

#[tokio::test]
async fn a_picture_that_is_gone_is_null() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    stack.upload(&token, jpeg(&photograph(8, 8))).await;
    let stored = stack.stored();
    for key in stored.avatars().await {
        stored.delete_object(&key).await;
    }

    let ran = Tool::of(&stack).run(&["export", &person.email]).await;

    ran.assert(0);
    let exported: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(exported["avatar"]["base64"], Value::Null);
}
