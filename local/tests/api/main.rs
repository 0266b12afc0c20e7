//! The API as its clients see it, over HTTP: the cases of `docs/api.md`.
//!
//! With `API_URL` set, all tests run against that URL, otherwise against local stacks. So no test here
//! reads tables, sets variables or knows the signing key; such a test is in `stack`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorization;
mod avatars;
mod create_user;
mod gateway;
mod get_profile;
mod obtain_token;
mod openapi;
mod races;
mod requests;
mod update_profile;
