//! The parts of the tests that several of their binaries need.
//!
//! A black-box test knows [`Api`] alone, so that it can run against any URL. A test that sets
//! variables, reads tables or counts calls has an [`OwnStack`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod at_once;
mod client;
mod engines;
mod functions;
pub mod messages;
pub mod openapi;
mod own_stack;
mod person;
pub mod pictures;
mod proxy;
mod response;
mod stored;
pub mod token;

pub use crate::{
    at_once::at_once,
    client::{Api, fetch, http, send, try_send},
    functions::{Functions, http_api_event},
    own_stack::{BY_SECRET, JWT_SECRET, OwnStack, settings},
    person::Person,
    proxy::{Down, Fault, Proxy},
    response::Response,
    stored::{IMPORTED, Item, Stored},
};
