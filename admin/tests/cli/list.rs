use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::OwnStack;

use crate::tool::{Ran, Tool};

/// The addresses in a list.
fn emails(ran: &Ran) -> BTreeSet<String> {
    ran.assert(0);
    let lines = ran.lines().into_iter();
    lines
        .map(|line| line["email"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn filters_choose_accounts() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let people = [
        stack.register().await,
        stack.register().await,
        stack.register().await,
    ];
    let emails_of = |people: &[&support::Person]| -> BTreeSet<_> {
        people.iter().map(|person| person.email.clone()).collect()
    };
    let [ada, bob, eve] = &people;
    let list = async |filter: &[&str]| {
        let arguments = [&["list", "--output", "json"], filter].concat();
        emails(&tool.run(&arguments).await)
    };
    tool.run(&["disable", &ada.email]).await.assert(0);
    stack
        .obtain_token(&json!({ "login": bob.username, "password": "wrong" }))
        .await;
    stack.stored().set_failures(14).await;
    let without_password = |item: &mut support::Item| {
        if item["email"].as_s().unwrap() == &eve.email {
            item.remove("password_hash");
        }
    };
    stack
        .stored()
        .change("LOGINS_TABLE", without_password)
        .await;

    assert_eq!(list(&[]).await, emails_of(&[ada, bob, eve]));
    assert_eq!(list(&["--disabled"]).await, emails_of(&[ada]));
    assert_eq!(list(&["--locked"]).await, emails_of(&[bob]));
    assert_eq!(list(&["--no-password"]).await, emails_of(&[eve]));
    assert_eq!(list(&["--hash", "argon2id"]).await, emails_of(&[ada, bob]));
    assert_eq!(list(&["--hash", "pbkdf2_sha256"]).await, emails_of(&[]));
    assert_eq!(
        list(&["--hash", "argon2id", "--locked"]).await,
        emails_of(&[bob])
    );
}

#[tokio::test]
async fn pages_together_are_all_accounts_once() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    for _ in 0..5 {
        stack.register().await;
    }
    let mut uuids = Vec::new();
    let mut after = Vec::new();
    loop {
        let page = ["list", "--output", "json", "--limit", "2"];
        let after_last: Vec<_> = after.iter().map(String::as_str).collect();
        let ran = tool.run(&[&page[..], &after_last].concat()).await;
        ran.assert(0);
        let page = ran.lines().into_iter();
        uuids.extend(page.map(|line| line["uuid"].as_str().unwrap().to_owned()));
        let Some(last) = ran.stderr.strip_prefix("there are more: --after ") else {
            assert_eq!(ran.stderr, "");
            break;
        };
        assert_eq!(last.trim_end(), uuids.last().unwrap());
        after = vec!["--after".to_owned(), last.trim_end().to_owned()];
    }
    assert_eq!(uuids.len(), 5);
    assert_eq!(uuids.iter().collect::<BTreeSet<_>>().len(), 5);
}

#[tokio::test]
async fn more_accounts_than_in_a_page_of_the_table_are_listed() {
    let stack = OwnStack::start().await;
    let (_, token) = stack.member().await;
    let template = stack.stored().items("USERS_TABLE").await.remove(0);
    for number in 0..120 {
        let mut item = template.clone();
        let uuid = uuid::Uuid::from_u128(number).to_string();
        item.insert(
            "uuid".to_owned(),
            aws_sdk_dynamodb::types::AttributeValue::S(uuid),
        );
        stack.stored().put("USERS_TABLE", item).await;
    }
    assert_eq!(stack.get_profile(&token).await.status, 200);

    let ran = Tool::of(&stack)
        .run(&["list", "--all", "--output", "json"])
        .await;

    ran.assert(0);
    assert_eq!(ran.lines().len(), 121);
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn a_list_is_csv_or_a_table_as_well() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    let uuid = stack.get_profile(&token).await.json()["uuid"].take();
    let tool = Tool::of(&stack);

    let csv = tool.run(&["list", "--csv"]).await;
    let table = tool.run(&["list"]).await;

    csv.assert(0);
    let Value::String(uuid) = uuid else {
        panic!("a uuid is a string")
    };
    let (email, username) = (&person.email, &person.username);
    assert_eq!(
        csv.stdout,
        format!(
            "uuid,username,email,disabled,locked,password\n\
            {uuid},{username},{email},no,no,\"argon2id m=19456,t=2,p=1\"\n"
        )
    );
    table.assert(0);
    for text in [&uuid, username, email] {
        assert!(table.stdout.contains(text.as_str()), "{table:?}");
    }
}

#[tokio::test]
async fn no_accounts_are_an_empty_list() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);

    for arguments in [
        &["list"][..],
        &["list", "--csv"],
        &["list", "--output", "json"],
    ] {
        let ran = tool.run(arguments).await;

        assert_eq!(
            (ran.code, ran.stdout, ran.stderr),
            (0, String::new(), String::new())
        );
    }
}
