use std::fmt;

use argon2::{Algorithm, Params, Version};

/// The stored form of a password: a PHC string of Argon2.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(argon2::PasswordHash);

/// Argon2id with m = 19 MiB, t = 2, p = 1: the first choice of OWASP's Password Storage Cheat
/// Sheet that still fits a small function.
pub(super) const MEMORY_KIB: u32 = 19_456;
pub(super) const PASSES: u32 = 2;
pub(super) const LANES: u32 = 1;

impl PasswordHash {
    /// Parses a stored hash, or returns `None` if it is not a PHC string of Argon2.
    pub fn parse(raw: &str) -> Option<Self> {
        let hash = argon2::PasswordHash::new(raw).ok()?;
        let is_argon2 = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
        (is_argon2 && hash.salt.is_some() && hash.hash.is_some()).then_some(Self(hash))
    }

    /// Returns the PHC string.
    pub fn to_phc_string(&self) -> String {
        self.0.to_string()
    }

    pub(super) fn phc(&self) -> &argon2::PasswordHash {
        &self.0
    }

    /// Returns whether the hash was made with today's algorithm and parameters.
    pub(super) fn is_current(&self) -> bool {
        let Self(hash) = self;
        let length = hash.hash.as_ref().map(|output| output.len());
        hash.algorithm == argon2::ARGON2ID_IDENT
            && hash.version == Some(Version::V0x13.into())
            && length == Some(Params::DEFAULT_OUTPUT_LEN)
            && Params::try_from(hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            })
    }
}

impl From<argon2::PasswordHash> for PasswordHash {
    fn from(hash: argon2::PasswordHash) -> Self {
        Self(hash)
    }
}

/// Redacted.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_argon2_parses() {
        for raw in [
            "",
            "12345",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        ] {
            assert_eq!(PasswordHash::parse(raw), None, "{raw}");
        }
    }
}
