use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use support::{
    OwnStack,
    pictures::{jpeg, photograph},
};
use tempfile::TempDir;

use crate::tool::Tool;

#[tokio::test]
async fn a_fixture_of_django_has_all_accounts_and_their_hashes_on_demand() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let (person, token) = stack.member().await;
    let profile = stack.upload(&token, jpeg(&photograph(8, 8))).await.json();
    let other = stack.register().await;
    tool.run(&["disable", &other.email]).await.assert(0);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let uuid = profile["uuid"].as_str().unwrap();
    fs::write(path("map.csv"), format!("id,uuid\n41,{uuid}\n")).unwrap();

    let printed = tool
        .json(&[
            "export-all",
            "--file",
            &path("users.json"),
            "--media",
            &path("media"),
            "--map",
            &path("map.csv"),
            "--with-hashes",
            "--field",
            "avatar=photo",
        ])
        .await;

    assert_eq!(
        (&printed["accounts"], &printed["pictures"]),
        (&json!(2), &json!(1))
    );
    let mode = fs::metadata(path("users.json")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let fixture: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(path("users.json")).unwrap()).unwrap();
    let [ada, bob] = &fixture[..] else {
        panic!("{fixture:?}")
    };
    let (ada, bob) = if ada["pk"] == 41 {
        (ada, bob)
    } else {
        (bob, ada)
    };
    let hash = ada["fields"]["password"].as_str().unwrap();
    assert!(hash.starts_with("argon2$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(
        ada,
        &json!({
            "model": "accounts.user",
            "pk": 41,
            "fields": {
                "uuid": uuid,
                "email": person.email,
                "username": person.username,
                "password": hash,
                "first_name": "",
                "last_name": "",
                "patronymic": "",
                "photo": format!("avatars/{uuid}.webp"),
                "is_active": true,
            },
        })
    );
    assert_eq!(
        (&bob["pk"], &bob["fields"]["is_active"]),
        (&json!(42), &json!(false))
    );
    let picture = fs::read(path(&format!("media/avatars/{uuid}.webp"))).unwrap();
    assert_eq!(picture, stack.avatar(&profile).await.body);
}

#[tokio::test]
async fn an_export_comes_back_by_import() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("users.jsonl");
    let file = file.to_str().unwrap();
    let arguments = ["export-all", "--file", file, "--format", "jsonl"];
    Tool::of(&stack)
        .run(&[&arguments[..], &["--with-hashes"]].concat())
        .await
        .assert(0);

    let empty = OwnStack::start().await;
    Tool::of(&empty).run(&["import", file]).await.assert(0);

    assert_eq!(empty.obtain_token(&person.log_in()).await.status, 200);
    let old = Tool::of(&stack).json(&["show", &person.email]).await;
    assert_eq!(Tool::of(&empty).json(&["show", &person.email]).await, old);
}

#[tokio::test]
async fn no_hash_leaves_without_being_asked_for_and_no_file_is_written_over() {
    let stack = OwnStack::start().await;
    stack.register().await;
    let tool = Tool::of(&stack);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("users.json");
    let arguments = ["export-all", "--file", file.to_str().unwrap()];

    tool.run(&arguments).await.assert(0);
    let exported = fs::read_to_string(&file).unwrap();
    assert!(exported.contains(r#""password":"!"#) && !exported.contains("argon2"));

    let error = format!(
        "error: cannot make {}: File exists (os error 17)",
        file.display()
    );
    tool.run(&arguments).await.assert_failed(1, &error);
    assert_eq!(fs::read_to_string(&file).unwrap(), exported);
}
