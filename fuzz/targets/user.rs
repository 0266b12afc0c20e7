//! A text for every type that takes one: what it parses to keeps its rules, and parses again to the
//! same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::user::{
    AvatarKey, Email, LoginKey, Password, PasswordHash, PasswordPolicy, PersonName, Username,
};

/// Most bytes of a partition key (DynamoDB's constraints).
const MAX_KEY_BYTES: usize = 2_048;

fuzz_target!(|raw: &str| {
    let email = Email::parse(raw);
    if let Ok(email) = &email {
        assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(email));
        let folded = Email::parse(email.key()).expect("a key is an address");
        assert_eq!(folded.key(), email.key());
        let (_, domain) = email.key().rsplit_once('@').expect("an address has an @");
        assert!(domain.is_ascii() && domain.contains('.') && email.key().len() <= Email::MAX_BYTES);
        assert!(email.as_str().len() <= Email::MAX_BYTES && email.as_str().contains('@'));
        for typed in [
            raw,
            email.as_str(),
            email.key(),
            &email.as_str().to_ascii_uppercase(),
        ] {
            assert_eq!(LoginKey::typed(typed), LoginKey::email(email));
        }
        for attempt in 0..2 {
            let username = Username::suggest(email, attempt);
            assert_eq!(Username::parse(username.as_str()).as_ref(), Ok(&username));
        }
    }

    let username = Username::parse(raw);
    if let Ok(username) = &username {
        assert_eq!(Username::parse(username.as_str()).as_ref(), Ok(username));
        assert!(username.as_str().is_ascii() && email.is_err());
        for typed in [
            raw,
            username.as_str(),
            &username.as_str().to_ascii_uppercase(),
        ] {
            assert_eq!(LoginKey::typed(typed), LoginKey::username(username));
        }
    }

    if let Ok(username) = Username::parse_stored(raw) {
        assert_eq!(
            Username::parse_stored(username.as_str()).as_ref(),
            Ok(&username)
        );
        if !username.as_str().contains('@') {
            assert_eq!(
                LoginKey::typed(username.as_str()),
                LoginKey::username(&username)
            );
        }
    }

    let key = LoginKey::typed(raw);
    assert!(key.as_str().len() <= MAX_KEY_BYTES);
    assert_eq!(LoginKey::typed(raw.trim()), key);
    assert_eq!(key.as_str().starts_with("email:"), raw.contains('@'));

    if let Ok(Some(name)) = PersonName::parse(raw) {
        assert_eq!(PersonName::parse(name.as_str()), Ok(Some(name.clone())));
        assert!((1..=PersonName::MAX_CHARS).contains(&name.as_str().chars().count()));
    }

    if let Ok(password) = Password::parse(raw) {
        assert_eq!(format!("{password:?}"), "Password(..)");
        for policy in [PasswordPolicy::Documented, PasswordPolicy::Strict] {
            let checked = policy.check(&password, email.as_ref().ok(), username.as_ref().ok());
            assert!(checked.is_err() || raw.len() >= 5);
        }
    }

    if let Ok(hash) = PasswordHash::parse(raw) {
        assert_eq!(hash.as_str(), raw);
    }

    if let Some(key) = AvatarKey::parse(raw) {
        assert_eq!(key.as_str(), raw);
        assert!(!raw.contains("..") && raw.matches('/').count() == 2);
    }
});
