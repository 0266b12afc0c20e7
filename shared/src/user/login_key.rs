use std::fmt;

use super::{Email, Username, email, sha256_hex};

/// A login in one spelling, `email:<address>` or `username:<name>`: the key of an item in `logins`.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginKey(String);

impl LoginKey {
    /// Maximum number of bytes of a login that are kept; no account's login has as many.
    const KEPT_BYTES: usize = Username::MAX_BYTES + 1;

    /// Returns the key by which an account's address is found.
    pub fn email(email: &Email) -> Self {
        Self(format!("email:{}", email.key()))
    }

    /// Returns the key by which an account's username is found.
    pub fn username(username: &Username) -> Self {
        Self(format!("username:{}", username.key()))
    }

    /// Returns both keys of an account: that of its address, then that of its username.
    pub fn both(email: &Email, username: &Username) -> [Self; 2] {
        [Self::email(email), Self::username(username)]
    }

    /// Returns the key of the login that was typed: with an `@` an address, else a username.
    ///
    /// Every string has a key, so that attempts on a login that cannot exist are counted like those
    /// on one that does. A string too long for any account is cut to a length that no account's
    /// login has, so its key stays within DynamoDB's limit and still finds nobody.
    pub fn typed(raw: &str) -> Self {
        if let Ok(email) = Email::parse(raw) {
            return Self::email(&email);
        }
        // NFC makes no text shorter than a third, so a text that is cut here stays too long.
        let raw = cut(raw.trim(), 4 * Self::KEPT_BYTES);
        let normal = email::nfc(raw).unwrap_or_else(|| raw.to_owned());
        let folded = cut(&normal, Self::KEPT_BYTES).to_ascii_lowercase();
        let kind = if raw.contains('@') {
            "email"
        } else {
            "username"
        };
        Self(format!("{kind}:{folded}"))
    }

    /// Returns the key as it is stored in `logins`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key as it is stored in `attempts`: the SHA-256 of [`as_str`](Self::as_str), in
    /// hexadecimal digits.
    pub fn digest(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }
}

/// Returns the first `bytes` bytes of `text`, and the rest of the character that they end in.
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
        let email = LoginKey::email(&Email::parse("vasya@пример.рф").unwrap());
        for raw in ["Vasya@ПРИМЕР.РФ", "vasya@xn--e1afmkfd.xn--p1ai"] {
            assert_eq!(LoginKey::typed(raw), email, "{raw}");
        }
        let imported = Username::parse_stored("Е\u{308}лка").unwrap();
        assert_eq!(
            LoginKey::typed(" Е\u{308}лка "),
            LoginKey::username(&imported)
        );
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

            let bytes = key.as_str().len() - "username:".len();
            assert!((LoginKey::KEPT_BYTES..LoginKey::KEPT_BYTES + 4).contains(&bytes));
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
        fn typing_a_stored_address_finds_it(raw in "\\PC{0,12}@\\PC{0,12}") {
            if let Ok(email) = Email::parse_stored(&raw) {
                prop_assert_eq!(LoginKey::typed(&raw), LoginKey::email(&email));
            }
        }

        #[test]
        fn fits_a_dynamodb_key(raw in "\\PC{0,2000}") {
            // 2,048 bytes is the longest partition key.
            prop_assert!(LoginKey::typed(&raw).as_str().len() <= 2048);
        }
    }
}
