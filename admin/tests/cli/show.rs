use serde_json::json;
use support::{
    OwnStack, Person,
    messages::CREATED,
    pictures::{jpeg, photograph},
};
use uuid::Uuid;

use crate::tool::Tool;

#[tokio::test]
async fn an_account_is_found_by_address_username_and_uuid() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let profile = stack.get_profile(&token).await.json();
    let uuid = profile["uuid"].as_str().unwrap();
    let tool = Tool::of(&stack);

    let shown = tool.json(&["show", &person.email.to_lowercase()]).await;

    assert_eq!(
        shown,
        json!({
            "uuid": uuid,
            "username": person.username,
            "email": person.email,
            "first_name": null,
            "last_name": null,
            "patronymic": null,
            "avatar": null,
            "disabled": false,
            "password": "argon2id m=19456,t=2,p=1",
            "tokens_from": null,
            "email_failures": 0,
            "email_locked_until": null,
            "username_failures": 0,
            "username_locked_until": null,
        })
    );
    assert_eq!(tool.json(&["show", &person.username]).await, shown);
    assert_eq!(tool.json(&["show", uuid]).await, shown);
}

#[tokio::test]
async fn a_table_is_for_people() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;

    let ran = Tool::of(&stack).run(&["show", &person.email]).await;

    ran.assert(0);
    assert!(ran.stdout.contains(&person.username), "{ran:?}");
    assert!(!ran.stdout.contains("$argon2id"), "{ran:?}");
    // Nothing was written.
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn what_a_user_and_an_operator_have_set_is_shown() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let names = json!({ "first_name": "Ада", "last_name": "Кинг", "patronymic": "Джорджевна" });
    stack.update_profile(&token, &names).await;
    let avatar = stack.upload(&token, jpeg(&photograph(8, 8))).await.json();
    let wrong = json!({ "login": person.username, "password": "wrong" });
    for _ in 0..6 {
        stack.obtain_token(&wrong).await;
    }
    let tool = Tool::of(&stack);
    tool.run(&["disable", &person.email]).await.assert(0);
    tool.run(&["log-out", &person.email]).await.assert(0);

    let shown = tool.json(&["show", &person.email]).await;

    assert_eq!(shown["first_name"], "Ада");
    assert_eq!(shown["last_name"], "Кинг");
    assert_eq!(shown["patronymic"], "Джорджевна");
    assert_eq!(shown["avatar"], avatar["avatar"]);
    assert_eq!(shown["disabled"], true);
    assert_eq!(shown["email_failures"], 0);
    assert_eq!(shown["email_locked_until"], json!(null));
    assert_eq!(shown["username_failures"], 5);
    assert!(shown["tokens_from"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn logins_come_from_stdin_and_one_that_fails_does_not_stop_the_others() {
    let stack = OwnStack::start().await;
    let (ada, bob) = (stack.register().await, stack.register().await);
    let nobody = Person::new().email;
    let logins = format!("{}\n{nobody}\n\n{}\n", ada.email, bob.username);

    let ran = Tool::of(&stack)
        .run_with(&["show", "-", "--output", "json"], &logins)
        .await;

    ran.assert(3);
    let shown: Vec<_> = ran
        .lines()
        .iter()
        .map(|line| line["email"].clone())
        .collect();
    assert_eq!(shown, [ada.email, bob.email]);
    assert_eq!(
        ran.stderr,
        format!("error: {nobody}: there is no account {nobody}\nerror: 1 of 3 failed\n")
    );
}

#[tokio::test]
async fn an_account_that_is_not_there_has_an_exit_code_of_its_own() {
    let stack = OwnStack::start().await;
    let uuid = Uuid::new_v4().to_string();

    for login in ["nobody@test.com", "nobody", &uuid] {
        let ran = Tool::of(&stack).run(&["show", login]).await;

        ran.assert_failed(3, &format!("error: there is no account {login}"));
    }
}

#[tokio::test]
async fn a_username_does_not_pass_for_a_uuid() {
    let stack = OwnStack::start().await;
    let (_, token) = stack.member().await;
    let uuid = stack.get_profile(&token).await.json()["uuid"].take();
    let sign_up = json!({ "email": Person::new().email, "username": uuid, "password": "12345" });
    stack.create_user(&sign_up).await.assert(201, CREATED);

    let shown = Tool::of(&stack)
        .json(&["show", uuid.as_str().unwrap()])
        .await;

    assert_eq!(shown["uuid"], uuid);
}
