use std::{fmt, ops::RangeInclusive};

use unicode_normalization::UnicodeNormalization;

use super::Email;

/// A login name: 3 to 150 characters of `A-Z a-z 0-9 . _ + -`, or an imported one.
///
/// Shown as typed; [`key`](Self::key) is lower case, so `Ada` and `ada` are one account. `@` is
/// excluded, so that an account cannot have another account's e-mail address as its username.
#[derive(Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Minimum and maximum number of characters of a new username.
    pub const LENGTH: RangeInclusive<usize> = 3..=150;

    /// Maximum number of bytes of a stored username, whose characters have up to four.
    pub(super) const MAX_BYTES: usize = 4 * 150;

    /// Parses `raw` after trimming it, without folding it.
    ///
    /// # Errors
    ///
    /// - [`UsernameError::TooShort`], [`UsernameError::TooLong`]: its length is outside
    ///   [`LENGTH`](Self::LENGTH).
    /// - [`UsernameError::Invalid`]: it contains another character.
    pub fn parse(raw: &str) -> Result<Self, UsernameError> {
        let raw = raw.trim();
        let length = raw.chars().count();
        if length < *Self::LENGTH.start() {
            return Err(UsernameError::TooShort);
        }
        if length > *Self::LENGTH.end() {
            return Err(UsernameError::TooLong);
        }
        if !raw.chars().all(is_allowed) {
            return Err(UsernameError::Invalid);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Parses a stored username after normalizing it to NFC. An imported account may have any that
    /// Django allows: 1 to 150 letters and digits of any script, `@`, `.`, `+`, `-` and `_`.
    ///
    /// A username with an `@` is shown, but no login finds it, because a login with an `@` is an
    /// address. If it is the account's own address, that finds the account.
    ///
    /// # Errors
    ///
    /// - [`UsernameError::TooShort`], [`UsernameError::TooLong`]: its length is outside these limits.
    /// - [`UsernameError::Invalid`]: it contains another character.
    pub fn parse_stored(raw: &str) -> Result<Self, UsernameError> {
        let name: String = raw.nfc().collect();
        if name.is_empty() {
            return Err(UsernameError::TooShort);
        }
        if name.chars().count() > *Self::LENGTH.end() {
            return Err(UsernameError::TooLong);
        }
        let is_allowed = |c: char| c.is_alphanumeric() || "@.+-_".contains(c);
        if !name.chars().all(is_allowed) {
            return Err(UsernameError::Invalid);
        }
        Ok(Self(name))
    }

    /// Makes a username for an account without one: the local part of `email` without the characters
    /// that a username cannot hold.
    ///
    /// Adds a random suffix if too few characters are left, and on every `attempt` but the first.
    pub fn suggest(email: &Email, attempt: u32) -> Self {
        Self::resembling(email.local_part(), attempt)
    }

    /// Makes a username from `raw` without the characters that a username cannot hold. Adds a suffix like
    /// [`suggest`](Self::suggest).
    pub fn resembling(raw: &str, attempt: u32) -> Self {
        const SUFFIX: usize = "-abcdef".len();
        let mut name: String = raw
            .chars()
            .filter(|&c| is_allowed(c))
            .take(*Self::LENGTH.end() - SUFFIX)
            .collect();
        let needs_suffix = attempt > 0 || name.len() < *Self::LENGTH.start();
        if name.is_empty() {
            name.push_str("user");
        }
        if needs_suffix {
            name.push('-');
            name.push_str(&random_suffix());
        }
        Self(name)
    }

    /// Returns the name as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name that must be unique: ASCII letters in lower case.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// Redacted: in a log, a username identifies a person just like an address.
impl fmt::Debug for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Username(..)")
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-')
}

/// Returns six characters of the base32 alphabet in lower case (RFC 4648, section 6): 30 random bits.
fn random_suffix() -> String {
    const ALPHABET: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
    let bits = uuid::Uuid::new_v4().as_u128();
    (0..6)
        .map(|i| char::from(ALPHABET[(bits >> (5 * i)) as usize & 31]))
        .collect()
}

/// Why a string is not a [`Username`]. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// It contains another character.
    #[error(
        "Enter a valid username. This value may contain only letters, numbers, and ./+/-/_ characters."
    )]
    Invalid,
    /// It has too many characters.
    #[error("Ensure this field has no more than {} characters.", Username::LENGTH.end())]
    TooLong,
    /// It has too few characters.
    #[error("Ensure this field has at least {} characters.", Username::LENGTH.start())]
    TooShort,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn has_bounds() {
        assert_eq!(Username::parse("ab"), Err(UsernameError::TooShort));
        assert!(Username::parse("abc").is_ok());
        assert!(Username::parse(&"a".repeat(150)).is_ok());
        assert_eq!(
            Username::parse(&"a".repeat(151)),
            Err(UsernameError::TooLong)
        );
    }

    #[test]
    fn refuses_other_characters() {
        for (raw, reason) in [
            ("a@b", "could be an address"),
            ("a b", "a space"),
            ("Вася", "not ASCII"),
            (
                "\u{212a}elvin",
                "a Kelvin sign, which Unicode lower-cases to k",
            ),
            ("a/b", "a slash"),
            ("abc\u{200b}", "a zero-width space"),
        ] {
            assert_eq!(
                Username::parse(raw),
                Err(UsernameError::Invalid),
                "{reason}"
            );
        }
    }

    #[test]
    fn may_be_any_of_django_if_it_is_stored() {
        for (raw, stored) in [
            ("a", Ok("a")),
            ("Вася", Ok("Вася")),
            ("ada@test.com", Ok("ada@test.com")),
            ("名前_1+2-3.4", Ok("名前_1+2-3.4")),
            ("e\u{301}", Ok("\u{e9}")),
            ("", Err(UsernameError::TooShort)),
            (&"я".repeat(150), Ok("я".repeat(150).as_str())),
            (&"я".repeat(151), Err(UsernameError::TooLong)),
            ("a b", Err(UsernameError::Invalid)),
            ("a/b", Err(UsernameError::Invalid)),
            ("a\u{200b}", Err(UsernameError::Invalid)),
            ("a\0", Err(UsernameError::Invalid)),
        ] {
            let username = Username::parse_stored(raw);

            assert_eq!(
                username.as_ref().map(Username::as_str),
                stored.as_ref().copied(),
                "{raw}"
            );
        }
    }

    #[test]
    fn is_unique_without_regard_to_case() {
        assert_eq!(Username::parse("Ada.L").unwrap().key(), "ada.l");
    }

    #[test]
    fn is_suggested_from_the_local_part() {
        let suggest = |address, attempt| {
            let email = Email::parse(address).unwrap();
            Username::suggest(&email, attempt).as_str().to_owned()
        };

        assert_eq!(suggest("Test@test.com", 0), "Test");
        assert_eq!(suggest("o'hara!@test.com", 0), "ohara");
        for (address, attempt, base) in [
            ("Test@test.com", 1, "Test"),
            ("jo@test.com", 0, "jo"),
            ("вася@test.com", 0, "user"),
        ] {
            let name = suggest(address, attempt);
            let suffix = name
                .strip_prefix(base)
                .and_then(|rest| rest.strip_prefix('-'))
                .unwrap();
            assert_eq!(suffix.len(), 6, "{name}");
            assert!(
                suffix
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(raw in "[ a-zA-Z0-9._+-]{1,160}") {
            if let Ok(username) = Username::parse(&raw) {
                prop_assert_eq!(Username::parse(username.as_str()), Ok(username.clone()));
                prop_assert_eq!(Username::parse_stored(username.as_str()), Ok(username));
            }
        }

        #[test]
        fn suggestions_are_usernames(local in "[a-zа-я0-9.!#'+-]{1,64}", attempt in 0_u32..2) {
            if let Ok(email) = Email::parse(&format!("{local}@test.com")) {
                let name = Username::suggest(&email, attempt);
                prop_assert_eq!(Username::parse(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn resembling_any_text_is_a_username(raw in "\\PC{0,200}", attempt in 0_u32..2) {
            let name = Username::resembling(&raw, attempt);

            prop_assert_eq!(Username::parse(name.as_str()), Ok(name));
        }

        #[test]
        fn never_panics(raw in any::<String>()) {
            let _ = Username::parse(&raw);
        }
    }
}
