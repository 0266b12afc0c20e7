use serde_json::json;
use support::{
    OwnStack, Person,
    pictures::{jpeg, photograph},
};

use super::{Files, PBKDF2, account, codes, counts, import, logs_in, outcomes, profile};
use crate::tool::Tool;

#[tokio::test]
async fn a_second_pass_updates_what_nobody_has_touched() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let [still, logged_in, renamed] = [(); 3].map(|()| Person::new());
    let people = [&still, &logged_in, &renamed];
    files.write("media/1.jpg", jpeg(&photograph(8, 8)));
    files.write("media/2.jpg", jpeg(&photograph(16, 8)));
    let mut lines: Vec<_> = people
        .iter()
        .zip(1..)
        .map(|(person, id)| account(id, person))
        .collect();
    lines[0]["avatar"] = json!("1.jpg");
    let file = files.lines("first.jsonl", &lines);
    let media = files.path("media");
    let media = ["--media", media.to_str().unwrap()];
    import(&tool, &[&[&*file][..], &media].concat())
        .await
        .assert(0);
    let before = stack.stored().avatars().await;
    assert!(logs_in(&stack, &json!(logged_in.email), "12345").await);

    for line in &mut lines {
        line["password"] = json!(PBKDF2);
        line["first_name"] = json!("Августа");
    }
    lines[0]["avatar"] = json!("2.jpg");
    lines[2]["username"] = json!(Person::new().username);
    let file = files.lines("second.jsonl", &lines);
    let report = files.path("report.jsonl");
    let arguments = [&*file, "--update", "--report", report.to_str().unwrap()];
    let arguments = [&arguments[..], &media].concat();
    let updated = counts(&import(&tool, &arguments).await, 0);

    assert_eq!(outcomes(&updated), [0, 2, 1, 0]);
    let mut report = files.report("report.jsonl");
    report.sort_by_key(|line| line["line"].as_u64());
    assert_eq!(
        codes(&report),
        [(2, "changed_here"), (3, "username_differs")]
    );
    assert!(logs_in(&stack, &json!(logged_in.email), "12345").await);
    for person in [&still, &renamed] {
        assert!(!logs_in(&stack, &json!(person.username), "12345").await);
        let profile = profile(&stack, &person.username, "пароль 1").await;
        assert_eq!(profile["first_name"], "Августа");
    }
    let after = stack.stored().avatars().await;
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    tool.run(&["check"]).await.assert(0);
    let arguments = [&[&*file, "--update"][..], &media].concat();
    let again = counts(&import(&tool, &arguments).await, 0);
    assert_eq!(outcomes(&again), [0, 0, 3, 0]);
}

#[tokio::test]
async fn a_second_pass_brings_pictures_that_were_left_out() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let person = Person::new();
    let mut line = account(1, &person);
    line["avatar"] = json!("1.jpg");
    files.write("media/1.jpg", jpeg(&photograph(8, 8)));
    let file = files.lines("users.jsonl", &[line]);
    let media = files.path("media");
    let first = counts(&import(&tool, &[&file]).await, 0);
    assert_eq!(first["problems"], json!({ "avatar_left_out": 1 }));

    let arguments = [&*file, "--update", "--media", media.to_str().unwrap()];
    let second = counts(&import(&tool, &arguments).await, 0);
    let third = counts(&import(&tool, &arguments).await, 0);

    assert_eq!(outcomes(&second), [0, 1, 0, 0]);
    assert_eq!(outcomes(&third), [0, 0, 1, 0]);
    let profile = profile(&stack, &person.email, "12345").await;
    assert_eq!(stack.avatar(&profile).await.status, 200);
}

#[tokio::test]
async fn a_second_pass_keeps_a_picture_unless_the_file_has_none() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let mut line = account(1, &Person::new());
    line["avatar"] = json!("1.jpg");
    files.write("media/1.jpg", jpeg(&photograph(8, 8)));
    files.write("media/broken.jpg", "broken");
    let media = files.path("media");
    let media = ["--media", media.to_str().unwrap()];
    let file = files.lines("first.jsonl", &[line.clone()]);
    import(&tool, &[&[&*file][..], &media].concat())
        .await
        .assert(0);
    let before = stack.stored().avatars().await;

    for (number, name, media, code) in [
        (1, "1.jpg", &[][..], "avatar_left_out"),
        (2, "broken.jpg", &media, "avatar_unreadable"),
    ] {
        line["avatar"] = json!(name);
        line["last_name"] = json!(format!("Лавлейс {number}"));
        let file = files.lines("next.jsonl", &[line.clone()]);
        let arguments = [&[&*file, "--update"][..], media].concat();
        let counts = counts(&import(&tool, &arguments).await, 0);

        assert_eq!(outcomes(&counts), [0, 1, 0, 0], "{code}");
        assert_eq!(counts["problems"], json!({ code: 1 }));
        assert_eq!(stack.stored().avatars().await, before, "{code}");
    }

    line["avatar"] = json!("");
    let file = files.lines("last.jsonl", &[line]);
    import(&tool, &[&file, "--update"]).await.assert(0);
    assert_eq!(stack.stored().avatars().await, [""; 0]);
    tool.run(&["check"]).await.assert(0);
}

#[tokio::test]
async fn a_second_pass_disables_and_revokes() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let person = Person::new();
    let mut line = account(1, &person);
    let file = files.lines("first.jsonl", &[line.clone()]);
    import(&tool, &[&file]).await.assert(0);

    line["is_active"] = json!(false);
    line["password"] = json!(PBKDF2);
    let file = files.lines("second.jsonl", &[line]);
    let updated = counts(&import(&tool, &[&file, "--update"]).await, 0);

    assert_eq!(outcomes(&updated), [0, 1, 0, 0]);
    assert!(!logs_in(&stack, &json!(person.email), "пароль 1").await);
    let shown = tool.json(&["show", &person.email]).await;
    assert_eq!(shown["disabled"], true);
    assert!(shown["tokens_from"].is_string());
}
