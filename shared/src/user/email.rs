use std::{fmt, iter};

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup},
};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

/// An e-mail address that could receive mail: a local part in any script, `@`, and a domain in any
/// script that is not an IP address.
///
/// An account shows the address as typed; [`key`](Self::key) must be unique. The mailbox may not
/// exist.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    typed: String,
    key: String,
}

impl Email {
    /// Maximum size of the address and of its key, in bytes: the 256-octet path limit of RFC 5321,
    /// section 4.5.3.1.3, less its brackets.
    pub const MAX_BYTES: usize = 254;

    /// Maximum size of the local part, in bytes (RFC 5321, section 4.5.3.1.1).
    const MAX_LOCAL_BYTES: usize = 64;

    /// Parses `raw` after trimming it and normalizing it to NFC.
    ///
    /// # Errors
    ///
    /// - [`EmailError::TooLong`]: the address or its key has more than [`MAX_BYTES`](Self::MAX_BYTES)
    ///   bytes.
    /// - [`EmailError::Invalid`]: the local part or the domain breaks its rule.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let raw = raw.trim();
        // NFC makes no text shorter than a third.
        if raw.len() > 3 * Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let typed: String = raw.nfc().collect();
        if typed.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let (local, domain) = raw.rsplit_once('@').ok_or(EmailError::Invalid)?;
        let local = nfc(local)
            .filter(|local| is_local_part(local))
            .ok_or(EmailError::Invalid)?;
        let domain = a_labels(domain).ok_or(EmailError::Invalid)?;
        let key = format!("{}@{domain}", local.to_ascii_lowercase());
        if key.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        Ok(Self { typed, key })
    }

    /// Parses a stored address. An account that is older than today's rules may have one that they
    /// refuse; its key is the address in NFC, with ASCII letters in lower case.
    ///
    /// # Errors
    ///
    /// - [`EmailError::TooLong`]: the address has more than [`MAX_BYTES`](Self::MAX_BYTES) bytes.
    /// - [`EmailError::Invalid`]: it has no `@`, or NFC would turn another character into ASCII.
    pub fn parse_stored(raw: &str) -> Result<Self, EmailError> {
        Self::parse(raw).or_else(|error| {
            let typed = nfc(raw.trim())
                .filter(|typed| typed.contains('@') && typed.len() <= Self::MAX_BYTES)
                .ok_or(error)?;
            Ok(Self {
                key: typed.to_ascii_lowercase(),
                typed,
            })
        })
    }

    /// Returns the address as typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// Returns the address that must be unique: ASCII letters in lower case, the domain as A-labels.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the local part.
    pub fn local_part(&self) -> &str {
        self.typed.rsplit_once('@').map_or("", |(local, _)| local)
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

/// Returns whether `local` is a dot-atom (RFC 5322, section 3.2.3) of ASCII and of any visible
/// characters beyond it (RFC 6531, section 3.3).
fn is_local_part(local: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_visible(c);
    local.len() <= Email::MAX_LOCAL_BYTES
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_allowed))
}

/// Returns `domain` as A-labels (UTS 46, nontransitional), or `None` unless it has at least two,
/// the last of them of two characters or more and not a number.
///
/// Refuses invisible characters, most of which UTS 46 ignores: two addresses would look alike. The
/// two joiners are left to its rules, because some scripts need them.
fn a_labels(domain: &str) -> Option<String> {
    let is_allowed =
        |c: char| c.is_ascii() || is_visible(c) || matches!(c, '\u{200c}' | '\u{200d}');
    if !domain.chars().all(is_allowed) {
        return None;
    }
    let labels = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()?;
    let (_, last) = labels.rsplit_once('.')?;
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    (last.len() >= 2 && !is_number).then(|| labels.into_owned())
}

/// Returns whether `c` is a visible character beyond ASCII: a letter, mark, number, punctuation or
/// symbol, but not one that programs may leave out when they show a text, such as the soft hyphen
/// or a Hangul filler.
fn is_visible(c: char) -> bool {
    const VISIBLE: GeneralCategoryGroup = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol);
    !c.is_ascii()
        && VISIBLE.contains(CodePointMapData::<GeneralCategory>::new().get(c))
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Why an account cannot have an address. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Its local part or its domain breaks its rule.
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
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "вася@пример.рф",
            "ผู้ใช้ทดสอบ@ทดสอบ.ไทย",
            "用户@例子。公司",
            "उपयोगकर्ता@उदाहरण.भारत",
            "משתמש@דוגמה.ישראל",
            "e\u{301}\u{323}@example.com",
            "\u{1f600}@example.com",
            "a@xn--e1afmkfd.xn--p1ai",
            "a@faß.de",
            "a@क्\u{200d}ष.com",
            "a@1.2.3.4a",
            "a@3com.com",
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
            ("test@test-.com", "a label that ends in a hyphen"),
            ("test@test.com.", "an empty last label"),
            ("test@.test.com", "an empty first label"),
            ("test@te..st.com", "an empty label"),
            ("a@exa!mple.com", "an exclamation mark in the domain"),
            ("a@exam/ple.com", "a slash in the domain"),
            ("a@o'hara.com", "an apostrophe in the domain"),
            ("a@foo_bar.com", "an underscore in the domain"),
            ("a@te st.com", "a space in the domain"),
            ("a@te\u{3000}st.com", "an ideographic space in the domain"),
            ("a@te\u{ad}st.com", "a soft hyphen in the domain"),
            ("a@te\u{200d}st.com", "a joiner that joins nothing"),
            (
                "a@te\u{202e}st.com",
                "a bidirectional override in the domain",
            ),
            ("a@\u{301}test.com", "a label that begins with a mark"),
            ("a@xn--a.com", "an A-label that stands for nothing"),
            ("a@xn--test-.com", "an A-label that needs to be none"),
            ("a@א1b.com", "a label of both directions"),
            ("x@x.x", "a last label of one character"),
            ("user@192.168.1.1", "an IP address"),
            (
                "user@192.168.1.\u{ff11}\u{ff10}",
                "an IP address in wide digits",
            ),
            ("user@[IPv6:::1]", "an address literal"),
            ("test@пример", "one label"),
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
            ("a\u{e000}@test.com", "a private character"),
            ("a\u{ffff}@test.com", "a code point that is not a character"),
            ("a\u{3000}b@test.com", "an ideographic space"),
            (".a@test.com", "an empty first atom"),
            ("a.@test.com", "an empty last atom"),
            ("a(b)@test.com", "a comment"),
        ] {
            assert_eq!(Email::parse(raw), Err(EmailError::Invalid), "{reason}");
        }
    }

    #[test]
    fn counts_bytes() {
        let domain = [
            &"b".repeat(63),
            ".",
            &"c".repeat(63),
            ".",
            &"d".repeat(57),
            ".com",
        ]
        .concat();
        let address = |local: &str| format!("{local}@{domain}");
        let fits = address(&"a".repeat(254 - domain.len() - 1));
        assert_eq!(fits.len(), 254);

        assert!(Email::parse(&fits).is_ok());
        assert_eq!(Email::parse(&format!("a{fits}")), Err(EmailError::TooLong));
        assert_eq!(Email::parse(&"a".repeat(1_000)), Err(EmailError::TooLong));
        let decomposed = format!("e\u{301}{}", &fits[2..]);
        assert_eq!(decomposed.len(), 255);
        assert!(Email::parse(&decomposed).is_ok());
    }

    #[test]
    fn counts_the_bytes_of_the_local_part_and_of_each_label() {
        for (length, is_valid) in [(64, true), (65, false)] {
            let address = format!("{}@test.com", "a".repeat(length));
            assert_eq!(Email::parse(&address).is_ok(), is_valid, "{length}");
        }
        for (length, is_valid) in [(63, true), (64, false)] {
            let address = format!("a@{}.com", "b".repeat(length));
            assert_eq!(Email::parse(&address).is_ok(), is_valid, "{length}");
        }
    }

    #[test]
    fn counts_the_bytes_of_the_key() {
        // `я` is `xn--41a`, so each label of two bytes has seven in the key.
        let address = |labels: usize| format!("local-part@{}рф", "я.".repeat(labels));

        assert_eq!(Email::parse(&address(29)).unwrap().key().len(), 251);
        assert_eq!(Email::parse(&address(30)), Err(EmailError::TooLong));
    }

    #[test]
    fn folds_ascii_and_normal_form_in_the_local_part() {
        let key = |raw| Email::parse(raw).unwrap().key;

        assert_eq!(key("Test@Test.COM"), "test@test.com");
        assert_eq!(key("e\u{301}@test.com"), key("\u{e9}@test.com"));
        assert_ne!(key("Ä@test.com"), key("ä@test.com"));
        assert_ne!(key("ıan@test.com"), key("ian@test.com"));
        assert_ne!(key("\u{ff41}@test.com"), key("a@test.com"));
    }

    #[test]
    fn has_one_key_for_every_spelling_of_its_domain() {
        for raw in [
            "Vasya@xn--e1afmkfd.xn--p1ai",
            "vasya@XN--E1AFMKFD.xn--P1AI",
            "vasya@пример.рф",
            "vasya@ПРИМЕР.РФ",
            "vasya@Пример。рф",
            "vasya@xn--e1afmkfd.рф",
        ] {
            let email = Email::parse(raw).unwrap();

            assert_eq!(email.key(), "vasya@xn--e1afmkfd.xn--p1ai", "{raw}");
            assert_eq!(email.as_str(), raw);
        }
        let kelvin = Email::parse("a@\u{212a}elvin.com").unwrap();
        assert_eq!(kelvin.key(), "a@kelvin.com");
    }

    #[test]
    fn a_stored_address_may_break_the_rules_for_new_ones() {
        for (raw, key) in [
            ("Ada@foo_bar.com", "ada@foo_bar.com"),
            ("X@x.x", "x@x.x"),
            ("user@192.168.1.1", "user@192.168.1.1"),
            ("Е\u{308}лка@foo_bar.РФ", "Ёлка@foo_bar.РФ"),
            ("vasya@ПРИМЕР.рф", "vasya@xn--e1afmkfd.xn--p1ai"),
        ] {
            let email = Email::parse_stored(raw).unwrap();

            assert_eq!(email.key(), key);
            assert_eq!(email.as_str(), raw.nfc().collect::<String>());
        }
        for (raw, error) in [
            ("ada", EmailError::Invalid),
            ("\u{212a}@foo_bar.com", EmailError::Invalid),
            (&format!("{}@x.x", "a".repeat(251)), EmailError::TooLong),
        ] {
            assert_eq!(Email::parse_stored(raw), Err(error), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(raw in "\\PC{0,12}@[a-z\\PC]{1,8}\\.[a-z]{2,3}") {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }

        #[test]
        fn its_key_has_the_same_key(raw in "\\PC{1,12}@[a-zа-яà-ö\\PC]{1,8}\\.([a-z]{2,3}|рф)") {
            if let Ok(email) = Email::parse(&raw) {
                let key = Email::parse(email.key()).map(|parsed| parsed.key);
                prop_assert_eq!(key, Ok(email.key));
            }
        }

        #[test]
        fn never_panics(raw in any::<String>()) {
            let _ = Email::parse(&raw);
        }
    }
}
