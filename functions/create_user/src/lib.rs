//! `POST /create_user/` registers an account.

use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response, http::Method};
use serde_json::json;
use shared::{
    env::{Env, EnvError},
    http::{self, ApiError, Edge, FieldErrors, Form, Origins, ValueError},
    registry::{RegisterError, Registry},
    user::{Email, EmailError, Hasher, NewUser, Password, PasswordPolicy, Username, UsernameError},
};
use uuid::Uuid;

/// Most usernames that are made up for somebody who gave none. The first may well be taken; each
/// other one has 30 random bits.
const SUGGESTIONS: u32 = 5;

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
    /// Request: texts `email`, `password` and, optionally, `username`.
    /// Response: `201` with `{"message": …}`.
    async fn handle(&self, request: &Request) -> Result<Response<Body>, ApiError> {
        self.edge.check_method(request)?;
        let form = Form::read(request).await?;
        let sign_up = SignUp::parse(&form, self.policy)?;
        self.register(sign_up).await?;
        metrics::counter!("SignUps").increment(1);
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
                    return Err(taken(email, username && !is_suggested).into());
                }
            }
        }
        Err(ApiError::Internal(
            "every suggested username is taken".into(),
        ))
    }
}

/// A request whose fields all keep their rules.
struct SignUp {
    email: Email,
    password: Password,
    username: Option<Username>,
}

impl SignUp {
    fn parse(form: &Form, policy: PasswordPolicy) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let email = errors.check("email", email(form));
        let username = errors
            .check("username", form.optional("username"))
            .and_then(|raw| errors.check("username", raw.map(Username::parse).transpose()));
        let password = errors
            .check("password", form.required_untrimmed("password"))
            .and_then(|raw| errors.check("password", Password::parse(raw)))
            .and_then(|password| {
                let username = username.as_ref().and_then(Option::as_ref);
                let checked = policy.check(&password, email.as_ref(), username);
                errors.check_all("password", checked.map(|()| password))
            });
        match (email, password, username) {
            (Some(email), Some(password), Some(username)) => Ok(Self {
                email,
                password,
                username,
            }),
            _ => Err(errors),
        }
    }
}

/// The address; what is no text at all is as wrong as a text that is no address.
fn email(form: &Form) -> Result<Email, String> {
    match form.required("email") {
        Ok(raw) => Email::parse(raw).map_err(|error| error.to_string()),
        Err(ValueError::NotText) => Err(EmailError::Invalid.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn taken(email: bool, username: bool) -> FieldErrors {
    let mut errors = FieldErrors::default();
    if email {
        errors.check::<()>("email", Err(EmailError::Taken));
    }
    if username {
        errors.check::<()>("username", Err(UsernameError::Taken));
    }
    errors
}
