use futures_util::future::join_all;
use serde_json::json;
use support::{Fault, OwnStack, Person, Proxy};

use crate::tool::Tool;

#[tokio::test]
async fn of_twenty_accounts_one_gets_an_address() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let mut people = Vec::new();
    for _ in 0..20 {
        people.push(stack.register().await);
    }
    let wanted = Person::new().email;

    let changes = people
        .iter()
        .map(async |person| tool.run(&["change-email", &person.username, &wanted]).await);
    let ran = join_all(changes).await;

    let codes = ran.iter().map(|ran| ran.code);
    assert_eq!(codes.clone().filter(|code| *code == 0).count(), 1);
    assert_eq!(codes.filter(|code| *code == 4).count(), 19);
    // Nobody has lost their own.
    for (person, ran) in people.iter().zip(&ran) {
        let email = if ran.code == 0 {
            &wanted
        } else {
            &person.email
        };
        let log_in = json!({ "login": email, "password": person.password });
        assert_eq!(stack.obtain_token(&log_in).await.status, 200);
    }
    tool.run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn of_two_operators_at_once_one_is_told_that_the_account_has_changed() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let proxy = Proxy::start();
    let tool = Tool::through(&proxy.aws(), &stack);

    for command in [
        ["set-password", &person.username, "--generate"],
        ["change-email", &person.username, &Person::new().email],
    ] {
        // Each has read the account before either writes.
        proxy.plan("TransactWriteItems", 0, 2, Fault::Meeting);

        let (first, second) = tokio::join!(tool.run(&command), tool.run(&command));

        let mut codes = [first.code, second.code];
        codes.sort_unstable();
        assert_eq!(codes, [0, 5], "{first:?} {second:?}");
        let loser = if first.code == 5 { first } else { second };
        loser.assert_failed(
            5,
            "error: the account has changed since it was read; nothing was written: repeat the command",
        );
    }
    Tool::of(&stack).run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn an_operator_and_a_log_in_that_replaces_a_hash_lose_nothing() {
    let proxy = Proxy::start();
    let stack = OwnStack::through(&proxy.aws(), &[]).await;
    let tool = Tool::through(&proxy.aws(), &stack);
    for _ in 0..4 {
        let person = stack.register().await;
        stack.stored().import_hashes().await;
        let log_in = json!({ "login": person.email, "password": "12345" });
        let new = Person::new().email;
        // Both have read the log-in before either writes.
        proxy.plan("TransactWriteItems", 0, 2, Fault::Meeting);

        let change = ["change-email", &person.username, &new];
        let (response, ran) = tokio::join!(stack.obtain_token(&log_in), tool.run(&change));

        assert_eq!(response.status, 200);
        let email = match ran.code {
            0 => &new,
            5 => &person.email,
            _ => panic!("{ran:?}"),
        };
        for login in [email, &person.username] {
            let log_in = json!({ "login": login, "password": "12345" });
            assert_eq!(stack.obtain_token(&log_in).await.status, 200);
        }
        tool.run(&["check"]).await.assert(0);
    }
}
