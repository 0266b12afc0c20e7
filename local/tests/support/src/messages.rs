//! Bodies and texts that tests of several endpoints expect.

/// The body of a successful sign-up.
pub const CREATED: &str = r#"{"message":"User succesfully created"}"#;

/// The body of a sign-up whose address and username both belong to an account.
pub const TAKEN: &str = r#"{"email":["user with this email already exists."],"username":["A user with that username already exists."]}"#;

/// The body of a failed log-in.
pub const WRONG_CREDENTIALS: &str = r#"{"error":"Please provide right login and a password"}"#;

/// The detail of a request without a token.
pub const NOT_PROVIDED: &str = "Authentication credentials were not provided.";

/// The detail of a token that the service did not sign, or that is malformed.
pub const MALFORMED: &str = "Error decoding signature.";

/// The detail of a token with an algorithm other than HS256.
pub const WRONG_ALGORITHM: &str = "Incorrect authentication credentials.";

/// The detail of a token whose account does not exist.
pub const GONE: &str = "Invalid signature.";

/// The detail of a failed dependency.
pub const UNAVAILABLE: &str = "Service temporarily unavailable, try again later.";
