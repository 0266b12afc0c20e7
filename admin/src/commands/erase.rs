//! `erase`: deletes all that is stored about a person.
//!
//! The command disables the account and revokes its tokens, deletes its avatars and invalidates
//! them in CloudFront, and then deletes all items in one transaction. A failure in between leaves
//! an account that nobody can use but that still has its logins, so that an operator can repeat the
//! command.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::{
    accounts::Account,
    commands::avatars,
    failure::Failure,
    output,
    session::{Session, now_ms},
};

/// The time for which DynamoDB can restore a table to a point in time.
const BACKUPS: Duration = Duration::from_secs(35 * 24 * 60 * 60);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address, username or uuid.
    login: String,
}

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let account = session.accounts.find(&options.login).await?;
    let uuid = account.user.uuid;
    let close = session.accounts.close(&account, now_ms())?;
    if session.dry_run {
        let pictures = avatars::of(session, uuid).await?.len();
        eprintln!("the account {uuid} has {pictures} pictures");
        return session.report(Some(uuid), &CHANGED, &[]);
    }
    let name = account.user.username.as_str();
    session
        .prompt
        .confirm("erase this account for good", name)?;
    session.apply(&close).await?;
    delete_pictures(session, &account).await?;
    let tombstones = session.accounts.make_tombstones().await?;
    let tombstones = [
        tombstones.of_uuid(uuid),
        tombstones.of_email(&account.user.email),
    ];
    // Read the account again now that it is closed: another operator may have opened it meanwhile.
    let closed = session.accounts.find_by_uuid(uuid).await?;
    let closed = closed.ok_or(Failure::Changed)?;
    if !closed.user.disabled {
        return Err(Failure::Changed);
    }
    let delete = session.accounts.delete(&closed, &tombstones)?;
    session.apply(&delete).await?;
    say_what_is_left(session);
    session.report(Some(uuid), &CHANGED, &[])
}

/// The parts of an account that an erasure changes in the end.
const CHANGED: [&str; 5] = [
    "avatar",
    "profile",
    "logins",
    "failed_attempts",
    "tombstones",
];

/// Deletes all avatars of `account`, referenced or not, and invalidates them in CloudFront.
async fn delete_pictures(session: &mut Session, account: &Account) -> Result<(), Failure> {
    let uuid = account.user.uuid;
    for key in avatars::of(session, uuid).await? {
        avatars::delete(session, uuid, &key).await?;
    }
    // Invalidate even if there was no object: an earlier run may have deleted it and then failed.
    avatars::invalidate(session, uuid).await
}

fn say_what_is_left(session: &Session) {
    if let Some(days) = &session.service.log_days {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let until = u64::try_from((now + BACKUPS).as_millis()).unwrap_or(u64::MAX);
        let until = output::time(until);
        eprintln!(
            "left: the backups of both tables until {until}; the uuid and IP addresses in logs for \
            {days} days; the picture in caches of browsers for up to a year"
        );
    } else {
        eprintln!("left: the picture in caches of browsers for up to a year");
    }
}
