use std::time::SystemTime;

use aws_types::SdkConfig;
use lambda_http::{Request, http::header::AUTHORIZATION};

use super::ApiError;
use crate::{
    env::{Env, EnvError},
    token::{self, Claims, Keys, TokenError},
    users::AccountError,
};

/// Authenticates requests with `Authorization: JWT <token>`.
#[derive(Debug)]
pub struct Authenticator {
    keys: Keys,
}

impl Authenticator {
    /// Reads what [`Keys::from_env`] reads.
    ///
    /// # Errors
    ///
    /// Those of [`Keys::from_env`].
    pub async fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        Ok(Self {
            keys: Keys::from_env(env, aws).await?,
        })
    }

    /// Returns the claims of the request's token. Does not check that the account still exists, is
    /// enabled and takes the token; see [`Users::find_active`](crate::users::Users::find_active).
    ///
    /// # Errors
    ///
    /// - [`ApiError::Unauthenticated`]: the header or the token is missing or invalid.
    /// - [`ApiError::Unavailable`]: the keys cannot be fetched.
    pub async fn claims(&self, request: &Request, now: SystemTime) -> Result<Claims, ApiError> {
        let header = request.headers().get(AUTHORIZATION);
        let token = credentials(header.map_or(b"", |value| value.as_bytes()))?;
        let (token, kid) = token::parse(token)?;
        let key = self
            .keys
            .verifying(&kid)
            .await?
            .ok_or(TokenError::Malformed)?;
        Ok(token.verify(&key, now)?)
    }
}

/// Returns the token in the value of `Authorization`.
fn credentials(header: &[u8]) -> Result<&str, AuthError> {
    let mut words = header
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    match words.next() {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"JWT") => {}
        _ => return Err(AuthError::NotProvided),
    }
    match (words.next(), words.next()) {
        (None, _) => Err(AuthError::NoToken),
        (Some(token), None) => str::from_utf8(token).map_err(|_| TokenError::Malformed.into()),
        (Some(_), Some(_)) => Err(AuthError::Spaces),
    }
}

/// Why a request is not authenticated. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The header is missing, or has another scheme.
    #[error("Authentication credentials were not provided.")]
    NotProvided,
    /// Nothing follows the scheme.
    #[error("Invalid Authorization header. No credentials provided.")]
    NoToken,
    /// More than a token follows the scheme.
    #[error("Invalid Authorization header. Credentials string should not contain spaces.")]
    Spaces,
    /// The token is invalid.
    #[error("{}", match .0 {
        TokenError::Malformed => "Error decoding signature.",
        TokenError::WrongAlgorithm => "Incorrect authentication credentials.",
        TokenError::Expired => "Signature has expired.",
        TokenError::WrongClaims => "Invalid payload.",
    })]
    Token(#[from] TokenError),
    /// The account no longer exists.
    #[error("Invalid signature.")]
    AccountGone,
    /// An operator has disabled the account.
    #[error("User account is disabled.")]
    AccountDisabled,
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        Self::Unauthenticated(error.into())
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Missing => AuthError::AccountGone.into(),
            AccountError::Revoked => TokenError::Expired.into(),
            AccountError::Disabled => AuthError::AccountDisabled.into(),
            AccountError::Table(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_compared_without_regard_to_case() {
        for header in ["JWT a.b.c", "jwt a.b.c", "Jwt   a.b.c ", "\tJWT\ta.b.c"] {
            assert_eq!(credentials(header.as_bytes()), Ok("a.b.c"), "{header}");
        }
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        for (header, error) in [
            (&b""[..], AuthError::NotProvided),
            (b"   ", AuthError::NotProvided),
            (b"Bearer a.b.c", AuthError::NotProvided),
            (b"a.b.c", AuthError::NotProvided),
            (b"JWTa.b.c", AuthError::NotProvided),
            (b"JWT", AuthError::NoToken),
            (b"JWT ", AuthError::NoToken),
            (b"JWT a b", AuthError::Spaces),
            (b"JWT a b c", AuthError::Spaces),
            (b"JWT \xff", AuthError::Token(TokenError::Malformed)),
        ] {
            assert_eq!(credentials(header), Err(error), "{}", header.escape_ascii());
        }
    }
}
