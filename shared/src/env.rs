//! The environment of a function, read once at cold start by the types that need it.

use std::{collections::HashMap, fmt};

/// A snapshot of environment variables.
///
/// On Lambda it is the process's own. The local stack makes one for each stack, so that many can
/// live in one process.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// The variables of this process. Those that are not UTF-8 are left out.
    pub fn process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name`, or `None` where it is unset or empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The value of `name`.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: it is unset or empty.
    pub fn required(&self, name: &'static str) -> Result<&str, EnvError> {
        self.optional(name).ok_or(EnvError::Missing { name })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// The names alone: a value may be a secret.
impl fmt::Debug for Env {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a function refuses to start.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// A variable that has no default is not set.
    #[error("{name} is not set")]
    Missing {
        /// The variable.
        name: &'static str,
    },
    /// A variable is set to something that it may not be. The value is left out: it may be a secret.
    #[error("{name} must be {rule}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What its value must be.
        rule: &'static str,
    },
}

/// The same as `Display`, because it is what a failing `main` prints.
impl fmt::Debug for EnvError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
