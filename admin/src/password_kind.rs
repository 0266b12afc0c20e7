//! The kind of a stored hash, which does not give the hash away.

use std::fmt;

use shared::user::{HashRefusal, PasswordHash};

/// The kind of a password's hash and its cost: `argon2id m=19456,t=2,p=1`, `pbkdf2_sha256 600000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PasswordKind {
    /// The algorithm, as the stored text names it.
    pub algorithm: String,
    /// Its parameters, as the stored text names them; empty where it names none.
    pub parameters: String,
}

impl PasswordKind {
    /// Reads the stored text of a hash.
    pub(crate) fn of(stored: &str) -> Self {
        match PasswordHash::parse(stored) {
            Ok(hash) => Self {
                algorithm: hash.algorithm().to_owned(),
                parameters: hash.cost(),
            },
            Err(refusal) => Self {
                algorithm: refused(refusal).to_owned(),
                parameters: String::new(),
            },
        }
    }
}

/// Names a hash that no log-in verifies.
fn refused(refusal: HashRefusal) -> &'static str {
    match refusal {
        HashRefusal::Unknown => "unknown",
        HashRefusal::Weak => "weak",
        HashRefusal::TooCostly => "too-costly",
    }
}

impl fmt::Display for PasswordKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.algorithm)?;
        if !self.parameters.is_empty() {
            write!(formatter, " {}", self.parameters)?;
        }
        Ok(())
    }
}
