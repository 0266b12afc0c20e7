//! How the functions reach AWS: one SDK configuration, and what the failure of a call means.

mod config;
mod error;
mod https;

pub use self::{
    config::{config, connect, retries, timeouts},
    error::AwsError,
};
