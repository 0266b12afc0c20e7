//! The environment of a function, read once at cold start by the types that need it.

use std::{collections::HashMap, fmt};

/// A snapshot of environment variables.
///
/// On Lambda it is the process's own environment. Each local stack has a snapshot of its own, so that
/// one process can run many.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// Returns the variables of this process, except those that are not UTF-8.
    pub fn process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns all variables.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value of `name`, or `None` if it is unset or empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the value of `name`.
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

/// Shows only the names: a value may be a secret.
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
    /// Neither of two variables is set.
    #[error("{} or {} is not set", names[0], names[1])]
    MissingEither {
        /// The variables.
        names: [&'static str; 2],
    },
    /// The value of a variable is not valid. The error does not hold the value: it may be a secret.
    #[error("{name} must be {rule}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// The rule for its value.
        rule: &'static str,
    },
}

/// Like `Display`, because a failing `main` prints this.
impl fmt::Debug for EnvError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
