//! `cargo admin sweep-avatars` deletes the avatars that no profile points to, and nothing else.

use std::process::{Command, Output};

use uuid::Uuid;

use crate::{
    avatars::{jpeg, photograph},
    client::{Api, Stored},
};

/// What the tool prints of what is stored, with `arguments`: the names of avatars, and a summary.
pub(crate) fn sweep(stored: &Stored, arguments: &[&str]) -> (Vec<String>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--package",
            "admin",
            "--",
            "sweep-avatars",
        ])
        .args(arguments)
        .envs(stored.env().iter())
        .output()
        .unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{stderr}");
    let mut names: Vec<_> = String::from_utf8(stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort();
    (names, stderr)
}

#[tokio::test]
async fn it_deletes_what_no_profile_points_to() {
    let Some(api) = Api::fresh().await else {
        return;
    };
    let (_, token) = api.member().await;
    let profile = api.upload(&token, jpeg(&photograph(64, 64))).await.json();
    let (stored, random) = (api.stored(), Uuid::new_v4().simple());
    let [live] = &stored.avatars().await[..] else {
        panic!("one upload, one object")
    };
    let uuid = profile["uuid"].as_str().unwrap();
    let mut orphans = [
        format!("avatars/{uuid}/{random}.webp"),
        format!("avatars/{}/{random}.webp", Uuid::new_v4()),
    ];
    orphans.sort();
    let other = format!("avatars/{uuid}/{random}.txt");
    for key in orphans.iter().chain([&other]) {
        stored.put_object(key).await;
    }

    let young = sweep(&stored, &["--delete"]);
    let listed = sweep(&stored, &["--older-than", "0"]);
    let objects = stored.avatars().await.len();
    let deleted = sweep(&stored, &["--older-than", "0", "--delete"]);

    let summary = |text: &str| format!("{text}\n");
    assert_eq!(
        young,
        (
            vec![],
            summary(
                "0 of 0 avatars older than 24 hours have no profile that points to them: deleted"
            )
        )
    );
    assert_eq!(listed.0, orphans);
    assert_eq!(
        listed.1,
        summary(
            "2 of 3 avatars older than 0 hours have no profile that points to them: not deleted, for want of --delete"
        )
    );
    assert_eq!(objects, 4);
    assert_eq!(deleted.0, orphans);
    let mut left = stored.avatars().await;
    left.sort();
    let mut expected = [live.clone(), other];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(api.avatar(&profile).await.status, 200);
}
