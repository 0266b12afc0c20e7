use std::{fmt, iter};

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization;

/// An e-mail address that could receive mail: one `@`, a domain with a dot, at most 254 bytes.
///
/// Shown as typed; [`key`](Self::key) is what must be unique. Nothing is claimed about the mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Most bytes, from the 256-octet path limit of RFC 5321, section 4.5.3.1.3, less its brackets.
    pub const MAX_BYTES: usize = 254;

    /// Parses `raw` after trimming it and normalizing it to NFC.
    ///
    /// # Errors
    ///
    /// - [`EmailError::TooLong`]: it has more than [`MAX_BYTES`](Self::MAX_BYTES) bytes.
    /// - [`EmailError::Invalid`]: it is no address with a domain, or holds characters that cannot
    ///   be seen.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let raw = raw.trim();
        if raw.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let address = nfc(raw).ok_or(EmailError::Invalid)?;
        if address.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if address.chars().any(is_invisible) {
            return Err(EmailError::Invalid);
        }
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        match EmailAddress::parse_with_options(&address, options) {
            Ok(_) => Ok(Self(address)),
            Err(_) => Err(EmailError::Invalid),
        }
    }

    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that must be unique: ASCII letters in lower case.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// What stands before the last `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

/// Redacted, so that no log can hold an address.
impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email(..)")
    }
}

/// Normalizes `raw` to NFC, or returns `None` if that would turn another character into ASCII.
///
/// NFC makes the Kelvin sign (U+212A) a `K`: without this, one person's address could be spelled
/// with another's letters.
pub(super) fn nfc(raw: &str) -> Option<String> {
    let becomes_ascii = |c: char| !c.is_ascii() && iter::once(c).nfc().any(|n| n.is_ascii());
    match raw.chars().any(becomes_ascii) {
        true => None,
        false => Some(raw.nfc().collect()),
    }
}

/// Whether `c` cannot be seen: spaces, control characters, and what programs may leave out when
/// they show a text (Unicode's `Default_Ignorable_Code_Point`), such as the soft hyphen,
/// zero-width and bidirectional characters. Two addresses would look alike.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Why an account cannot have an address. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// It is no address with a domain.
    #[error("Enter a valid email address.")]
    Invalid,
    /// It is longer than [`Email::MAX_BYTES`].
    #[error("Ensure this field has no more than {} characters.", Email::MAX_BYTES)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_addresses_with_a_domain() {
        for raw in [
            "test@test.com",
            "first.last+tag@sub.example.co.uk",
            "o'hara@example.com",
            "вася@пример.рф",
            "  padded@example.com\n",
        ] {
            assert!(Email::parse(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for (raw, reason) in [
            ("", "empty"),
            ("test", "no domain"),
            ("@test.com", "no local part"),
            ("test@", "empty domain"),
            ("test@localhost", "no dot in the domain"),
            ("test@[127.0.0.1]", "an address literal"),
            ("a@b@test.com", "two @"),
            ("Ada <ada@test.com>", "display text"),
            ("a b@test.com", "a space"),
            ("\"a b\"@test.com", "a quoted space"),
            ("a..b@test.com", "an empty atom"),
            ("test@-test.com", "a label that begins with a hyphen"),
            ("te\u{200b}st@test.com", "a zero-width space"),
            ("te\u{202e}st@test.com", "a bidirectional override"),
            ("te\u{3164}st@test.com", "a Hangul filler"),
            ("test\u{fe0f}@test.com", "a variation selector"),
            ("test\u{e0061}@test.com", "a tag"),
            (
                "\u{212a}elvin@test.com",
                "a Kelvin sign, which NFC makes a K",
            ),
            ("a\u{1}@test.com", "a control character"),
        ] {
            assert_eq!(Email::parse(raw), Err(EmailError::Invalid), "{reason}");
        }
    }

    #[test]
    fn counts_bytes() {
        let address = |bytes: usize| {
            let domain = [
                &"b".repeat(63),
                ".",
                &"c".repeat(63),
                ".",
                &"d".repeat(57),
                ".com",
            ]
            .concat();
            format!("{}@{domain}", "a".repeat(bytes - domain.len() - 1))
        };

        assert_eq!(address(254).len(), 254);
        assert!(Email::parse(&address(254)).is_ok());
        assert_eq!(Email::parse(&address(255)), Err(EmailError::TooLong));
    }

    #[test]
    fn folds_ascii_and_normal_form_only() {
        let key = |raw| Email::parse(raw).unwrap().key();

        assert_eq!(key("Test@Test.COM"), "test@test.com");
        assert_eq!(key("e\u{301}@test.com"), key("\u{e9}@test.com"));
        assert_ne!(key("Ä@test.com"), key("ä@test.com"));
        assert_ne!(key("ıan@test.com"), key("ian@test.com"));
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(raw in "\\PC{0,12}@[a-z\\PC]{1,8}\\.[a-z]{2,3}") {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }

        #[test]
        fn never_panics(raw in any::<String>()) {
            let _ = Email::parse(&raw);
        }
    }
}
