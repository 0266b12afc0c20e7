use support::{
    OwnStack,
    pictures::{jpeg, photograph},
};
use uuid::Uuid;

use crate::tool::Tool;

#[tokio::test]
async fn it_deletes_what_no_profile_points_to() {
    let stack = OwnStack::start().await;
    let (_, token) = stack.member().await;
    let profile = stack.upload(&token, jpeg(&photograph(64, 64))).await.json();
    let (stored, random) = (stack.stored(), Uuid::new_v4().simple());
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
    let tool = Tool::of(&stack);
    let sweep = async |arguments: &[&str]| {
        let ran = tool.run(&[&["sweep-avatars"], arguments].concat()).await;
        ran.assert(0);
        let mut keys: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
        keys.sort();
        (keys, ran.stderr.lines().last().unwrap().to_owned())
    };

    let young = sweep(&["--delete"]).await;
    let listed = sweep(&["--older-than", "0"]).await;
    let dry = sweep(&["--older-than", "0", "--delete", "--dry-run"]).await;
    let objects = stored.avatars().await.len();
    let deleted = sweep(&["--older-than", "0", "--delete"]).await;

    assert_eq!(
        young,
        (
            vec![],
            "0 of 0 avatars older than 24 hours have no profile that points to them: deleted"
                .to_owned()
        )
    );
    let kept = "2 of 3 avatars older than 0 hours have no profile that points to them: not deleted, for want of --delete or because of --dry-run";
    assert_eq!(listed, (unreferenced.to_vec(), kept.to_owned()));
    assert_eq!(dry, listed);
    assert_eq!(objects, 4);
    assert_eq!(deleted.0, unreferenced);
    let mut left = stored.avatars().await;
    left.sort();
    let mut expected = [live.clone(), other];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(stack.avatar(&profile).await.status, 200);
}

#[tokio::test]
async fn remove_avatar_takes_it_from_the_profile_and_the_bucket() {
    let stack = OwnStack::start().await;
    let (person, token) = stack.member().await;
    stack.upload(&token, jpeg(&photograph(8, 8))).await;
    let tool = Tool::of(&stack);

    tool.run(&["remove-avatar", &person.email]).await.assert(0);

    assert_eq!(
        stack.get_profile(&token).await.json()["avatar"],
        serde_json::Value::Null
    );
    assert_eq!(stack.stored().avatars().await, Vec::<String>::new());
    tool.run(&["remove-avatar", &person.email]).await.assert(0);
}
