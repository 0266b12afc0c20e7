//! `sweep-avatars`: finds unreferenced avatars.

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use aws_sdk_s3::types::Object;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use shared::user::AvatarKey;
use uuid::Uuid;

use super::avatars;
use crate::{
    failure::Failure,
    output::{self, Format, Record, print_line},
    session::Session,
};

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

/// Maximum number of concurrent look-ups of profiles.
const LOOKUPS: usize = 16;

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let age = Duration::from_secs(u64::from(options.older_than) * 60 * 60);
    let youngest = SystemTime::now() - age;
    let progress = output::progress("avatars read");
    let (s3, bucket) = avatars::bucket(session)?;
    let request = s3.list_objects_v2().bucket(bucket).prefix("avatars/");
    let mut pages = request.into_paginator().send();
    let (mut old, mut orphans) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Failure::of_call("s3:ListBucket", &error))?;
        progress.inc(page.contents().len() as u64);
        let objects = page.contents().iter();
        let keys: Vec<_> = objects.filter_map(|object| key(object, youngest)).collect();
        old += keys.len();
        // The profiles are read after the objects were listed, and consistently: the update that
        // could have pointed to one of these is long over, so a profile points to it now or never
        // will.
        let lookups = stream::iter(keys).map(async |key| {
            let owner = owner(session, &key).await?;
            Ok::<_, Failure>(owner.map(|uuid| (uuid, key)))
        });
        let found: Vec<_> = lookups.buffer_unordered(LOOKUPS).collect().await;
        for orphan in found {
            let Some((uuid, key)) = orphan? else { continue };
            orphans += 1;
            progress.suspend(|| print(session.format, uuid, &key))?;
            if options.delete && !session.dry_run {
                avatars::delete(session, uuid, key.as_str()).await?;
            }
        }
    }
    progress.finish_and_clear();
    let hours = options.older_than;
    let outcome = if options.delete && !session.dry_run {
        "deleted"
    } else {
        "not deleted, for want of --delete or because of --dry-run"
    };
    eprintln!(
        "{orphans} of {old} avatars older than {hours} hours have no profile that points to them: {outcome}"
    );
    Ok(())
}

fn print(format: Format, uuid: Uuid, key: &AvatarKey) -> io::Result<()> {
    match format {
        // A name a line, for other programs.
        Format::Table => print_line(key.as_str()),
        Format::Json => {
            let record = Record::default().with("uuid", uuid.to_string());
            format.print(&record.with("avatar", key.as_str()))
        }
    }
}

/// The name of `object` if it is an avatar and not younger than `youngest`.
fn key(object: &Object, youngest: SystemTime) -> Option<AvatarKey> {
    let modified = u64::try_from(object.last_modified()?.secs()).ok()?;
    let is_old = UNIX_EPOCH + Duration::from_secs(modified) <= youngest;
    object.key().and_then(AvatarKey::parse).filter(|_| is_old)
}

/// Returns the account in the name `key` if its profile does not point to it; no other profile
/// could.
async fn owner(session: &Session, key: &AvatarKey) -> Result<Option<Uuid>, Failure> {
    let owner = key.as_str().split('/').nth(1).context("no owner")?;
    let owner = Uuid::try_parse(owner).context("no owner")?;
    let user = session.accounts.user(owner).await?;
    let is_used = user.and_then(|user| user.avatar).as_ref() == Some(key);
    Ok((!is_used).then_some(owner))
}
