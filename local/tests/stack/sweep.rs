//! `cargo admin sweep-avatars` deletes the unreferenced avatars and nothing else.

use support::{
    OwnStack,
    pictures::{jpeg, photograph},
};
use uuid::Uuid;

use crate::admin::sweep;

#[tokio::test]
async fn it_deletes_what_no_profile_points_to() {
    let api = OwnStack::start().await;
    let (_, token) = api.member().await;
    let profile = api.upload(&token, jpeg(&photograph(64, 64))).await.json();
    let (stored, random) = (api.stored(), Uuid::new_v4().simple());
    let [live] = &stored.avatars().await[..] else {
        panic!("one upload, one object")
    };
    let uuid = profile["uuid"].as_str().unwrap();
    let mut unreferenced = [
        format!("avatars/{uuid}/{random}.webp"),
        format!("avatars/{}/{random}.webp", Uuid::new_v4()),
    ];
    unreferenced.sort();
    let other = format!("avatars/{uuid}/{random}.txt");
    for key in unreferenced.iter().chain([&other]) {
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
    assert_eq!(listed.0, unreferenced);
    assert_eq!(
        listed.1,
        summary(
            "2 of 3 avatars older than 0 hours have no profile that points to them: not deleted, for want of --delete"
        )
    );
    assert_eq!(objects, 4);
    assert_eq!(deleted.0, unreferenced);
    let mut left = stored.avatars().await;
    left.sort();
    let mut expected = [live.clone(), other];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(api.avatar(&profile).await.status, 200);
}
