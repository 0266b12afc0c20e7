//! The API as its clients see it, over HTTP: what `docs/api.md` says, as cases.
//!
//! Each test has tables and a bucket of its own, on engines that all share. With `API_URL` set,
//! the suite runs against that URL instead; what needs settings or stored data of its own is then
//! left out, and says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorization;
mod avatars;
mod client;
mod cost;
mod crashes;
mod create_user;
mod events;
mod failures;
mod faults;
mod gateway;
mod get_profile;
mod logs;
mod obtain_token;
mod openapi;
mod proxy;
mod races;
mod requests;
mod restart;
mod revocation;
mod sweep;
mod update_profile;
