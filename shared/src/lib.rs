//! What the four functions of the accounts service have in common.
//!
//! In reading order:
//!
//! - [`user`]: what a user is. Knows neither HTTP nor AWS.
//! - [`token`]: issues and verifies tokens, and where their keys come from.
//! - [`users`], [`logins`], [`attempts`]: one table each, every access pattern and nothing else.
//! - [`registry`]: registers accounts in two of them at once.
//! - [`http`]: reads bodies, tells who asks, and makes every answer.
//! - [`lambda`], [`aws`], [`mod@env`]: what the outside is like.

pub mod attempts;
pub mod aws;
pub mod env;
pub mod http;
mod item;
pub mod lambda;
pub mod logins;
pub mod registry;
pub mod token;
pub mod user;
pub mod users;
