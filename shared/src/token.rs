//! Issues and verifies tokens: JSON Web Tokens (RFC 7519) signed with HS256.
//!
//! HS256 is symmetric: a function that can verify a token can also issue one.

mod hs256;
mod keys;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use self::keys::{Key, Keys, KeysError};
use crate::env::{Env, EnvError};

/// The time from the issue of a token to its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(Duration);

impl Lifetime {
    /// Reads `TOKEN_TTL_SECONDS`: 60 to 2,592,000 (30 days); 86,400 (a day) if it is unset.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Invalid`]: it is not such a number.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        const NAME: &str = "TOKEN_TTL_SECONDS";
        match env.optional(NAME).unwrap_or("86400").parse() {
            Ok(seconds @ 60..=2_592_000) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(EnvError::Invalid {
                name: NAME,
                rule: "a number of seconds from 60 to 2592000",
            }),
        }
    }

    /// The time.
    pub fn duration(self) -> Duration {
        self.0
    }
}

/// The claims of a token, in the order of its payload, and its time of issue.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The account.
    pub user_id: Uuid,
    /// Its username when the token was issued.
    pub username: String,
    /// The expiry of the token, in seconds since the Unix epoch.
    pub exp: i64,
    /// Its address when the token was issued.
    pub email: String,
    /// The time of issue, in milliseconds since the Unix epoch, from the token's header (RFC 7519,
    /// section 5.3). Earlier releases issued tokens without it.
    #[serde(skip)]
    pub issued_ms: Option<u64>,
}

impl Claims {
    /// Returns whether an account whose `tokens_from` is `tokens_from_ms` refuses the token: it was
    /// issued before that time, or by a release that did not say when.
    pub(crate) fn is_revoked(&self, tokens_from_ms: Option<u64>) -> bool {
        tokens_from_ms.is_some_and(|from| self.issued_ms.is_none_or(|issued| issued < from))
    }
}

/// Issues a token for the account `user_id`, which expires `lifetime` after `now`.
///
/// # Errors
///
/// Fails if the claims cannot be serialized or signed; neither depends on their values.
pub fn issue(
    key: &Key,
    user_id: Uuid,
    username: &str,
    email: &str,
    now: SystemTime,
    lifetime: Lifetime,
) -> Result<String, jsonwebtoken::errors::Error> {
    let mut header = Header {
        kid: Some(key.id().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let issued_ms = millis(now);
    header.extras.insert("iat", issued_ms as f64 / 1_000.0);
    let claims = Claims {
        user_id,
        username: username.to_owned(),
        exp: seconds(now + lifetime.0),
        email: email.to_owned(),
        issued_ms: Some(issued_ms),
    };
    jsonwebtoken::encode(&header, &claims, key.encoding())
}

/// The part of a token's header that is read before the signature is verified.
#[derive(Deserialize)]
struct Preamble {
    alg: Option<Value>,
    kid: Option<Value>,
    iat: Option<Value>,
}

/// A token of the right form and algorithm, whose signature has not been verified.
#[derive(Clone, Copy)]
pub struct Unverified<'a> {
    token: &'a str,
    issued_ms: Option<u64>,
}

/// Reads the header of `token` and returns it with the id of the key that it names.
///
/// # Errors
///
/// - [`TokenError::Malformed`]: it does not have three segments, its header is not Base64url or not
///   JSON, its `iat` is not a time, or it does not name a key.
/// - [`TokenError::WrongAlgorithm`]: it is not signed with HS256.
pub fn parse(token: &str) -> Result<(Unverified<'_>, String), TokenError> {
    let mut segments = token.split('.');
    let (Some(header), Some(_), Some(_), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        return Err(TokenError::Malformed);
    };
    let header = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| TokenError::Malformed)?;
    let preamble: Preamble = serde_json::from_slice(&header).map_err(|_| TokenError::Malformed)?;
    if preamble.alg.as_ref().and_then(Value::as_str) != Some("HS256") {
        return Err(TokenError::WrongAlgorithm);
    }
    let Some(Value::String(kid)) = preamble.kid else {
        return Err(TokenError::Malformed);
    };
    let issued_ms = preamble.iat.as_ref().map(numeric_date_ms).transpose()?;
    Ok((Unverified { token, issued_ms }, kid))
}

/// Returns the milliseconds since the Unix epoch of a `NumericDate` (RFC 7519, section 2).
fn numeric_date_ms(value: &Value) -> Result<u64, TokenError> {
    match value.as_f64() {
        // An `f64` holds the milliseconds of every date within 200,000 years; the cast saturates.
        Some(seconds) if seconds >= 0.0 => Ok((seconds * 1_000.0).round() as u64),
        _ => Err(TokenError::Malformed),
    }
}

impl Unverified<'_> {
    /// Checks the signature with `key`, then the expiry, then the claims.
    ///
    /// # Errors
    ///
    /// - [`TokenError::Malformed`]: the signature is wrong, or `exp` is not an integer.
    /// - [`TokenError::Expired`]: `exp` is not after `now`.
    /// - [`TokenError::WrongClaims`]: another claim is missing or has the wrong type.
    pub fn verify(self, key: &Key, now: SystemTime) -> Result<Claims, TokenError> {
        let mut signature_only = Validation::new(Algorithm::HS256);
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        signature_only.required_spec_claims.clear();
        let payload = jsonwebtoken::decode::<Value>(self.token, key.decoding(), &signature_only)
            .map_err(|_| TokenError::Malformed)?
            .claims;

        let exp = payload
            .get("exp")
            .and_then(Value::as_i64)
            .ok_or(TokenError::Malformed)?;
        if exp <= seconds(now) {
            return Err(TokenError::Expired);
        }
        let text = |claim| {
            payload
                .get(claim)
                .and_then(Value::as_str)
                .ok_or(TokenError::WrongClaims)
        };
        Ok(Claims {
            user_id: Uuid::try_parse(text("user_id")?).map_err(|_| TokenError::WrongClaims)?,
            username: text("username")?.to_owned(),
            exp,
            email: text("email")?.to_owned(),
            issued_ms: self.issued_ms,
        })
    }
}

fn seconds(time: SystemTime) -> i64 {
    i64::try_from(since_epoch(time).as_secs()).unwrap_or(i64::MAX)
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(since_epoch(time).as_millis()).unwrap_or(u64::MAX)
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Why a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It cannot be parsed, or is not signed with a key of this service.
    #[error("the token is malformed or its signature is wrong")]
    Malformed,
    /// It is signed with another algorithm than HS256.
    #[error("the token is not signed with HS256")]
    WrongAlgorithm,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is signed with a key of this service, but a claim is missing or has the wrong type.
    #[error("a claim is missing or of the wrong type")]
    WrongClaims,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn key(id: &str, secret: &str) -> Key {
        Key::new(id, &secret.repeat(32)).unwrap()
    }

    fn lifetime(seconds: &str) -> Result<Lifetime, EnvError> {
        Lifetime::from_env(&Env::from_iter([("TOKEN_TTL_SECONDS", seconds)]))
    }

    /// Returns a token that expires after a minute.
    fn token(key: &Key, user_id: Uuid) -> String {
        let lifetime = lifetime("60").unwrap();
        issue(key, user_id, "Ada", "ada@test.com", NOW, lifetime).unwrap()
    }

    fn verify(token: &str, key: &Key, now: SystemTime) -> Result<Claims, TokenError> {
        let (token, kid) = parse(token)?;
        assert_eq!(kid, key.id());
        token.verify(key, now)
    }

    #[test]
    fn holds_exactly_the_four_claims() {
        let user_id = Uuid::from_u128(7);
        let now = UNIX_EPOCH + Duration::from_nanos(1_795_765_321_123_999_999);
        let key = key("k1", "s");
        let token = issue(
            &key,
            user_id,
            "Ada",
            "ada@test.com",
            now,
            lifetime("60").unwrap(),
        );
        let token = token.unwrap();

        let segment = |index| {
            let segment: &str = token.split('.').nth(index).unwrap();
            String::from_utf8(URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
        };

        assert_eq!(
            segment(0),
            r#"{"typ":"JWT","alg":"HS256","kid":"k1","iat":1795765321.123}"#
        );
        assert_eq!(
            segment(1),
            r#"{"user_id":"00000000-0000-0000-0000-000000000007","username":"Ada","exp":1795765381,"email":"ada@test.com"}"#
        );
    }

    #[test]
    fn says_to_the_millisecond_when_it_was_issued() {
        let key = key("k1", "s");
        let lifetime = lifetime("60").unwrap();
        // The last one is in the year 9999.
        for issued_ms in [
            0,
            1,
            1_795_765_321_000,
            1_795_765_321_999,
            253_402_300_799_999,
        ] {
            let now = UNIX_EPOCH + Duration::from_millis(issued_ms);
            let token = issue(&key, Uuid::nil(), "Ada", "ada@test.com", now, lifetime).unwrap();

            let claims = verify(&token, &key, now).unwrap();

            assert_eq!(claims.issued_ms, Some(issued_ms));
        }
    }

    #[test]
    fn is_revoked_if_it_was_issued_earlier() {
        let claims = |issued_ms| Claims {
            user_id: Uuid::nil(),
            username: String::new(),
            exp: 0,
            email: String::new(),
            issued_ms,
        };

        assert!(claims(Some(999)).is_revoked(Some(1_000)));
        assert!(!claims(Some(1_000)).is_revoked(Some(1_000)));
        assert!(!claims(Some(1_001)).is_revoked(Some(1_000)));
        assert!(claims(None).is_revoked(Some(0)));
        assert!(!claims(None).is_revoked(None));
        assert!(!claims(Some(0)).is_revoked(None));
    }

    #[test]
    fn a_time_of_issue_is_a_number() {
        for iat in ["\"1795765321\"", "-1", "true", "[1]"] {
            let header = format!(r#"{{"typ":"JWT","alg":"HS256","kid":"k1","iat":{iat}}}"#);
            let token = format!("{}.e30.e30", URL_SAFE_NO_PAD.encode(header));

            assert_eq!(parse(&token).err(), Some(TokenError::Malformed), "{iat}");
        }
    }

    #[test]
    fn is_valid_until_it_expires() {
        let key = key("k1", "s");
        let token = token(&key, Uuid::nil());

        assert!(verify(&token, &key, NOW + Duration::from_secs(59)).is_ok());
        assert_eq!(
            verify(&token, &key, NOW + Duration::from_secs(60)).err(),
            Some(TokenError::Expired)
        );
    }

    #[test]
    fn is_valid_for_its_key_only() {
        let token = token(&key("k1", "s"), Uuid::nil());

        assert_eq!(
            verify(&token, &key("k1", "t"), NOW).err(),
            Some(TokenError::Malformed)
        );
    }

    #[test]
    fn the_lifetime_has_bounds() {
        assert_eq!(lifetime("").unwrap(), lifetime("86400").unwrap());
        assert!(lifetime("60").is_ok() && lifetime("2592000").is_ok());
        for value in ["59", "2592001", "-1", "1e3", "a day"] {
            assert!(lifetime(value).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(token in "\\PC*|[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
            if let Ok((token, _)) = parse(&token) {
                prop_assert!(token.verify(&key("k1", "s"), NOW).is_err());
            }
        }

        #[test]
        fn no_change_of_a_byte_goes_unnoticed(index in 0_usize..1000, byte in "[A-Za-z0-9_-]") {
            let key = key("k1", "s");
            let token = token(&key, Uuid::nil());
            let index = index % token.len();
            let changed = [&token[..index], &byte, &token[index + 1..]].concat();
            prop_assume!(changed != token);
            if let Ok((unverified, kid)) = parse(&changed) && kid == key.id() {
                prop_assert!(unverified.verify(&key, NOW).is_err());
            }
        }
    }
}
