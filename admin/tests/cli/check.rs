use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use support::{
    Item, OwnStack, Person,
    pictures::{jpeg, photograph},
};

use crate::tool::{Ran, Tool, tables};

const CHECK: [&str; 3] = ["check", "--output", "json"];
const FIX: [&str; 4] = ["check", "--fix", "--output", "json"];

/// The faults that a check has found, with their details and whether they were mended.
fn faults(ran: &Ran) -> Vec<(String, Value, bool)> {
    let faults = ran.lines().into_iter().map(|line| {
        let fault = line["fault"].as_str().unwrap().to_owned();
        (
            fault,
            line["detail"].clone(),
            line["fixed"].as_bool().unwrap(),
        )
    });
    let mut faults: Vec<_> = faults.collect();
    faults.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    faults
}

/// Whether an item of `logins` has a key of this kind.
fn is(item: &Item, kind: &str) -> bool {
    item["login"].as_s().unwrap().starts_with(kind)
}

/// Replaces the items of `logins` by those that `change` makes of them.
async fn rewrite(stack: &OwnStack, change: impl Fn(Item) -> Option<Item>) {
    let stored = stack.stored();
    let items = stored.items("LOGINS_TABLE").await;
    stored.clear("LOGINS_TABLE", "login").await;
    for item in items.into_iter().filter_map(change) {
        stored.put("LOGINS_TABLE", item).await;
    }
}

async fn assert_can_log_in(stack: &OwnStack, person: &Person) {
    for login in [&person.email, &person.username] {
        let log_in = json!({ "login": login, "password": person.password });
        let token = stack.obtain_token(&log_in).await.json()["token"].take();
        assert_eq!(stack.get_profile(token.as_str().unwrap()).await.status, 200);
    }
}

#[tokio::test]
async fn accounts_as_the_service_makes_them_are_without_fault() {
    let stack = OwnStack::start().await;
    let (_, token) = stack.member().await;
    stack.upload(&token, jpeg(&photograph(8, 8))).await;
    let tool = Tool::of(&stack);
    let erased = stack.register().await;
    tool.run(&["erase", &erased.email, "--yes"]).await.assert(0);

    let ran = tool.run(&CHECK).await;

    ran.assert(0);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.stderr,
        "1 accounts and 2 log-ins read: 0 faults, 0 left\n"
    );
}

#[tokio::test]
async fn hashes_are_counted_by_kind() {
    let stack = OwnStack::start().await;
    stack.register().await;
    stack.stored().import_hashes().await;
    stack.register().await;
    stack.register().await;

    let ran = Tool::of(&stack)
        .run(&["check", "--hashes", "--output", "json"])
        .await;

    ran.assert(0);
    let expected = [
        json!({ "hash": "argon2id m=19456,t=2,p=1", "accounts": 2 }),
        json!({ "hash": "argon2id m=8,t=1,p=1", "accounts": 1 }),
    ];
    assert_eq!(ran.lines(), expected);
}

#[tokio::test]
async fn a_missing_login_is_made_from_the_other() {
    for (missing, name) in [("email:", "email"), ("username:", "username")] {
        let stack = OwnStack::start().await;
        let person = stack.register().await;
        let before = tables(&stack.stored()).await;
        rewrite(&stack, |item| (!is(&item, missing)).then_some(item)).await;
        let tool = Tool::of(&stack);

        let found = tool.run(&CHECK).await;
        let mended = tool.run(&FIX).await;

        found.assert(4);
        assert_eq!(
            faults(&found),
            [("login-missing".to_owned(), json!(name), false)]
        );
        mended.assert(0);
        assert_eq!(
            faults(&mended),
            [("login-missing".to_owned(), json!(name), true)]
        );
        assert_eq!(tables(&stack.stored()).await, before);
        assert_can_log_in(&stack, &person).await;
    }
}

#[tokio::test]
async fn a_missing_profile_is_made_from_a_login() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    stack.stored().clear("USERS_TABLE", "uuid").await;
    let tool = Tool::of(&stack);

    let found = tool.run(&CHECK).await;
    let mended = tool.run(&FIX).await;

    let missing = |fixed| ("profile-missing".to_owned(), Value::Null, fixed);
    found.assert(4);
    assert_eq!(faults(&found), [missing(false), missing(false)]);
    // The second of the two has its profile by then.
    mended.assert(0);
    assert_eq!(faults(&mended), [missing(true)]);
    assert_eq!(tables(&stack.stored()).await, before);
    assert_can_log_in(&stack, &person).await;
}

#[tokio::test]
async fn a_key_that_is_not_canonical_is_moved() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    rewrite(&stack, |mut item| {
        if is(&item, "email:") {
            let key = format!("email:{}", item["email"].as_s().unwrap());
            item.insert("login".to_owned(), AttributeValue::S(key));
        }
        Some(item)
    })
    .await;
    let tool = Tool::of(&stack);

    let found = tool.run(&CHECK).await;
    let mended = tool.run(&FIX).await;

    found.assert(4);
    let expected = [
        ("key-not-canonical".to_owned(), Value::Null, false),
        ("login-missing".to_owned(), json!("email"), false),
    ];
    assert_eq!(faults(&found), expected);
    mended.assert(0);
    assert_eq!(
        faults(&mended),
        [("key-not-canonical".to_owned(), Value::Null, true)]
    );
    assert_eq!(tables(&stack.stored()).await, before);
    assert_can_log_in(&stack, &person).await;
}

#[tokio::test]
async fn an_address_that_a_sign_up_may_not_have_is_not_a_fault() {
    let stack = OwnStack::start().await;
    let mut person = stack.register().await;
    person.email = "Ada@foo_bar.com".to_owned();
    let rename = |item: &mut Item| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        item.insert("email".to_owned(), text(&person.email));
        if item.contains_key("login") && is(item, "email:") {
            item.insert("login".to_owned(), text("email:ada@foo_bar.com"));
        }
    };
    rewrite(&stack, |mut item| {
        rename(&mut item);
        Some(item)
    })
    .await;
    stack.stored().change("USERS_TABLE", rename).await;

    let ran = Tool::of(&stack).run(&FIX).await;

    ran.assert(0);
    assert_eq!(ran.stdout, "");
    assert_can_log_in(&stack, &person).await;
}

#[tokio::test]
async fn an_account_that_is_disabled_in_part_is_disabled_altogether() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    rewrite(&stack, |mut item| {
        if is(&item, "email:") {
            item.insert("disabled".to_owned(), AttributeValue::Bool(true));
        }
        Some(item)
    })
    .await;
    let tool = Tool::of(&stack);

    let mended = tool.run(&FIX).await;

    mended.assert(0);
    assert_eq!(
        faults(&mended),
        [("disabled-differs".to_owned(), Value::Null, true)]
    );
    let by_username = json!({ "login": person.username, "password": person.password });
    assert_eq!(stack.obtain_token(&by_username).await.status, 401);
}

#[tokio::test]
async fn an_avatar_that_is_gone_is_taken_from_the_profile() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    stack.upload(&token, jpeg(&photograph(8, 8))).await;
    for key in stack.stored().avatars().await {
        stack.stored().delete_object(&key).await;
    }
    let tool = Tool::of(&stack);

    let found = tool.run(&CHECK).await;
    let mended = tool.run(&FIX).await;

    found.assert(4);
    assert_eq!(
        faults(&found),
        [("avatar-missing".to_owned(), Value::Null, false)]
    );
    mended.assert(0);
    let shown = tool.json(&["show", &person.email]).await;
    assert_eq!(shown["avatar"], Value::Null);
}

#[tokio::test]
async fn a_person_who_was_erased_and_restored_is_found_and_not_mended() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let stored = stack.stored();
    let users = stored.items("USERS_TABLE").await;
    let logins = stored.items("LOGINS_TABLE").await;
    let tool = Tool::of(&stack);
    tool.run(&["erase", &person.email, "--yes"]).await.assert(0);
    for item in users {
        stored.put("USERS_TABLE", item).await;
    }
    stored.put("LOGINS_TABLE", logins[0].clone()).await;

    let ran = tool.run(&FIX).await;

    ran.assert(4);
    let found: Vec<_> = faults(&ran)
        .into_iter()
        .map(|(fault, _, fixed)| (fault, fixed))
        .collect();
    assert_eq!(
        found,
        [
            ("erased".to_owned(), false),
            ("login-missing".to_owned(), false)
        ]
    );
    tool.run(&["erase", users_uuid(&ran), "--yes"])
        .await
        .assert(0);
    tool.run(&CHECK).await.assert(0);
}

/// The uuid of the first finding.
fn users_uuid(ran: &Ran) -> &str {
    let (_, rest) = ran.stdout.split_once(r#""uuid":""#).unwrap();
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn what_cannot_be_mended_without_a_loss_is_only_told() {
    type Damage = fn(&mut Item);
    let cases: [(&str, &str, Damage, &[&str]); 6] = [
        (
            "LOGINS_TABLE",
            "email:",
            |item| drop(item.remove("uuid")),
            &["login-damaged", "login-foreign"],
        ),
        (
            "LOGINS_TABLE",
            "email:",
            |item| {
                drop(item.insert(
                    "uuid".to_owned(),
                    AttributeValue::S(uuid::Uuid::nil().to_string()),
                ))
            },
            &["login-foreign", "profile-missing"],
        ),
        (
            "LOGINS_TABLE",
            "email:",
            |item| {
                drop(item.insert(
                    "username".to_owned(),
                    AttributeValue::S("another".to_owned()),
                ))
            },
            &["login-differs"],
        ),
        (
            "LOGINS_TABLE",
            "email:",
            |item| {
                drop(item.insert(
                    "password_hash".to_owned(),
                    AttributeValue::S("$argon2id$another".to_owned()),
                ))
            },
            &["hashes-differ"],
        ),
        (
            "USERS_TABLE",
            "",
            |item| drop(item.insert("email".to_owned(), AttributeValue::S("nowhere".to_owned()))),
            &["profile-damaged"],
        ),
        (
            "USERS_TABLE",
            "",
            |item| {
                let key = format!("avatars/{}/{}.webp", uuid::Uuid::nil(), "0".repeat(32));
                item.insert("avatar".to_owned(), AttributeValue::S(key));
            },
            &["avatar-foreign", "avatar-missing"],
        ),
    ];
    for (table, kind, damage, expected) in cases {
        let stack = OwnStack::start().await;
        stack.register().await;
        let stored = stack.stored();
        let mut items = stored.items(table).await;
        let item = items
            .iter_mut()
            .find(|item| table == "USERS_TABLE" || is(item, kind));
        let item = item.unwrap();
        damage(item);
        stored.put(table, item.clone()).await;

        let ran = Tool::of(&stack).run(&CHECK).await;

        ran.assert(4);
        let found: Vec<_> = faults(&ran).into_iter().map(|(fault, ..)| fault).collect();
        assert_eq!(found, expected, "{ran:?}");
        assert_eq!(stored.items(table).await.len(), items.len());
    }
}
