use std::fmt;

use argon2::{Algorithm, Params, Version};

use super::foreign_hash::ForeignHash;

/// The stored form of a password: a PHC string of Argon2, or a hash that another system has made.
///
/// The text is kept byte for byte as it was stored, so that a condition on it always holds.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    scheme: Scheme,
}

/// A parsed hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Scheme {
    Argon2(Box<argon2::PasswordHash>),
    Foreign(ForeignHash),
}

/// Argon2id with m = 19 MiB, t = 2, p = 1: the first choice of OWASP's Password Storage Cheat
/// Sheet that still fits a small function.
pub(super) const MEMORY_KIB: u32 = 19_456;
pub(super) const PASSES: u32 = 2;
pub(super) const LANES: u32 = 1;

/// Maximum memory of Argon2, in KiB: 1 GiB, which still fits a function of 1,769 MB.
const MAX_MEMORY_KIB: u32 = 1 << 20;

/// Maximum memory times passes of Argon2, in KiB. Django's default is 102,400 × 2.
const MAX_WORK_KIB: u64 = 4 << 20;

/// Most bytes of a stored hash: several times those of the longest that is known.
const MAX_BYTES: usize = 1_024;

impl PasswordHash {
    /// Parses a stored hash: a PHC string (Argon2, `scrypt`, `pbkdf2-sha1`, `pbkdf2-sha256`,
    /// `pbkdf2-sha512`), `$2a$`, `$2b$` or `$2y$` of bcrypt, or what Django stores (`argon2`,
    /// `bcrypt`, `bcrypt_sha256`, `pbkdf2_sha1`, `pbkdf2_sha256`, `scrypt`).
    ///
    /// # Errors
    ///
    /// - [`HashRefusal::Unknown`]: it has none of these forms.
    /// - [`HashRefusal::Weak`]: its algorithm is too fast to protect a password.
    /// - [`HashRefusal::TooCostly`]: verifying it would take longer or more memory than a log-in may.
    pub fn parse(raw: &str) -> Result<Self, HashRefusal> {
        if raw.len() > MAX_BYTES {
            return Err(HashRefusal::Unknown);
        }
        let scheme = match raw.strip_prefix("argon2").unwrap_or(raw) {
            phc if phc.starts_with("$argon2") => argon2(phc)?,
            phc if phc.starts_with('$') => Scheme::Foreign(ForeignHash::parse_phc(phc)?),
            django => Scheme::Foreign(ForeignHash::parse_django(django)?),
        };
        Ok(Self {
            text: raw.to_owned(),
            scheme,
        })
    }

    /// The hash as it is stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The algorithm: `argon2id`, `argon2i`, `argon2d`, `bcrypt`, `bcrypt_sha256`, `pbkdf2_sha1`,
    /// `pbkdf2_sha256`, `pbkdf2_sha512` or `scrypt`.
    pub fn algorithm(&self) -> &str {
        match &self.scheme {
            Scheme::Argon2(hash) => hash.algorithm.as_str(),
            Scheme::Foreign(hash) => hash.algorithm(),
        }
    }

    /// The parameters that decide how long a verification takes, such as `m=19456,t=2,p=1`.
    pub fn cost(&self) -> String {
        match &self.scheme {
            Scheme::Argon2(hash) => hash.params.to_string(),
            Scheme::Foreign(hash) => hash.cost(),
        }
    }

    pub(super) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Returns whether the hash was made with today's algorithm and parameters.
    pub fn is_current(&self) -> bool {
        let Scheme::Argon2(hash) = &self.scheme else {
            return false;
        };
        let length = hash.hash.as_ref().map(|output| output.len());
        // Django's form of the same hash is replaced, too, so that one form is left in the end.
        self.text.starts_with('$')
            && hash.algorithm == argon2::ARGON2ID_IDENT
            && hash.version == Some(Version::V0x13.into())
            && length == Some(Params::DEFAULT_OUTPUT_LEN)
            && Params::try_from(&**hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            })
    }
}

/// Parses a PHC string of Argon2.
fn argon2(phc: &str) -> Result<Scheme, HashRefusal> {
    let hash = argon2::PasswordHash::new(phc).map_err(|_| HashRefusal::Unknown)?;
    let is_complete = Algorithm::try_from(hash.algorithm.as_str()).is_ok()
        && hash.salt.is_some()
        && hash.hash.is_some();
    let params = Params::try_from(&hash).map_err(|_| HashRefusal::Unknown)?;
    if !is_complete {
        return Err(HashRefusal::Unknown);
    }
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MAX_MEMORY_KIB || work > MAX_WORK_KIB {
        return Err(HashRefusal::TooCostly);
    }
    Ok(Scheme::Argon2(Box::new(hash)))
}

impl From<argon2::PasswordHash> for PasswordHash {
    fn from(hash: argon2::PasswordHash) -> Self {
        Self {
            text: hash.to_string(),
            scheme: Scheme::Argon2(Box::new(hash)),
        }
    }
}

/// Redacted.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// Why a string is not a hash that a log-in verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashRefusal {
    /// Its form is unknown.
    #[error("the password hash is of an unknown kind")]
    Unknown,
    /// It is MD5, SHA-1 or `crypt`, which protect no password.
    #[error("the password hash is of a kind that protects no password")]
    Weak,
    /// It costs more than a log-in may.
    #[error("verifying the password hash would cost too much")]
    TooCostly,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_other_text() {
        use HashRefusal::{TooCostly, Unknown, Weak};
        let digest = "xQ2hXqPiV0LgLr2nTgHwW1p5lGmOIV2qpzHgT4tE2Vg=";
        for (raw, refusal) in [
            ("", Unknown),
            ("12345", Unknown),
            ("!bWJKcHZGq3XT4UJYBrEQ", Unknown),
            ("$argon2id$v=19$m=19456,t=2,p=1", Unknown),
            (
                "$argon2x$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                Unknown,
            ),
            (
                "argon2$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                TooCostly,
            ),
            (
                "$argon2id$v=19$m=1048576,t=5,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                TooCostly,
            ),
            (&format!("pbkdf2_sha256$0$salt${digest}"), Unknown),
            (&format!("pbkdf2_sha256$-1$salt${digest}"), Unknown),
            (&format!("pbkdf2_sha256$+12000$salt${digest}"), Unknown),
            (&format!("pbkdf2_sha256$12000$salt${digest}$"), Unknown),
            (&format!("pbkdf2_sha256$10000001$salt${digest}"), TooCostly),
            (
                &format!("pbkdf2_sha256$99999999999$salt${digest}"),
                TooCostly,
            ),
            ("pbkdf2_sha256$12000$salt$", Unknown),
            ("pbkdf2_sha256$12000$salt$AAAA", Unknown),
            ("pbkdf2_sha256$12000$salt$not Base64", Unknown),
            (
                &format!("pbkdf2_sha256$12000${}${digest}", "s".repeat(1_000)),
                Unknown,
            ),
            (&format!("pbkdf2_md5$12000$salt${digest}"), Unknown),
            (&format!("scrypt$15000$salt$8$5${digest}"), Unknown),
            (&format!("scrypt$0$salt$8$5${digest}"), Unknown),
            (&format!("scrypt$16384$salt$8$5000${digest}"), TooCostly),
            (&format!("scrypt$2097152$salt$8$1${digest}"), TooCostly),
            (
                "bcrypt$$2b$16$Yf9gT5K1wLkqPqxUUVsTuOtbg0MLtqzhsVv2WfYyG5qV8hK4Y2wGu",
                TooCostly,
            ),
            ("bcrypt$$2b$12$short", Unknown),
            ("md5$salt$8c7bcb2a6a7bcb2a6a7bcb2a6a7bcb2a", Weak),
            ("8c7bcb2a6a7bcb2a6a7bcb2a6a7bcb2a", Weak),
            ("8c7bcb2a6a7bcb2a6a7bcb2a6a7bcb2ax", Unknown),
            ("zc7bcb2a6a7bcb2a6a7bcb2a6a7bcb2a", Unknown),
            ("sha1$salt$f1b0f2f84b6ab3f7bd1d2c8a5bb0d0b6a1a7ddee", Weak),
            ("crypt$$ab8CBPbYxJHZo", Weak),
            ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", Weak),
        ] {
            assert_eq!(PasswordHash::parse(raw).err(), Some(refusal), "{raw}");
        }
    }
}
