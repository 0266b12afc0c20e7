//! Access to AWS: the SDK's configuration, its HTTPS client, and the meaning of a failed call.

mod config;
mod error;
mod https;

pub use self::{
    config::{config, connect, retries, timeouts},
    error::AwsError,
};
