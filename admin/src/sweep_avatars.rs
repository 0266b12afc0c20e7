use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use aws_sdk_s3::{Client, types::Object};
use clap::Args;
use futures_util::{StreamExt as _, stream};
use shared::{aws, env::Env, user::AvatarKey, users::Users};

/// Lists the avatars that no profile points to.
///
/// Reads the variables `USERS_TABLE` and `AVATARS_BUCKET`, and `AWS_REGION` and the credentials as
/// `aws configure export-credentials --format env` writes them. Needs the permissions
/// s3:ListBucket, dynamodb:GetItem and, to delete, s3:DeleteObject.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Delete them.
    #[arg(long)]
    delete: bool,

    /// Leave out what is younger. An upload is stored before its profile points to it, at most 28
    /// seconds later, so an hour is more than enough.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    older_than: u16,
}

/// How many profiles are looked up at once.
const LOOKUPS: usize = 16;

/// Lists the avatars that no profile points to, and deletes them if `options` say so.
///
/// # Errors
///
/// Fails if a variable is missing or a call to AWS fails.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let env = Env::process();
    let aws = aws::config(&env)?;
    let users = Users::from_env(&env, &aws_sdk_dynamodb::Client::new(&aws))?;
    let bucket = env.required("AVATARS_BUCKET")?;
    let s3 = Client::new(&aws);
    let youngest = SystemTime::now() - Duration::from_secs(u64::from(options.older_than) * 60 * 60);

    let (mut old, mut orphans) = (0, 0);
    let mut pages = s3
        .list_objects_v2()
        .bucket(bucket)
        .prefix("avatars/")
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.with_context(|| format!("cannot list the bucket {bucket}"))?;
        let keys = page
            .contents()
            .iter()
            .filter_map(|object| key(object, youngest));
        // The profiles are read after the objects were listed, and consistently: the update that was
        // to point to one of these is long over, so a profile points to it now or never will.
        let mut lookups = stream::iter(keys)
            .map(async |key| (is_orphan(&users, &key).await, key))
            .buffer_unordered(LOOKUPS);
        while let Some((is_orphan, key)) = lookups.next().await {
            old += 1;
            if !is_orphan.with_context(|| format!("cannot look up the owner of {key}"))? {
                continue;
            }
            orphans += 1;
            println!("{key}");
            if options.delete {
                let request = s3.delete_object().bucket(bucket).key(key.as_str());
                let deleted = request.send().await;
                deleted.with_context(|| format!("cannot delete {key}"))?;
            }
        }
    }
    let hours = options.older_than;
    let outcome = match options.delete {
        true => "deleted",
        false => "not deleted, for want of --delete",
    };
    eprintln!(
        "{orphans} of {old} avatars older than {hours} hours have no profile that points to them: {outcome}"
    );
    Ok(())
}

/// The name of `object` if it is an avatar and not younger than `youngest`.
fn key(object: &Object, youngest: SystemTime) -> Option<AvatarKey> {
    let modified = u64::try_from(object.last_modified()?.secs()).ok()?;
    let is_old = UNIX_EPOCH + Duration::from_secs(modified) <= youngest;
    object.key().and_then(AvatarKey::parse).filter(|_| is_old)
}

/// Whether no profile points to `key`; only that of the account in its name could.
async fn is_orphan(users: &Users, key: &AvatarKey) -> anyhow::Result<bool> {
    let owner = key.as_str().split('/').nth(1).context("no owner")?;
    let user = users.find(owner.parse()?).await?;
    Ok(user.and_then(|user| user.avatar).as_ref() != Some(key))
}
