use std::{collections::HashMap, fmt};

use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use unicode_normalization::UnicodeNormalization;

use super::{Email, Username};
use crate::env::{Env, EnvError};

/// A password as typed: normalized to NFC, never trimmed, at most 128 characters.
///
/// Its text can be hashed, but neither read back nor printed.
pub struct Password {
    normal: SecretString,
    /// As typed, for hashes of systems that do not normalize.
    typed: SecretString,
}

impl Password {
    /// Maximum number of characters. NIST SP 800-63B-4, section 3.1.1.2, requires at least 64.
    pub const MAX_CHARS: usize = 128;

    /// Maximum number of bytes. The bounds keep a huge password from causing a huge amount of work.
    pub const MAX_BYTES: usize = 1_024;

    /// Parses `raw`, at sign-up and at log-in alike.
    ///
    /// # Errors
    ///
    /// - [`PasswordError::TooLong`]: it has more than [`MAX_CHARS`](Self::MAX_CHARS) characters or
    ///   [`MAX_BYTES`](Self::MAX_BYTES) bytes.
    pub fn parse(raw: &str) -> Result<Self, PasswordError> {
        if raw.len() > Self::MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        let normal: Zeroizing<String> = Zeroizing::new(raw.nfc().collect());
        if normal.chars().count() > Self::MAX_CHARS {
            return Err(PasswordError::TooLong);
        }
        Ok(Self {
            normal: SecretString::from(normal.as_str()),
            typed: SecretString::from(raw),
        })
    }

    /// Returns the bytes to hash.
    pub(super) fn expose_bytes(&self) -> &[u8] {
        self.normal.expose_secret().as_bytes()
    }

    /// Returns the spellings that another system may have hashed: as typed, in NFC and trimmed, each
    /// once.
    pub(super) fn expose_spellings(&self) -> impl Iterator<Item = &[u8]> {
        let (typed, normal) = (self.typed.expose_secret(), self.normal.expose_secret());
        let trimmed = typed.trim();
        let differs = [true, normal != typed, trimmed != typed && trimmed != normal];
        [typed, normal, trimmed]
            .into_iter()
            .zip(differs)
            .filter_map(|(spelling, differs)| differs.then_some(spelling.as_bytes()))
    }
}

/// The rules for a new password. Log-in does not apply them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// At least 5 characters, so that `12345` registers.
    Documented,
    /// At least 15 characters (NIST SP 800-63B-4, section 3.1.1.2, for a single factor), not one
    /// of the commonest, not similar to the e-mail or username, not entirely numeric.
    Strict,
}

impl PasswordPolicy {
    /// Reads `PASSWORD_POLICY`: `documented` (the default) or `strict`.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Invalid`]: it is neither.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        const NAME: &str = "PASSWORD_POLICY";
        match env.optional(NAME) {
            None | Some("documented") => Ok(Self::Documented),
            Some("strict") => Ok(Self::Strict),
            Some(_) => Err(EnvError::Invalid {
                name: NAME,
                rule: "`documented` or `strict`",
            }),
        }
    }

    /// Checks `password`, new for the account of `email` and `username`.
    ///
    /// Skips the comparison with an `email` or a `username` that is `None`.
    ///
    /// # Errors
    ///
    /// Every rule that the password breaks.
    pub fn check(
        self,
        password: &Password,
        email: Option<&Email>,
        username: Option<&Username>,
    ) -> Result<(), Vec<PasswordError>> {
        let password = password.normal.expose_secret();
        let minimum = match self {
            Self::Documented => 5,
            Self::Strict => 15,
        };
        let mut errors = Vec::new();
        if password.chars().count() < minimum {
            errors.push(PasswordError::TooShort { minimum });
        }
        if self == Self::Strict {
            let folded = Zeroizing::new(password.to_lowercase());
            if is_common(&folded) {
                errors.push(PasswordError::TooCommon);
            }
            if folded.chars().all(char::is_numeric) {
                errors.push(PasswordError::EntirelyNumeric);
            }
            if email.is_some_and(|email| is_similar(&folded, email.as_str())) {
                errors.push(PasswordError::SimilarToEmail);
            }
            if username.is_some_and(|username| is_similar(&folded, username.as_str())) {
                errors.push(PasswordError::SimilarToUsername);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

/// Returns whether `folded`, in lower case, is on the embedded list.
///
/// The list holds the 5,000 commonest passwords of Royce Williams's list of leaked passwords (the one
/// that Django ships), and all others of that list that are long enough for the strict policy.
fn is_common(folded: &str) -> bool {
    include_str!("common_passwords.txt")
        .lines()
        .any(|common| common == folded)
}

/// Returns whether `folded`, in lower case, has 70 % of its characters in common with `attribute` or
/// one of its words, in any order: the measure and the threshold of Django's
/// `UserAttributeSimilarityValidator`.
fn is_similar(folded: &str, attribute: &str) -> bool {
    const THRESHOLD: f64 = 0.7;
    let attribute = attribute.to_lowercase();
    attribute
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .chain([attribute.as_str()])
        .any(|part| {
            let (a, b) = (folded.chars().count(), part.chars().count());
            let shared = characters_in_common(folded, part);
            b > 0 && 2.0 * shared as f64 / (a + b) as f64 >= THRESHOLD
        })
}

/// Returns the size of the intersection of the multisets of characters.
fn characters_in_common(a: &str, b: &str) -> usize {
    let mut available: HashMap<char, usize> = HashMap::new();
    for c in a.chars() {
        *available.entry(c).or_default() += 1;
    }
    b.chars()
        .filter(|c| match available.get_mut(c) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .count()
}

/// Redacted.
impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

/// Why a string is not allowed as a new password. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has more characters or bytes than a [`Password`] may have.
    #[error(
        "Ensure this field has no more than {} characters.",
        Password::MAX_CHARS
    )]
    TooLong,
    /// It has fewer characters than the policy requires.
    #[error("This password is too short. It must contain at least {minimum} characters.")]
    TooShort {
        /// Minimum number of characters.
        minimum: usize,
    },
    /// It is one of the commonest.
    #[error("This password is too common.")]
    TooCommon,
    /// It consists of digits.
    #[error("This password is entirely numeric.")]
    EntirelyNumeric,
    /// It is similar to the account's address.
    #[error("The password is too similar to the email.")]
    SimilarToEmail,
    /// It is similar to the account's username.
    #[error("The password is too similar to the username.")]
    SimilarToUsername,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(policy: PasswordPolicy, raw: &str) -> Result<(), Vec<PasswordError>> {
        let email = Email::parse("margaret.hamilton@nasa.example").unwrap();
        let username = Username::parse("lunar_software_lead").unwrap();
        policy.check(
            &Password::parse(raw).unwrap(),
            Some(&email),
            Some(&username),
        )
    }

    #[test]
    fn has_an_upper_bound() {
        assert!(Password::parse(&"я".repeat(128)).is_ok());
        assert_eq!(
            Password::parse(&"я".repeat(129)).err(),
            Some(PasswordError::TooLong)
        );
        let long_before_normalizing = "e\u{301}".repeat(342);
        assert_eq!(
            Password::parse(&long_before_normalizing).err(),
            Some(PasswordError::TooLong)
        );
    }

    #[test]
    fn is_normalized_and_not_trimmed() {
        let bytes = |raw| Password::parse(raw).unwrap().expose_bytes().to_vec();

        assert_eq!(bytes("caf\u{e9} au lait"), bytes("cafe\u{301} au lait"));
        assert_ne!(bytes(" secret"), bytes("secret"));
    }

    #[test]
    fn the_documented_policy_asks_for_five_characters() {
        assert_eq!(check(PasswordPolicy::Documented, "12345"), Ok(()));
        assert_eq!(check(PasswordPolicy::Documented, "     "), Ok(()));
        assert_eq!(
            check(PasswordPolicy::Documented, "1234"),
            Err(vec![PasswordError::TooShort { minimum: 5 }])
        );
    }

    #[test]
    fn the_strict_policy_reports_every_broken_rule() {
        use PasswordError::{
            EntirelyNumeric, SimilarToEmail, SimilarToUsername, TooCommon, TooShort,
        };

        for (raw, expected) in [
            (
                "12345",
                vec![TooShort { minimum: 15 }, TooCommon, EntirelyNumeric],
            ),
            ("QWERTYUIOP", vec![TooShort { minimum: 15 }, TooCommon]),
            ("123456789987654321", vec![TooCommon, EntirelyNumeric]),
            ("1q2w3e4r5t6y7u8i", vec![TooCommon]),
            ("918273645546372819", vec![EntirelyNumeric]),
            ("margaret.hamilton", vec![SimilarToEmail]),
            ("lunar_software_lead1", vec![SimilarToUsername]),
        ] {
            assert_eq!(check(PasswordPolicy::Strict, raw), Err(expected), "{raw}");
        }
        assert_eq!(
            check(PasswordPolicy::Strict, "correct horse battery staple"),
            Ok(())
        );
    }

    #[test]
    fn the_list_of_common_passwords_is_long_enough() {
        assert!(include_str!("common_passwords.txt").lines().count() >= 3_000);
    }

    #[test]
    fn the_policy_is_read_from_the_environment() {
        let policy =
            |value| PasswordPolicy::from_env(&Env::from_iter([("PASSWORD_POLICY", value)]));

        assert_eq!(policy(""), Ok(PasswordPolicy::Documented));
        assert_eq!(policy("documented"), Ok(PasswordPolicy::Documented));
        assert_eq!(policy("strict"), Ok(PasswordPolicy::Strict));
        assert_eq!(
            policy("STRICT").unwrap_err().to_string(),
            "PASSWORD_POLICY must be `documented` or `strict`"
        );
    }

    proptest! {
        #[test]
        fn never_panics(raw in any::<String>()) {
            if let Ok(password) = Password::parse(&raw) {
                let _ = PasswordPolicy::Strict.check(&password, None, None);
            }
        }
    }
}
