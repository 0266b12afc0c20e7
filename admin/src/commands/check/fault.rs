//! The faults that the items of an account can have.

use serde_json::Value;
use shared::user::{Email, LoginKey, Username};
use uuid::Uuid;

use crate::{
    accounts::{Account, Item, LoginKind, decode, text},
    failure::Failure,
    output::Record,
};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An attribute of the profile cannot be read.
    ProfileDamaged,
    /// An attribute of an item of `logins` cannot be read.
    LoginDamaged(&'static str),
    /// An item of `logins` has a key that is not the one of its address or username.
    KeyNotCanonical,
    /// An item of `logins` belongs to no profile.
    ProfileMissing,
    /// An item of `logins` belongs to a profile that has another address or username.
    LoginStale,
    /// A profile has no item in `logins` for this login.
    LoginMissing(LoginKind),
    /// The item for this login belongs to another account.
    LoginForeign(LoginKind),
    /// The item for this login says something else than the profile.
    LoginDiffers(LoginKind),
    /// The two log-ins have different hashes.
    HashesDiffer,
    /// Some items say that the account is disabled, and some that it is not.
    DisabledDiffers,
    /// The avatar's name is of another account.
    AvatarForeign,
    /// The avatar is not in the bucket.
    AvatarMissing,
    /// The account was erased, and is there again.
    Erased,
}

impl Fault {
    /// The stable name.
    fn code(self) -> &'static str {
        match self {
            Self::ProfileDamaged => "profile-damaged",
            Self::LoginDamaged(_) => "login-damaged",
            Self::KeyNotCanonical => "key-not-canonical",
            Self::ProfileMissing => "profile-missing",
            Self::LoginStale => "login-stale",
            Self::LoginMissing(_) => "login-missing",
            Self::LoginForeign(_) => "login-foreign",
            Self::LoginDiffers(_) => "login-differs",
            Self::HashesDiffer => "hashes-differ",
            Self::DisabledDiffers => "disabled-differs",
            Self::AvatarForeign => "avatar-foreign",
            Self::AvatarMissing => "avatar-missing",
            Self::Erased => "erased",
        }
    }

    fn detail(self) -> Option<String> {
        match self {
            Self::LoginDamaged(attribute) => Some(attribute.to_owned()),
            Self::LoginMissing(kind) | Self::LoginForeign(kind) | Self::LoginDiffers(kind) => {
                Some(kind.to_string())
            }
            _ => None,
        }
    }
}

/// A fault of an account or of an item of `logins`.
#[derive(Debug)]
pub(super) struct Finding {
    pub fault: Fault,
    pub fixed: bool,
    uuid: Option<String>,
    login: Option<String>,
    detail: Option<String>,
}

impl Finding {
    pub(super) fn of_profile(uuid: String, failure: Failure) -> Self {
        Self {
            fault: Fault::ProfileDamaged,
            fixed: false,
            uuid: Some(uuid),
            login: None,
            detail: Some(failure.to_string()),
        }
    }

    pub(super) fn of_login(uuid: Option<Uuid>, key: &str, fault: Fault) -> Self {
        Self {
            fault,
            fixed: false,
            uuid: uuid.map(|uuid| uuid.to_string()),
            login: Some(key.to_owned()),
            detail: fault.detail(),
        }
    }

    pub(super) fn of_account(uuid: Uuid, fault: Fault) -> Self {
        Self {
            fault,
            fixed: false,
            uuid: Some(uuid.to_string()),
            login: None,
            detail: fault.detail(),
        }
    }

    pub(super) fn record(&self) -> Record {
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
        Record::default()
            .with("fault", self.fault.code())
            .with("uuid", text(&self.uuid))
            .with("login", text(&self.login))
            .with("detail", text(&self.detail))
            .with("fixed", self.fixed)
    }
}

/// Returns the key that today's rules make of the address or the username in an item of `logins`,
/// whichever its present key is for.
pub(super) fn canonical_key(login: &Item) -> Option<LoginKey> {
    let key = text(login, "login")?;
    if key.starts_with("email:") {
        let email = Email::parse_stored(text(login, "email")?).ok()?;
        Some(LoginKey::email(&email))
    } else if key.starts_with("username:") {
        let username = Username::parse_stored(text(login, "username")?).ok()?;
        Some(LoginKey::username(&username))
    } else {
        None
    }
}

/// Returns what is wrong with an item of `logins`, whose account has this profile.
pub(super) fn of_login(login: &Item, profile: Option<&Item>) -> Option<Fault> {
    let key = text(login, "login")?;
    for attribute in ["uuid", "email", "username"] {
        if text(login, attribute).is_none() {
            return Some(Fault::LoginDamaged(attribute));
        }
    }
    let Some(canonical) = canonical_key(login) else {
        let of = if key.starts_with("email:") {
            "email"
        } else {
            "username"
        };
        return Some(Fault::LoginDamaged(of));
    };
    if canonical.as_str() != key {
        return Some(Fault::KeyNotCanonical);
    }
    let Some(profile) = profile else {
        return Some(Fault::ProfileMissing);
    };
    // A profile that cannot be read is a fault of its own.
    let user = decode(profile).ok()?;
    let keys = LoginKey::both(&user.email, &user.username);
    (!keys.contains(&canonical)).then_some(Fault::LoginStale)
}

/// Returns the faults of an account, but for its avatar's object.
///
/// # Errors
///
/// Fails if the `disabled` of an item is not a boolean.
pub(super) fn of_account(account: &Account) -> Result<Vec<Fault>, Failure> {
    let mut faults = Vec::new();
    let uuid = account.user.uuid.to_string();
    for (kind, login) in LoginKind::BOTH.into_iter().zip(&account.logins) {
        let same = |attribute: &str, value: &str| login.text(attribute) == Some(value);
        if login.item.is_none() {
            faults.push(Fault::LoginMissing(kind));
        } else if !same("uuid", &uuid) {
            faults.push(Fault::LoginForeign(kind));
        } else if !same("email", account.user.email.as_str())
            || !same("username", account.user.username.as_str())
        {
            faults.push(Fault::LoginDiffers(kind));
        }
    }
    if !faults.is_empty() {
        return Ok(faults);
    }
    let [email, username] = &account.logins;
    if email.text("password_hash") != username.text("password_hash") {
        faults.push(Fault::HashesDiffer);
    }
    let disabled = account.is_disabled()?;
    if disabled.contains(&true) && disabled.contains(&false) {
        faults.push(Fault::DisabledDiffers);
    }
    let avatar = account.user.avatar.as_ref();
    let owner = avatar.and_then(|key| key.as_str().split('/').nth(1));
    if owner.is_some_and(|owner| owner != uuid) {
        faults.push(Fault::AvatarForeign);
    }
    Ok(faults)
}
