//! The objects in the bucket that uploads leave.

use reqwest::multipart;
use serde_json::{Value, json};
use support::{
    OwnStack,
    messages::GONE,
    pictures::{jpeg, photograph},
    send,
};

#[tokio::test]
async fn a_new_one_gets_a_new_name_and_the_old_one_goes() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let upload = jpeg(&photograph(64, 64));
    let first = api.upload(&token, upload.clone()).await.json();

    let second = api.upload(&token, upload).await.json();

    assert_ne!(first["avatar"], second["avatar"]);
    api.avatar(&first).await.assert_detail(404, "Not found.");
    assert_eq!(api.avatar(&second).await.status, 200);
    assert_eq!(api.stored().avatars().await.len(), 1);
}

#[tokio::test]
async fn null_or_an_empty_text_of_a_form_removes_it() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    for request in [
        api.update(&token).json(&json!({ "avatar": null })),
        api.update(&token).form(&[("avatar", "")]),
        api.update(&token)
            .multipart(multipart::Form::new().text("avatar", "")),
    ] {
        api.upload(&token, jpeg(&photograph(64, 64))).await;

        let response = send(request).await;

        assert_eq!(
            (response.status, &response.json()["avatar"]),
            (200, &Value::Null)
        );
        assert_eq!(api.stored().avatars().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_wrong_name_beside_it_keeps_it_from_being_stored() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let file = multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
    let form = multipart::Form::new()
        .text("first_name", "A\u{7}da")
        .part("avatar", file);

    let response = send(api.update(&token).multipart(form)).await;

    response.assert_field("first_name", "Control characters are not allowed.");
    assert_eq!(api.stored().avatars().await, [""; 0]);
}

#[tokio::test]
async fn that_of_an_account_that_is_gone_is_not_kept() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    api.stored().clear("USERS_TABLE", "uuid").await;

    let response = api.upload(&token, jpeg(&photograph(64, 64))).await;

    response.assert_unauthenticated(GONE);
    assert_eq!(api.stored().avatars().await, [""; 0]);
    assert_eq!(api.stored().items("USERS_TABLE").await, []);
}
