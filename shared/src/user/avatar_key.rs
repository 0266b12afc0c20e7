use std::fmt;

use uuid::Uuid;

use crate::env::{Env, EnvError};

/// The name of an avatar in its bucket: `avatars/<uuid of the account>/<128 random bits>.webp`.
///
/// Every upload gets a new name, so that a late deletion of an older upload never hits a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarKey(String);

impl AvatarKey {
    /// The media type of every avatar.
    pub const MEDIA_TYPE: &str = "image/webp";

    /// How long caches may keep an avatar: forever, because names are never reused.
    pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

    /// Returns a new name for an avatar of the account `owner`.
    ///
    /// # Errors
    ///
    /// Fails if the operating system returns no random bytes.
    pub fn random(owner: Uuid) -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(format!(
            "avatars/{owner}/{:032x}.webp",
            u128::from_be_bytes(bits)
        )))
    }

    /// Parses a stored name, or returns `None` if it has another form.
    pub fn parse(raw: &str) -> Option<Self> {
        let (owner, file) = raw.strip_prefix("avatars/")?.split_once('/')?;
        let bits = file.strip_suffix(".webp")?;
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        let well_formed = Uuid::try_parse(owner).is_ok_and(|uuid| uuid.to_string() == owner)
            && bits.len() == 32
            && bits.bytes().all(is_hex);
        well_formed.then(|| Self(raw.to_owned()))
    }

    /// Returns the name in the bucket.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AvatarKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The URLs at which browsers find the avatars.
#[derive(Clone, Debug)]
pub struct AvatarUrls {
    base: String,
}

impl AvatarUrls {
    /// Reads `AVATAR_BASE_URL`, the URL before the name in the bucket, with or without a slash at
    /// its end.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: it is not set.
    /// - [`EnvError::Invalid`]: it is not absolute.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        const NAME: &str = "AVATAR_BASE_URL";
        let base = env.required(NAME)?.trim_end_matches('/');
        if !base.starts_with("https://") && !base.starts_with("http://") {
            return Err(EnvError::Invalid {
                name: NAME,
                rule: "a URL that begins with `https://` or `http://`",
            });
        }
        Ok(Self {
            base: base.to_owned(),
        })
    }

    /// Returns the absolute URL of `key`.
    pub fn url(&self, key: &AvatarKey) -> String {
        format!("{}/{key}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_one_parses_and_is_new() {
        let owner = Uuid::new_v4();
        let key = AvatarKey::random(owner).unwrap();

        assert_eq!(AvatarKey::parse(key.as_str()), Some(key.clone()));
        assert_ne!(AvatarKey::random(owner).unwrap(), key);
    }

    #[test]
    fn nothing_else_parses() {
        let bits = "0".repeat(32);
        for raw in [
            String::new(),
            format!("avatars/{bits}.webp"),
            format!("avatars/../{bits}.webp"),
            format!("avatars/{}/{bits}.png", Uuid::nil()),
            format!("avatars/{}/{bits}0.webp", Uuid::nil()),
            format!("avatars/{}/{}.webp", Uuid::nil(), "G".repeat(32)),
            format!("avatars/{}/{bits}.webp", Uuid::nil().simple()),
        ] {
            assert_eq!(AvatarKey::parse(&raw), None, "{raw}");
        }
    }
}
