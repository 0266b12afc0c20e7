//! `remove-avatar`: removes an avatar from a profile, the bucket and CloudFront.

use clap::Args;

use super::avatars;
use crate::{failure::Failure, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address, username or uuid.
    login: String,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let account = session.accounts.find(&options.login).await?;
    let uuid = account.user.uuid;
    let changed = ["avatar", "avatar_object", "avatar_cache"];
    if session.dry_run {
        return session.report(Some(uuid), &changed, &[]);
    }
    // Change the profile first, so that it never points to a missing object. No later update can
    // point to this one again, because every upload has a new name.
    if let Some(key) = &account.user.avatar {
        let plan = session.accounts.clear_avatar(&account)?;
        session.apply(&plan).await?;
        avatars::delete(session, uuid, key.as_str()).await?;
    }
    // Invalidate even if the profile has none: an earlier run may have failed at CloudFront.
    avatars::invalidate(session, uuid).await?;
    session.report(Some(uuid), &changed, &[])
}
