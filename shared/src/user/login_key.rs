use std::fmt;

use ring::digest::{SHA256, digest};

use super::{Email, Username, email};

/// A login in one spelling, `email:<address>` or `username:<name>`: the key of an item in `logins`.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginKey(String);

impl LoginKey {
    /// Longest text of a login that is kept; longer than that of any account (254 bytes).
    const KEPT_BYTES: usize = Email::MAX_BYTES + 1;

    /// What an account's address is found by.
    pub fn email(email: &Email) -> Self {
        Self(format!("email:{}", email.key()))
    }

    /// What an account's username is found by.
    pub fn username(username: &Username) -> Self {
        Self(format!("username:{}", username.key()))
    }

    /// What somebody typed to log in: with an `@` an address, else a username.
    ///
    /// Every text has a key, so that attempts on a login that cannot exist are counted like those
    /// on one that does. A text too long for any account is cut to a length that none has, so its
    /// key stays within DynamoDB's limit and still finds nobody.
    pub fn typed(raw: &str) -> Self {
        // NFC makes no text shorter than a third, so what is cut here is too long afterwards, too.
        let raw = cut(raw.trim(), 4 * Self::KEPT_BYTES);
        let normal = email::nfc(raw).unwrap_or_else(|| raw.to_owned());
        let folded = cut(&normal, Self::KEPT_BYTES).to_ascii_lowercase();
        Self(match raw.contains('@') {
            true => format!("email:{folded}"),
            false => format!("username:{folded}"),
        })
    }

    /// Returns the key as it is stored in `logins`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key as it is stored in `attempts`: the SHA-256 of the other, in hexadecimal digits.
    pub fn digest(&self) -> String {
        let digest = digest(&SHA256, self.0.as_bytes());
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The first `bytes` bytes of `text`, and the rest of the character that they end in.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.ceil_char_boundary(bytes.min(text.len()))]
}

/// Redacted: it holds an address or a name.
impl fmt::Debug for LoginKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LoginKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_an_account_in_any_spelling() {
        let email = LoginKey::email(&Email::parse("Jos\u{e9}@Test.com").unwrap());
        let username = LoginKey::username(&Username::parse("Ada").unwrap());

        assert_eq!(LoginKey::typed(" JOSe\u{301}@test.COM "), email);
        assert_eq!(LoginKey::typed("ADA "), username);
    }

    #[test]
    fn keeps_addresses_and_usernames_apart() {
        assert_eq!(LoginKey::typed("ada").as_str(), "username:ada");
        assert_eq!(
            LoginKey::typed("ada@test.com").as_str(),
            "email:ada@test.com"
        );
        assert_eq!(LoginKey::typed("email:ada").as_str(), "username:email:ada");
    }

    #[test]
    fn is_never_that_of_an_account_for_a_kelvin_sign() {
        let account = LoginKey::email(&Email::parse("kelvin@test.com").unwrap());

        assert_ne!(LoginKey::typed("\u{212a}elvin@test.com"), account);
        assert_ne!(LoginKey::typed("\u{212a}elvin"), LoginKey::typed("kelvin"));
    }

    #[test]
    fn is_longer_than_any_account_when_cut() {
        for raw in [
            "x".repeat(1_000_000),
            "\u{1112}\u{1161}\u{11ab}".repeat(1_000),
        ] {
            let key = LoginKey::typed(&raw);

            assert!((255..=258).contains(&(key.as_str().len() - "username:".len())));
        }
    }

    #[test]
    fn has_the_digest_that_sha256sum_prints() {
        assert_eq!(
            LoginKey::typed("Test@test.ru").digest(),
            "90a8e5eacd813465b5fa0eb55bb0c1ad7eba6ade16c0b1aa49b71bfbc772b709"
        );
    }

    proptest! {
        #[test]
        fn typing_an_address_finds_it(raw in "[a-zA-Zà-ö]{1,20}@[a-z]{1,20}\\.com") {
            let email = Email::parse(&raw).unwrap();

            prop_assert_eq!(LoginKey::typed(&raw), LoginKey::email(&email));
        }

        #[test]
        fn fits_a_dynamodb_key(raw in "\\PC{0,2000}") {
            // 2,048 bytes is the longest partition key.
            prop_assert!(LoginKey::typed(&raw).as_str().len() <= 2048);
        }
    }
}
