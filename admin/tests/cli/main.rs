//! Runs the binary against embedded engines, with the API beside it: a command counts by what clients
//! then see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arguments;
mod audit;
mod check;
mod create;
mod disable;
mod django;
mod erase;
mod export;
mod export_all;
mod faults;
mod import;
mod keys;
mod list;
mod logins;
mod passwords;
mod prompts;
mod proxies;
mod races;
mod show;
mod sweep;
mod terminal;
mod tokens;
mod tool;
