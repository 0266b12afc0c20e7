//! The code that the four functions of the accounts service have in common.
//!
//! In reading order:
//!
//! - [`user`]: the types that make up a user. Knows neither HTTP nor AWS.
//! - [`token`]: issues and verifies tokens, and fetches their keys.
//! - [`users`], [`logins`], [`attempts`]: one table each, every access pattern and nothing else.
//! - [`registry`]: registers accounts in two of them at once, with a [`transaction`].
//! - [`http`]: reads bodies, authenticates requests, and makes every response.
//! - [`lambda`], [`aws`], [`mod@env`]: the world outside of the process.

pub mod attempts;
pub mod aws;
pub mod env;
pub mod http;
pub mod item;
pub mod lambda;
pub mod logins;
pub mod registry;
pub mod token;
pub mod transaction;
pub mod user;
pub mod users;

pub use self::item::TableError;
