//! Tests that need a stack of their own: they set variables, read and change tables, count calls to
//! AWS, inject faults, or kill the process.
//!
//! Each test has tables and a bucket of its own, on engines that all of them share.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorization;
mod avatars;
mod cost;
mod crashes;
mod dev_process;
mod documents;
mod events;
mod examples;
mod failures;
mod faults;
mod gateway;
mod logs;
mod machine;
mod obtain_token;
mod openapi;
mod races;
mod restart;
mod revocation;
mod settings;
