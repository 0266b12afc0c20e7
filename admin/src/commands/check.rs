//! `check`: reads everything and reports what does not fit together, for use after a restore.
//!
//! The service keeps writing meanwhile, so the command reads an account that looks wrong again, all
//! of it at one moment, before it reports a fault.

mod fault;

use std::collections::BTreeMap;

use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::user::AvatarKey;
use uuid::Uuid;

use self::fault::{Fault, Finding};
use super::avatars;
use crate::{
    accounts::{Account, Item, Plan, Tombstones, text},
    failure::Failure,
    output::{self, Record},
    password_kind::PasswordKind,
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Count the kinds of hashes and their parameters, too.
    #[arg(long)]
    hashes: bool,

    /// Mend what can be mended without losing anything.
    #[arg(long)]
    fix: bool,
}

/// Maximum number of concurrent look-ups of avatars.
const LOOKUPS: usize = 32;

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let mut check = Check {
        fix: options.fix,
        tombstones: session.accounts.tombstones().await?,
        ..Check::default()
    };
    // Read the log-ins first: one that is moved to its right key is not reported as missing, too.
    check.logins(session).await?;
    check.profiles(session).await?;
    let findings: Vec<_> = check.findings.iter().map(Finding::record).collect();
    session.format.print_all(&findings)?;
    if options.hashes {
        let kinds = check.hashes.iter().map(|(kind, accounts)| {
            let record = Record::default().with("hash", kind.as_str());
            record.with("accounts", *accounts)
        });
        session.format.print_all(&kinds.collect::<Vec<_>>())?;
    }
    let left = check
        .findings
        .iter()
        .filter(|finding| !finding.fixed)
        .count();
    eprintln!(
        "{} accounts and {} log-ins read: {} faults, {left} left",
        check.accounts,
        check.log_ins,
        check.findings.len(),
    );
    if left > 0 {
        return Err(Failure::Refused(format!("{left} faults")));
    }
    Ok(())
}

/// The state of a check: the options, and the counts so far.
#[derive(Debug, Default)]
struct Check {
    fix: bool,
    tombstones: Option<Tombstones>,
    accounts: usize,
    log_ins: usize,
    hashes: BTreeMap<String, u64>,
    findings: Vec<Finding>,
}

impl Check {
    /// Reads all items of `logins`: each must have a profile that names it.
    async fn logins(&mut self, session: &mut Session) -> Result<(), Failure> {
        let progress = output::progress("log-ins read");
        let mut start = None;
        loop {
            let page = session.accounts.login_page(start.as_deref()).await?;
            self.log_ins += page.items.len();
            progress.inc(page.items.len() as u64);
            let owners = page.items.iter().filter_map(owner);
            let profiles = session.accounts.profiles(owners).await?;
            for item in &page.items {
                let profile = owner(item).and_then(|uuid| profiles.get(&uuid.to_string()));
                if fault::of_login(item, profile).is_none() {
                    continue;
                }
                self.login(session, item).await?;
            }
            start = page.next;
            if start.is_none() {
                progress.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// Reads an item of `logins` that looks wrong again, and reports and mends it.
    async fn login(&mut self, session: &mut Session, item: &Item) -> Result<(), Failure> {
        let key = text(item, "login").unwrap_or_default();
        let Some(uuid) = owner(item) else {
            self.found(Finding::of_login(None, key, Fault::LoginDamaged("uuid")));
            return Ok(());
        };
        let [login, profile] = session.accounts.login_and_profile(key, uuid).await?;
        let Some(login) = login else {
            return Ok(());
        };
        let Some(fault) = fault::of_login(&login, profile.as_ref()) else {
            return Ok(());
        };
        let mut finding = Finding::of_login(Some(uuid), key, fault);
        let accounts = &session.accounts;
        let plan = match finding.fault {
            Fault::ProfileMissing if !self.is_erased(session, uuid).await? => {
                Some(accounts.restore_profile(uuid, key, &login)?)
            }
            Fault::KeyNotCanonical => match fault::canonical_key(&login) {
                Some(canonical) => Some(accounts.move_login(uuid, (key, &login), &canonical)?),
                None => None,
            },
            _ => None,
        };
        finding.fixed = self.mend(session, plan).await?;
        self.found(finding);
        Ok(())
    }

    /// Reads all profiles: each must have its two log-ins and its avatar.
    async fn profiles(&mut self, session: &mut Session) -> Result<(), Failure> {
        let progress = output::progress("accounts read");
        let mut start = None;
        loop {
            let page = session.accounts.page(start.as_deref()).await?;
            self.accounts += page.accounts.len() + page.damaged.len();
            progress.inc(page.accounts.len() as u64);
            for (uuid, failure) in page.damaged {
                self.found(Finding::of_profile(uuid, failure));
            }
            let tombstones = self.erased(session, &page.accounts).await?;
            let missing = missing_avatars(session, &page.accounts).await?;
            for account in &page.accounts {
                let hash = account.password_hash();
                let kind = hash.map_or("no password".to_owned(), |hash| {
                    PasswordKind::of(hash).to_string()
                });
                *self.hashes.entry(kind).or_default() += 1;
                let uuid = account.user.uuid;
                let is_suspect = !fault::of_account(account)?.is_empty();
                if is_suspect || missing.contains(&uuid) || tombstones.contains(&uuid) {
                    self.account(session, uuid).await?;
                }
            }
            start = page.next;
            if start.is_none() {
                progress.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// Reads an account that looks wrong again, and reports and mends it.
    async fn account(&mut self, session: &mut Session, uuid: Uuid) -> Result<(), Failure> {
        let Some(account) = session.accounts.find_by_uuid(uuid).await? else {
            return Ok(());
        };
        let mut faults = fault::of_account(&account)?;
        if let Some(key) = &account.user.avatar
            && !avatars::exists(session, key.as_str()).await?
        {
            faults.push(Fault::AvatarMissing);
        }
        let is_erased = self.is_erased(session, uuid).await?;
        if is_erased {
            faults.push(Fault::Erased);
        }
        for fault in faults {
            let accounts = &session.accounts;
            let plan = match &fault {
                // Do not restore an erased account.
                _ if is_erased => None,
                Fault::LoginMissing(kind) => {
                    let mut others = account.logins.iter().filter(|login| login.item.is_some());
                    let missing = &account.logins[*kind as usize];
                    match others
                        .next()
                        .and_then(|other| Some((&other.key, other.item.as_ref()?)))
                    {
                        Some(other) if text(other.1, "uuid") == Some(&uuid.to_string()) => {
                            Some(accounts.restore_login(&account, &missing.key, other)?)
                        }
                        _ => None,
                    }
                }
                Fault::DisabledDiffers => match account.login_items() {
                    Ok(_) => Some(accounts.set_disabled(&account, true)?),
                    Err(_) => None,
                },
                Fault::AvatarMissing => Some(accounts.clear_avatar(&account)?),
                _ => None,
            };
            let mut finding = Finding::of_account(uuid, fault);
            finding.fixed = self.mend(session, plan).await?;
            self.found(finding);
        }
        Ok(())
    }

    /// Carries out `plan` if it may be, and returns whether it was.
    async fn mend(&self, session: &mut Session, plan: Option<Plan>) -> Result<bool, Failure> {
        let Some(plan) = plan.filter(|_| self.fix && !session.dry_run) else {
            return Ok(false);
        };
        match session.apply(&plan).await {
            Ok(()) => Ok(true),
            // An operator or the user has changed the account meanwhile: the next check reports it.
            Err(Failure::Changed) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the accounts that have tombstones.
    async fn erased(&self, session: &Session, accounts: &[Account]) -> Result<Vec<Uuid>, Failure> {
        let Some(tombstones) = &self.tombstones else {
            return Ok(Vec::new());
        };
        let uuids = accounts.iter().map(|account| account.user.uuid);
        let keys = uuids.clone().map(|uuid| tombstones.of_uuid(uuid));
        let found = session.accounts.login_items_of(keys).await?;
        Ok(uuids
            .filter(|uuid| found.contains_key(&tombstones.of_uuid(*uuid)))
            .collect())
    }

    async fn is_erased(&self, session: &Session, uuid: Uuid) -> Result<bool, Failure> {
        let Some(tombstones) = &self.tombstones else {
            return Ok(false);
        };
        session
            .accounts
            .has_tombstone(&tombstones.of_uuid(uuid))
            .await
    }

    fn found(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Returns the account that an item of `logins` names.
fn owner(login: &Item) -> Option<Uuid> {
    Uuid::try_parse(text(login, "uuid")?).ok()
}

/// Returns the accounts whose avatar is missing in the bucket.
async fn missing_avatars(session: &Session, accounts: &[Account]) -> Result<Vec<Uuid>, Failure> {
    let avatars = accounts.iter().filter_map(|account| {
        let key: &AvatarKey = account.user.avatar.as_ref()?;
        Some((account.user.uuid, key.as_str()))
    });
    let lookups = stream::iter(avatars).map(async |(uuid, key)| {
        let exists = avatars::exists(session, key).await?;
        Ok::<_, Failure>((!exists).then_some(uuid))
    });
    let found: Vec<_> = lookups.buffer_unordered(LOOKUPS).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
