//! Password hashes that other systems have made: PBKDF2, bcrypt and scrypt.

use std::num::NonZeroU32;

use argon2::password_hash::phc;
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ring::pbkdf2;

use super::{password_hash::HashRefusal, sha256_hex};

/// Maximum number of PBKDF2's iterations. Django 6.1 makes 1,500,000.
const MAX_ITERATIONS: u32 = 10_000_000;

/// Maximum cost of bcrypt: 2^15 rounds. Django makes 2^12.
const MAX_BCRYPT_COST: u32 = 15;

/// Maximum N × r of scrypt: 128 bytes each, so 1 GiB of memory.
const MAX_SCRYPT_BLOCKS: u64 = 1 << 23;

/// Maximum N × r × p of scrypt. Django makes 2^14 × 8 × 5.
const MAX_SCRYPT_WORK: u64 = 1 << 24;

/// Base64 as Python, passlib and PHC strings write it, with padding or without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash of another algorithm than Argon2.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum ForeignHash {
    Pbkdf2 {
        digest: Digest,
        iterations: NonZeroU32,
        salt: Vec<u8>,
        output: Vec<u8>,
    },
    Bcrypt {
        /// Whether bcrypt hashes the password's SHA-256 in hexadecimal, as Django's `bcrypt_sha256`.
        prehashed: bool,
        cost: u32,
        /// The hash in bcrypt's own form, `$2b$12$…`.
        text: String,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
    },
}

/// The digest under PBKDF2's HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl ForeignHash {
    /// Parses a hash in Django's form, `<algorithm>$…`.
    pub(super) fn parse_django(raw: &str) -> Result<Self, HashRefusal> {
        let Some((algorithm, rest)) = raw.split_once('$') else {
            // Django stores an MD5 without a salt as its digits alone.
            let is_md5 = raw.len() == 32 && raw.bytes().all(|byte| byte.is_ascii_hexdigit());
            return Err(if is_md5 {
                HashRefusal::Weak
            } else {
                HashRefusal::Unknown
            });
        };
        match algorithm {
            "pbkdf2_sha256" => pbkdf2_django(Digest::Sha256, rest),
            "pbkdf2_sha1" => pbkdf2_django(Digest::Sha1, rest),
            "bcrypt_sha256" => bcrypt(true, rest),
            "bcrypt" => bcrypt(false, rest),
            "scrypt" => scrypt_django(rest),
            "md5" | "unsalted_md5" | "sha1" | "unsalted_sha1" | "crypt" => Err(HashRefusal::Weak),
            _ => Err(HashRefusal::Unknown),
        }
    }

    /// Parses a hash that begins with `$`: bcrypt's own form, or a PHC string of PBKDF2 or scrypt.
    pub(super) fn parse_phc(raw: &str) -> Result<Self, HashRefusal> {
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| raw.starts_with(prefix))
        {
            return bcrypt(false, raw);
        }
        if raw.starts_with("$1$") {
            return Err(HashRefusal::Weak);
        }
        let hash = phc::PasswordHash::new(raw).map_err(|_| HashRefusal::Unknown)?;
        let parameter = |name| hash.params.get_decimal(name).ok_or(HashRefusal::Unknown);
        let salt = hash.salt.as_deref().ok_or(HashRefusal::Unknown)?.to_vec();
        let output = hash.hash.as_ref().ok_or(HashRefusal::Unknown)?;
        let output = output.as_bytes().to_vec();
        match hash.algorithm.as_str() {
            "pbkdf2-sha1" => pbkdf2(Digest::Sha1, parameter("i")?, salt, output),
            "pbkdf2-sha256" => pbkdf2(Digest::Sha256, parameter("i")?, salt, output),
            "pbkdf2-sha512" => pbkdf2(Digest::Sha512, parameter("i")?, salt, output),
            "scrypt" => {
                let log_n = u8::try_from(parameter("ln")?).map_err(|_| HashRefusal::TooCostly)?;
                scrypt(log_n, parameter("r")?, parameter("p")?, salt, output)
            }
            _ => Err(HashRefusal::Unknown),
        }
    }

    /// The algorithm, by Django's name.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Pbkdf2 {
                digest: Digest::Sha1,
                ..
            } => "pbkdf2_sha1",
            Self::Pbkdf2 {
                digest: Digest::Sha256,
                ..
            } => "pbkdf2_sha256",
            Self::Pbkdf2 {
                digest: Digest::Sha512,
                ..
            } => "pbkdf2_sha512",
            Self::Bcrypt {
                prehashed: true, ..
            } => "bcrypt_sha256",
            Self::Bcrypt {
                prehashed: false, ..
            } => "bcrypt",
            Self::Scrypt { .. } => "scrypt",
        }
    }

    /// The parameters that decide how long a verification takes.
    pub(super) fn cost(&self) -> String {
        match self {
            Self::Pbkdf2 { iterations, .. } => format!("i={iterations}"),
            Self::Bcrypt { cost, .. } => format!("cost={cost}"),
            Self::Scrypt { log_n, r, p, .. } => format!("ln={log_n},r={r},p={p}"),
        }
    }

    /// Returns whether `password` is the one that was hashed.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Pbkdf2 {
                digest,
                iterations,
                salt,
                output,
            } => {
                let algorithm = match digest {
                    Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
                    Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                // Compares in constant time.
                pbkdf2::verify(algorithm, *iterations, salt, password, output).is_ok()
            }
            Self::Bcrypt {
                prehashed: true,
                text,
                ..
            } => ::bcrypt::verify(sha256_hex(password), text).unwrap_or(false),
            Self::Bcrypt {
                prehashed: false,
                text,
                ..
            } => ::bcrypt::verify(password, text).unwrap_or(false),
            Self::Scrypt {
                log_n,
                r,
                p,
                salt,
                output,
            } => {
                let Ok(params) = ::scrypt::Params::new(*log_n, *r, *p) else {
                    return false;
                };
                let mut actual = vec![0; output.len()];
                ::scrypt::scrypt(password, salt, &params, &mut actual).is_ok()
                    // Both are equally long, so this does not leak a length.
                    && phc::Output::new(&actual).ok() == phc::Output::new(output).ok()
            }
        }
    }
}

/// `<iterations>$<salt>$<Base64>`. The salt is literal text.
fn pbkdf2_django(digest: Digest, rest: &str) -> Result<ForeignHash, HashRefusal> {
    let mut parts = rest.split('$');
    let (Some(iterations), Some(salt), Some(output), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HashRefusal::Unknown);
    };
    let iterations = decimal(iterations)?;
    pbkdf2(
        digest,
        iterations,
        salt.as_bytes().to_vec(),
        base64(output)?,
    )
}

fn pbkdf2(
    digest: Digest,
    iterations: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Result<ForeignHash, HashRefusal> {
    let iterations = NonZeroU32::new(iterations).ok_or(HashRefusal::Unknown)?;
    if iterations.get() > MAX_ITERATIONS {
        return Err(HashRefusal::TooCostly);
    }
    if !OUTPUT_BYTES.contains(&output.len()) {
        return Err(HashRefusal::Unknown);
    }
    Ok(ForeignHash::Pbkdf2 {
        digest,
        iterations,
        salt,
        output,
    })
}

/// Bytes of a derived key: from SHA-1's 20 to scrypt's 64 in Django. A shorter one could be met by
/// chance, a longer one makes PBKDF2 run several times.
const OUTPUT_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// `$2b$<cost>$<salt and hash>`.
fn bcrypt(prehashed: bool, text: &str) -> Result<ForeignHash, HashRefusal> {
    let parts: ::bcrypt::HashParts = text.parse().map_err(|_| HashRefusal::Unknown)?;
    let cost = parts.get_cost();
    if cost > MAX_BCRYPT_COST {
        return Err(HashRefusal::TooCostly);
    }
    Ok(ForeignHash::Bcrypt {
        prehashed,
        cost,
        text: text.to_owned(),
    })
}

/// `<N>$<salt>$<r>$<p>$<Base64>`. The salt is literal text.
fn scrypt_django(rest: &str) -> Result<ForeignHash, HashRefusal> {
    let parts: Vec<&str> = rest.split('$').collect();
    let [n, salt, r, p, output] = parts[..] else {
        return Err(HashRefusal::Unknown);
    };
    let n: u64 = n.parse().map_err(|_| HashRefusal::Unknown)?;
    if !n.is_power_of_two() {
        return Err(HashRefusal::Unknown);
    }
    let log_n = n.ilog2() as u8;
    scrypt(
        log_n,
        decimal(r)?,
        decimal(p)?,
        salt.as_bytes().to_vec(),
        base64(output)?,
    )
}

fn scrypt(
    log_n: u8,
    r: u32,
    p: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Result<ForeignHash, HashRefusal> {
    ::scrypt::Params::new(log_n, r, p).map_err(|_| HashRefusal::Unknown)?;
    let blocks = 1_u64
        .checked_shl(log_n.into())
        .and_then(|n| n.checked_mul(r.into()));
    let work = blocks.and_then(|blocks| blocks.checked_mul(p.into()));
    let is_affordable = blocks.is_some_and(|blocks| blocks <= MAX_SCRYPT_BLOCKS)
        && work.is_some_and(|work| work <= MAX_SCRYPT_WORK);
    if !is_affordable {
        return Err(HashRefusal::TooCostly);
    }
    if !OUTPUT_BYTES.contains(&output.len()) {
        return Err(HashRefusal::Unknown);
    }
    Ok(ForeignHash::Scrypt {
        log_n,
        r,
        p,
        salt,
        output,
    })
}

/// Parses a decimal number of digits alone. A number that overflows is too costly in any case.
fn decimal(raw: &str) -> Result<u32, HashRefusal> {
    if raw.is_empty() || !raw.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HashRefusal::Unknown);
    }
    raw.parse().map_err(|_| HashRefusal::TooCostly)
}

fn base64(raw: &str) -> Result<Vec<u8>, HashRefusal> {
    BASE64.decode(raw).map_err(|_| HashRefusal::Unknown)
}

#[cfg(test)]
mod tests {
    use crate::user::{Hasher, Password, PasswordHash, Verdict};

    async fn verify(password: &str, stored: &str) -> Verdict {
        let password = Password::parse(password).unwrap();
        let stored = PasswordHash::parse(stored).unwrap();
        let slot = Hasher::default().reserve().unwrap();
        slot.verify(Some(password), Some(stored)).await.unwrap()
    }

    /// Made of `пароль 1` by Django 5.2, by Python's `hashlib`, and in PHP's form by `bcrypt`.
    const HASHES: [(&str, &str, &str); 11] = [
        (
            "pbkdf2_sha256",
            "i=12000",
            "pbkdf2_sha256$12000$RmyPNTVSqoTmXfl4iVtQFU$tWplSfPFp5J77qtGtBwoaLouT+5AY0f9MC3LIM7ALJo=",
        ),
        (
            "pbkdf2_sha1",
            "i=12000",
            "pbkdf2_sha1$12000$RmyPNTVSqoTmXfl4iVtQFU$le5FayugE0ucCyslpFX3tjAEk0o=",
        ),
        (
            "argon2id",
            "m=1024,t=2,p=8",
            "argon2$argon2id$v=19$m=1024,t=2,p=8$H7iq/8RekW5TQOIbpWTp/A$kEXJoL3durlC7e3OJ0wTwCEWmyKK/Ah2PsK30MiJanc",
        ),
        (
            "argon2i",
            "m=512,t=2,p=2",
            "argon2$argon2i$v=19$m=512,t=2,p=2$dwJLtudcUufrNrAzCNoNOg$Uz/zYY7QYFWzP1I1eFD8amBUgArjrJn8e8gcQauoawU",
        ),
        (
            "bcrypt_sha256",
            "cost=5",
            "bcrypt_sha256$$2b$05$fRzuv7fnZYmJ/.HiusicleCAa8ICXN2aZBjtsPwotYsirPc1SDeUO",
        ),
        (
            "bcrypt",
            "cost=5",
            "bcrypt$$2b$05$AIqtzcwByIPae2mvRhyQY.TFQ3T.dn9jGVULPgkoZ47W3BeAggDuO",
        ),
        (
            "bcrypt",
            "cost=5",
            "$2y$05$yeYpSIEDM5w0r8BLkWswQeabh7VKGent5Q2bgAYHxZRDAtzTcijfe",
        ),
        (
            "scrypt",
            "ln=10,r=8,p=5",
            "scrypt$1024$RmyPNTVSqoTmXfl4iVtQFU$8$5$6bQxfZygT8ctb2HwSrnQq65xzy1Mxg7+GTwnSY2jcnHmnKBfkR+NaJB7ZOVe1ZhtCiSoz1XzPRGt2L16QgltFQ==",
        ),
        (
            "pbkdf2_sha256",
            "i=12000",
            "$pbkdf2-sha256$i=12000,l=32$c2FsdHNhbHRzYWx0c2FsdA$CUvM7ny6e9096WEgvxdhTwBVIOWaopjLNl0RESevFGA",
        ),
        (
            "pbkdf2_sha512",
            "i=12000",
            "$pbkdf2-sha512$i=12000,l=64$c2FsdHNhbHRzYWx0c2FsdA$SuYFECm18C2B/KNaDVsELFZ46PvVfLXM70pKY/SCTOKmjGCplGKUFBXH7K7Hk7MYIzGDzrR5uhtX4UIpB6uKsQ",
        ),
        (
            "scrypt",
            "ln=10,r=8,p=1",
            "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$OsdS0QROmg9esDYlBMkHgwFbsAxIEPWtueai17QsmL4",
        ),
    ];

    #[tokio::test]
    async fn is_right_for_its_password_only_and_is_replaced() {
        for (algorithm, cost, stored) in HASHES {
            let hash = PasswordHash::parse(stored).unwrap();
            assert_eq!((hash.algorithm(), &*hash.cost()), (algorithm, cost));
            assert_eq!(hash.as_str(), stored);
            assert!(!hash.is_current());

            let Verdict::Outdated(replacement) = verify("пароль 1", stored).await else {
                panic!("{stored}")
            };

            assert!(replacement.is_current());
            for wrong in ["пароль 2", "пароль", "", "ПАРОЛЬ 1"] {
                assert_eq!(verify(wrong, stored).await, Verdict::Wrong, "{stored}");
            }
            assert_eq!(
                verify("пароль 1", replacement.as_str()).await,
                Verdict::Right
            );
        }
    }

    #[tokio::test]
    async fn takes_a_password_as_typed_in_nfc_or_trimmed() {
        let composed = "pbkdf2_sha256$1$s$FBPfNdbPUEmLrXzM9inq71KT1RGSiasUjlTUqENeoBE=";
        let decomposed = "pbkdf2_sha256$1$s$56Wtvrzhp/KdVzYJsxndszfshKyFz5/yWfZWgefBU/Q=";
        let is_right =
            async |password, stored| matches!(verify(password, stored).await, Verdict::Outdated(_));

        assert!(is_right("\u{e9}t\u{e9}", composed).await);
        assert!(is_right("e\u{301}te\u{301}", composed).await);
        assert!(is_right(" \u{e9}t\u{e9}\t", composed).await);
        assert!(is_right("e\u{301}te\u{301}", decomposed).await);
        assert!(is_right("e\u{301}te\u{301} ", decomposed).await);
        assert!(!is_right("\u{e9}t\u{e9}", decomposed).await);
    }

    #[tokio::test]
    async fn a_long_password_is_hashed_first_by_bcrypt_sha256() {
        let stored = "bcrypt_sha256$$2b$05$0Rc3ohpIQGMdVUWFThEY2uYgJMHcKY1hCbRsl2VjS2jLCjd2Y.sfy";

        let right = verify(&"x".repeat(100), stored).await;

        assert!(matches!(right, Verdict::Outdated(_)));
        assert_eq!(verify(&"x".repeat(99), stored).await, Verdict::Wrong);
    }
}
