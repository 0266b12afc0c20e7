//! Writes one account.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::anyhow;
use shared::user::{LoginKey, User, Username};
use uuid::Uuid;

use super::{
    Options,
    pictures::Pictures,
    record::Record,
    report::{Code, Line, Outcome, Problem},
};
use crate::{
    accounts::{self, Accounts, Attempted, Incoming, Item, Refused, Tombstones},
    failure::Failure,
    session::{Session, now_ms},
};

/// Usernames that are tried for an account whose own is taken.
const SUGGESTIONS: u32 = 5;

/// The state that the transactions of one import share.
#[derive(Debug)]
pub(super) struct Import {
    /// To read.
    accounts: Accounts,
    /// To write.
    patient: Accounts,
    pictures: Pictures,
    tombstones: Option<Tombstones>,
    update: bool,
    /// In a dry run, what would have been written.
    imagined: Option<Mutex<Imagined>>,
}

/// The identities and log-ins that a dry run would have written, by hash, with the line of each.
type Imagined = BTreeMap<u64, u64>;

/// An entry whose transaction is over.
pub(super) struct Finished {
    pub(super) line: Line,
    pub(super) throttled: u32,
}

/// An entry without a transaction.
impl From<Line> for Finished {
    fn from(line: Line) -> Self {
        Self { line, throttled: 0 }
    }
}

impl Import {
    /// Prepares an import into the service of `session`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such folder of pictures, or DynamoDB does not respond.
    pub(super) async fn new(
        options: &Options,
        session: &Session,
        dry_run: bool,
    ) -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(Self {
            accounts: session.accounts.clone(),
            patient: session.accounts.for_import(),
            pictures: Pictures::new(session, options.media.as_deref())?,
            tombstones: session.accounts.tombstones().await?,
            update: options.update,
            imagined: dry_run.then(Mutex::default),
        }))
    }

    /// Returns the profiles of `chunk` that are stored, by uuid, and the accounts of it that were erased.
    pub(super) async fn look_up(
        &self,
        chunk: &[Record],
    ) -> Result<(HashMap<String, Item>, HashSet<Uuid>), Failure> {
        let accounts = || chunk.iter().filter_map(|record| record.account.as_ref());
        let stored = self
            .accounts
            .profiles(accounts().map(|account| account.uuid));
        let stored = stored.await?;
        let Some(tombstones) = &self.tombstones else {
            return Ok((stored, HashSet::new()));
        };
        let keys = |account: &Incoming| {
            [
                tombstones.of_uuid(account.uuid),
                tombstones.of_email(&account.email),
            ]
        };
        let found = self
            .accounts
            .login_items_of(accounts().flat_map(keys))
            .await?;
        let is_erased = |account: &&Incoming| {
            let keys = keys(account);
            keys.iter().any(|key| found.contains_key(key))
        };
        let erased = accounts().filter(is_erased).map(|account| account.uuid);
        Ok((stored, erased.collect()))
    }

    /// Whether the file may say something new of an account that is there: it says something else than
    /// when the account came, or the picture did not come with it.
    pub(super) fn is_to_update(
        &self,
        stored: &Item,
        account: &Incoming,
        picture: Option<&str>,
    ) -> bool {
        let lacks_picture =
            picture.is_some() && self.pictures.has_folder() && !stored.contains_key("avatar");
        self.update && (lacks_picture || !account.original.has_made(stored))
    }

    /// Makes an account that is not there yet.
    pub(super) async fn create(
        &self,
        mut account: Incoming,
        picture: Option<String>,
        mut line: Line,
    ) -> Result<Finished, Failure> {
        self.bring_picture(&mut account, picture, &mut line).await?;
        let mut throttled = 0;
        for attempt in 1..=SUGGESTIONS {
            let attempted = self.write(&account, line.place.line).await?;
            throttled += attempted.throttled;
            let refused = attempted.refused;
            if refused.is_nothing() {
                line.outcome = Outcome::Created;
                return Ok(Finished { line, throttled });
            }
            if refused.profile || refused.email {
                self.refuse(&account, refused, &mut line).await?;
                return Ok(Finished { line, throttled });
            }
            if attempt == 1 && !account.is_username_made_up {
                let key = LoginKey::username(&account.username);
                let problem = Problem::new(Code::UsernameTaken);
                line.problems.push(problem.with(self.holder(&key).await?));
            }
            account.username = Username::resembling(account.username.as_str(), attempt);
        }
        Err(anyhow!("every username that was made up is taken").into())
    }

    /// Notes why an account was not made: it is there already, or another one has its address.
    async fn refuse(
        &self,
        account: &Incoming,
        refused: Refused,
        line: &mut Line,
    ) -> Result<(), Failure> {
        line.has_picture = false;
        if let Some(avatar) = &account.avatar {
            self.pictures.discard(avatar).await;
        }
        if !refused.profile {
            let key = LoginKey::email(&account.email);
            let problem = Problem::new(Code::EmailTaken).with(self.holder(&key).await?);
            (line.outcome, line.problems) = (Outcome::Rejected, vec![problem]);
            return Ok(());
        }
        let mut stored = self.accounts.profiles([account.uuid]).await?;
        match stored.remove(&account.uuid.to_string()) {
            Some(stored) => {
                compare(&stored, account, line);
            }
            // A dry run has written nothing.
            None if refused.email => {}
            None => line.problems.push(Problem::new(Code::EmailDiffers)),
        }
        Ok(())
    }

    /// Gives an account that an earlier import brought what its file says now.
    pub(super) async fn update(
        &self,
        stored: Item,
        mut account: Incoming,
        picture: Option<String>,
        mut line: Line,
    ) -> Result<Finished, Failure> {
        let Some(user) = compare(&stored, &account, &mut line) else {
            return Ok(line.into());
        };
        let says_the_same = account.original.has_made(&stored);
        let brought = self.accounts.brought(user, stored).await?;
        if !brought.is_untouched() {
            if !says_the_same {
                line.problems.push(Problem::new(Code::ChangedHere));
            }
            return Ok(line.into());
        }
        let has_picture = picture.is_some();
        self.bring_picture(&mut account, picture, &mut line).await?;
        if says_the_same && !line.has_picture {
            // Its picture is why it is looked at, and still cannot be read.
            return Ok(line.into());
        }
        if self.imagined.is_some() {
            line.outcome = Outcome::Updated;
            return Ok(line.into());
        }
        let (old, new) = (brought.avatar(), account.avatar.clone());
        if has_picture && new.is_none() {
            // It cannot be read, but there is an older one.
            account.avatar = old.cloned();
        }
        let plan = self.patient.bring_again(&brought, &account, now_ms())?;
        let attempted = self.patient.attempt(&plan).await?;
        let unreferenced = if attempted.refused.is_nothing() {
            line.outcome = Outcome::Updated;
            old.filter(|old| account.avatar.as_ref() != Some(*old))
        } else {
            line.has_picture = false;
            line.problems.push(Problem::new(Code::ChangedHere));
            new.as_ref()
        };
        if let Some(avatar) = unreferenced {
            self.pictures.discard(avatar).await;
        }
        let throttled = attempted.throttled;
        Ok(Finished { line, throttled })
    }

    /// Brings the picture into the bucket, before any profile points to it.
    async fn bring_picture(
        &self,
        account: &mut Incoming,
        picture: Option<String>,
        line: &mut Line,
    ) -> Result<(), Failure> {
        let Some(picture) = picture else {
            return Ok(());
        };
        match self.pictures.convert(&picture).await? {
            Err(problem) => line.problems.push(problem),
            Ok(image) => {
                line.has_picture = true;
                if self.imagined.is_none() {
                    account.avatar = Some(self.pictures.store(account.uuid, image).await?);
                }
            }
        }
        Ok(())
    }

    /// Writes a new account, or finds out whether it would be written.
    async fn write(&self, account: &Incoming, line: u64) -> Result<Attempted, Failure> {
        let Some(imagined) = &self.imagined else {
            return self.patient.attempt(&self.patient.bring(account)?).await;
        };
        let keys = account.login_keys();
        let stored = keys.iter().map(|key| key.as_str().to_owned());
        let stored = self.accounts.login_items_of(stored).await?;
        let mut imagined = imagined.lock().unwrap_or_else(PoisonError::into_inner);
        let [uuid, email, username] = keys_of(account).map(|key| hash(&key));
        let is_stored = |key: &LoginKey| stored.contains_key(key.as_str());
        let refused = Refused {
            profile: imagined.contains_key(&uuid),
            email: is_stored(&keys[0]) || imagined.contains_key(&email),
            username: is_stored(&keys[1]) || imagined.contains_key(&username),
        };
        if refused.is_nothing() {
            imagined.extend([uuid, email, username].map(|hash| (hash, line)));
        }
        Ok(Attempted {
            refused,
            throttled: 0,
        })
    }

    /// Names the account that has `key`: its uuid or, in a dry run, perhaps its line.
    async fn holder(&self, key: &LoginKey) -> Result<Option<String>, Failure> {
        let key = key.as_str();
        if let Some(imagined) = &self.imagined {
            let imagined = imagined.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(line) = imagined.get(&hash(key)) {
                return Ok(Some(format!("line {line}")));
            }
        }
        let stored = self.accounts.login_items_of([key.to_owned()]).await?;
        let uuid = stored
            .get(key)
            .and_then(|item| accounts::text(item, "uuid"));
        Ok(uuid.map(str::to_owned))
    }
}

/// The keys of the three items of an account.
pub(super) fn keys_of(account: &Incoming) -> [String; 3] {
    let [email, username] = account.login_keys().map(|key| key.as_str().to_owned());
    [account.uuid.to_string(), email, username]
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Notes what differs between an account that is there and one that would have come. Returns the one that
/// is there if it has the same address.
pub(super) fn compare(stored: &Item, account: &Incoming, line: &mut Line) -> Option<User> {
    let Ok(stored) = accounts::decode(stored) else {
        line.problems.push(Problem::new(Code::ChangedHere));
        return None;
    };
    if stored.email.key() != account.email.key() {
        line.problems.push(Problem::new(Code::EmailDiffers));
        return None;
    }
    if stored.username.key() != account.username.key() && !account.is_username_made_up {
        line.problems.push(Problem::new(Code::UsernameDiffers));
    }
    Some(stored)
}
