use serde_json::json;
use support::{OwnStack, Person, messages::WRONG_CREDENTIALS};

use crate::tool::{Tool, tables};

#[tokio::test]
async fn change_email_moves_the_login_and_revokes_tokens() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let new = Person::new().email;

    Tool::of(&stack)
        .run(&["change-email", &person.username, &new])
        .await
        .assert(0);

    assert_eq!(stack.get_profile(&token).await.status, 401);
    stack
        .obtain_token(&person.log_in())
        .await
        .assert(401, WRONG_CREDENTIALS);
    for login in [&new, &person.username] {
        let log_in = json!({ "login": login, "password": person.password });
        let token = stack.obtain_token(&log_in).await.json()["token"].take();
        let profile = stack.get_profile(token.as_str().unwrap()).await.json();
        assert_eq!(profile["email"], *new);
        assert_eq!(profile["username"], *person.username);
    }
    assert_eq!(stack.stored().items("LOGINS_TABLE").await.len(), 2);
    // The old address is free again.
    let sign_up = json!({ "email": person.email, "password": "12345" });
    assert_eq!(stack.create_user(&sign_up).await.status, 201);
}

#[tokio::test]
async fn change_username_moves_the_login_and_revokes_tokens() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let new = Person::new().username;

    Tool::of(&stack)
        .run(&["change-username", &person.email, &new])
        .await
        .assert(0);

    assert_eq!(stack.get_profile(&token).await.status, 401);
    let old = json!({ "login": person.username, "password": person.password });
    stack
        .obtain_token(&old)
        .await
        .assert(401, WRONG_CREDENTIALS);
    for login in [&new, &person.email] {
        let log_in = json!({ "login": login, "password": person.password });
        let token = stack.obtain_token(&log_in).await.json()["token"].take();
        let profile = stack.get_profile(token.as_str().unwrap()).await.json();
        assert_eq!(profile["username"], *new);
        assert_eq!(profile["email"], *person.email);
    }
}

#[tokio::test]
async fn another_spelling_of_the_same_login_is_no_other_login() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let (email, username) = (person.email.to_uppercase(), person.username.to_uppercase());
    let tool = Tool::of(&stack);

    tool.run(&["change-email", &person.email, &email])
        .await
        .assert(0);
    tool.run(&["change-username", &person.email, &username])
        .await
        .assert(0);

    let shown = tool.json(&["show", &person.email]).await;
    assert_eq!(shown["email"], *email);
    assert_eq!(shown["username"], *username);
    assert_eq!(stack.obtain_token(&person.log_in()).await.status, 200);
    assert_eq!(stack.stored().items("LOGINS_TABLE").await.len(), 2);
}

#[tokio::test]
async fn a_login_that_somebody_has_is_refused() {
    let stack = OwnStack::start().await;
    let (ada, bob) = (stack.register().await, stack.register().await);
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);

    for dry_run in [&[][..], &["--dry-run"]] {
        let email = ["change-email", &ada.email, &bob.email.to_lowercase()];
        let email = tool.run(&[&email[..], dry_run].concat()).await;
        let username = ["change-username", &ada.email, &bob.username.to_lowercase()];
        let username = tool.run(&[&username[..], dry_run].concat()).await;

        email.assert_failed(4, "error: another account has this address");
        username.assert_failed(4, "error: another account has this username");
        assert_eq!(tables(&stack.stored()).await, before);
    }
}

#[tokio::test]
async fn a_login_that_breaks_the_rules_of_sign_up_is_refused() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);

    let email = tool.run(&["change-email", &person.email, "nowhere"]).await;
    let username = tool.run(&["change-username", &person.email, "a@b"]).await;

    email.assert_failed(4, "error: Enter a valid email address.");
    username.assert_failed(
        4,
        "error: Enter a valid username. This value may contain only letters, numbers, and ./+/-/_ characters.",
    );
    assert_eq!(tables(&stack.stored()).await, before);
}
