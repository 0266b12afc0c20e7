//! The kind of a stored hash, which does not give the hash away.

use std::fmt;

/// The kind of a password's hash and its cost: `argon2id m=19456,t=2,p=1`, `pbkdf2_sha256 600000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PasswordKind {
    /// The algorithm, as the stored text names it.
    pub algorithm: String,
    /// Its parameters, as the stored text names them; empty where it names none.
    pub parameters: String,
}

impl PasswordKind {
    /// Reads the stored text of a hash: a PHC string, a crypt string of bcrypt, or what Django stores.
    pub(crate) fn of(stored: &str) -> Self {
        let fields: Vec<_> = stored.split('$').collect();
        let (algorithm, parameters) = match fields.as_slice() {
            // Django's bcrypt: a prefix before the crypt string.
            [
                prefix @ ("bcrypt" | "bcrypt_sha256"),
                "",
                "2a" | "2b" | "2y",
                cost,
                _,
            ] => (*prefix, (*cost).to_owned()),
            ["", "2a" | "2b" | "2y", cost, _] => ("bcrypt", (*cost).to_owned()),
            // PHC, and Django's argon2 before a PHC string without its first `$`.
            ["" | "argon2", algorithm, rest @ ..] => {
                let parameters = rest
                    .iter()
                    .find(|field| field.contains('=') && !field.starts_with("v="));
                (
                    *algorithm,
                    parameters.map_or_else(String::new, ToString::to_string),
                )
            }
            ["scrypt", n, _, r, p, _] => ("scrypt", format!("n={n},r={r},p={p}")),
            [algorithm, iterations, _, _] => (*algorithm, (*iterations).to_owned()),
            _ => ("unknown", String::new()),
        };
        Self {
            algorithm: algorithm.to_owned(),
            parameters,
        }
    }
}

impl fmt::Display for PasswordKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.algorithm)?;
        if !self.parameters.is_empty() {
            write!(formatter, " {}", self.parameters)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told_by_its_algorithm_and_cost() {
        for (stored, kind) in [
            (
                "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
                "argon2id m=19456,t=2,p=1",
            ),
            (
                "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
                "argon2id m=102400,t=2,p=8",
            ),
            (
                "pbkdf2_sha256$1000000$salt$aGFzaA==",
                "pbkdf2_sha256 1000000",
            ),
            ("pbkdf2_sha1$12000$salt$aGFzaA==", "pbkdf2_sha1 12000"),
            ("bcrypt_sha256$$2b$12$saltandhash", "bcrypt_sha256 12"),
            ("bcrypt$$2b$12$saltandhash", "bcrypt 12"),
            ("$2y$10$saltandhash", "bcrypt 10"),
            ("scrypt$16384$salt$8$5$aGFzaA==", "scrypt n=16384,r=8,p=5"),
            ("12345", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(PasswordKind::of(stored).to_string(), kind, "{stored}");
        }
    }
}
