//! `POST /create_user/` registers an account.

use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response, http::Method};
use serde_json::json;
use shared::{
    env::{Env, EnvError},
    http::{self, ApiError, Edge, FieldErrors, Form, Origins, ValueError},
    registry::{RegisterError, Registry},
    user::{Email, EmailError, Hasher, NewUser, Password, PasswordPolicy, Username},
};
use uuid::Uuid;

/// Maximum number of usernames to try when none was sent. The first has no random suffix, so it may
/// be taken; each later one has 30 random bits.
const SUGGESTIONS: u32 = 5;

/// The client's text for an address that another account has.
const EMAIL_TAKEN: &str = "user with this email already exists.";

/// The client's text for a username that another account has.
const USERNAME_TAKEN: &str = "A user with that username already exists.";

/// The endpoint.
#[derive(Debug)]
pub struct CreateUser {
    edge: Edge,
    policy: PasswordPolicy,
    hasher: Hasher,
    registry: Registry,
}

impl CreateUser {
    /// Reads `ALLOWED_ORIGINS`, `PASSWORD_POLICY`, `USERS_TABLE` and `LOGINS_TABLE`.
    ///
    /// # Errors
    ///
    /// Any [`EnvError`].
    pub fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        Ok(Self {
            edge: Edge::new("/create_user/", &[Method::POST], Origins::from_env(env)?),
            policy: PasswordPolicy::from_env(env)?,
            hasher: Hasher::default(),
            registry: Registry::from_env(env, &aws_sdk_dynamodb::Client::new(aws))?,
        })
    }

    /// Responds to `request`.
    pub async fn respond(&self, request: Request) -> Response<Body> {
        self.edge.respond(&request, self.handle(&request)).await
    }

    /// Registers an account.
    ///
    /// Request: strings `email`, `password` and, optionally, `username`.
    /// Response: `201` with `{"message": …}`.
    async fn handle(&self, request: &Request) -> Result<Response<Body>, ApiError> {
        self.edge.check_method(request)?;
        let form = Form::read(request)?;
        let sign_up = SignUp::parse(&form, self.policy)?;
        self.register(sign_up).await?;
        Ok(http::created(
            &json!({ "message": "User succesfully created" }),
        ))
    }

    async fn register(&self, sign_up: SignUp) -> Result<(), ApiError> {
        let SignUp {
            email,
            password,
            username,
        } = sign_up;
        let is_suggested = username.is_none();
        let mut user = NewUser {
            uuid: Uuid::new_v4(),
            username: username.unwrap_or_else(|| Username::suggest(&email, 0)),
            email,
            password_hash: self.hasher.reserve()?.hash(password).await?,
        };
        for attempt in 1..=SUGGESTIONS {
            match self.registry.register(&user).await {
                Ok(()) => return Ok(()),
                Err(RegisterError::Aws(error)) => return Err(error.into()),
                Err(RegisterError::Taken { email: false, .. }) if is_suggested => {
                    user.username = Username::suggest(&user.email, attempt);
                }
                Err(RegisterError::Taken { email, username }) => {
                    let mut errors = FieldErrors::default();
                    if email {
                        errors.add("email", EMAIL_TAKEN);
                    }
                    if username && !is_suggested {
                        errors.add("username", USERNAME_TAKEN);
                    }
                    return Err(errors.into());
                }
            }
        }
        Err(ApiError::Internal(
            "every suggested username is taken".into(),
        ))
    }
}

/// A request whose fields are all valid.
struct SignUp {
    email: Email,
    password: Password,
    username: Option<Username>,
}

impl SignUp {
    fn parse(form: &Form, policy: PasswordPolicy) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let email = errors.check("email", parse_email(form));
        let username = errors.check("username", parse_username(form));
        let valid_username = username.as_ref().and_then(Option::as_ref);
        let password = parse_password(form, policy, email.as_ref(), valid_username);
        let password = errors.check_all("password", password);
        let (Some(email), Some(username), Some(password)) = (email, username, password) else {
            return Err(errors);
        };
        Ok(Self {
            email,
            password,
            username,
        })
    }
}

/// Parses `email`. A value that is not a string gets the same message as a malformed address.
fn parse_email(form: &Form) -> Result<Email, String> {
    match form.required("email") {
        Ok(raw) => Email::parse(raw).map_err(|error| error.to_string()),
        Err(ValueError::NotText) => Err(EmailError::Invalid.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_username(form: &Form) -> Result<Option<Username>, String> {
    match form.optional("username") {
        Ok(None) => Ok(None),
        Ok(Some(raw)) => Username::parse(raw)
            .map(Some)
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses `password` and checks it against `policy`. Returns every rule that it breaks.
fn parse_password(
    form: &Form,
    policy: PasswordPolicy,
    email: Option<&Email>,
    username: Option<&Username>,
) -> Result<Password, Vec<String>> {
    let raw = form
        .required_untrimmed("password")
        .map_err(|error| vec![error.to_string()])?;
    let password = Password::parse(raw).map_err(|error| vec![error.to_string()])?;
    match policy.check(&password, email, username) {
        Ok(()) => Ok(password),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
    }
}
