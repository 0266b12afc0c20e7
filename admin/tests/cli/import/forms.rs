use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use support::{IMPORTED, OwnStack, Person};
use uuid::Uuid;

use super::{Files, account, counts, import, logs_in, outcomes};
use crate::tool::{Tool, tables};

#[tokio::test]
async fn every_form_of_a_dump_makes_the_same_accounts() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let entry = |id: u32| {
        let mut fields = account(id, &Person::new());
        fields["uuid"] = json!(Uuid::new_v4());
        fields.as_object_mut().unwrap().remove("id");
        json!({ "model": "accounts.user", "pk": id, "fields": fields })
    };
    let group = json!({ "model": "auth.group", "pk": 1, "fields": { "name": "staff" } });
    let entries = [group, entry(1), entry(2), entry(3)];
    let lines: Vec<_> = entries.iter().map(Value::to_string).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines.join("\n").as_bytes()).unwrap();
    let mut natural = entries.to_vec();
    for entry in &mut natural {
        entry.as_object_mut().unwrap().remove("pk");
    }
    let natural = serde_json::to_vec_pretty(&natural).unwrap();
    let array = files.write("array.json", format!("\u{feff} [{}]\n", lines.join(",")));
    let others = [
        files.write("lines.jsonl.gz", gzip.finish().unwrap()),
        files.write("natural.json", natural),
    ];

    let first = counts(&import(&tool, &[&array]).await, 0);
    let stored = tables(&stack.stored()).await;
    assert_eq!(outcomes(&first), [3, 0, 0, 0]);
    assert_eq!(first["models_left_out"], json!({ "auth.group": 1 }));

    for other in others {
        let again = counts(&import(&tool, &[&other, "--update"]).await, 0);
        assert_eq!(outcomes(&again), [0, 0, 3, 0], "{other}");
    }
    assert_eq!(tables(&stack.stored()).await, stored);
}

#[tokio::test]
async fn a_file_of_another_form_is_refused_before_anything_is_written() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();

    for (bytes, error) in [
        (
            &b"id,email\n1,a@test.com\n"[..],
            "neither a JSON array nor JSON lines",
        ),
        (
            &b"\xff\xfe[\0"[..],
            "UTF-16; let `dumpdata --output FILE` write it, which is UTF-8",
        ),
        (
            &b"[{},"[..],
            "broken JSON: EOF while parsing a value at line 1 column 4",
        ),
    ] {
        let file = files.write("file", bytes);
        let ran = import(&tool, &[&file]).await;

        ran.assert(9);
        let last = format!(
            "error: stopped before the end: {file}: {error}; a repetition of the command goes on \
             from there"
        );
        assert_eq!(ran.stderr.lines().last(), Some(last.as_str()));
    }
    assert_eq!(tables(&stack.stored()).await, [""; 0]);
}

#[tokio::test]
async fn a_model_of_other_fields_is_named() {
    let stack = OwnStack::start().await;
    let tool = Tool::of(&stack);
    let files = Files::new();
    let person = Person::new();
    let fields = json!({ "mail": person.email, "login": person.username, "secret": IMPORTED });
    let entry = json!({ "model": "people.person", "pk": 1, "fields": fields });
    let file = files.write("people.json", json!([entry]).to_string());

    let ran = import(&tool, &[&file]).await;
    ran.assert(2);
    let last = "error: the files have no accounts, but entries of people.person: name one with \
        --model, and its fields with --field";
    assert_eq!(ran.stderr.lines().last(), Some(last));

    let names = ["email=mail", "username=login", "password=secret"];
    let names = names.iter().flat_map(|name| ["--field", name]);
    let arguments: Vec<_> = [&*file].into_iter().chain(names).collect();
    import(&tool, &arguments).await.assert(0);
    assert!(logs_in(&stack, &json!(person.username), "12345").await);
}
