//! The parts that the fuzz targets share.

use shared::env::Env;
use tokio::runtime::{self, Runtime};

/// The key of the sample events in `events/`.
pub const SECRET: &str = "sample-key-of-the-events-not-a-secret";

/// The tokens of the sample events that are signed with it and good until 2100: of an account that is
/// there, and of one that is gone.
pub const TOKENS: [&str; 2] = [
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImxvY2FsIn0.eyJ1c2VyX2lkIjoiZjBkNDU2OGYtYzkzOC00ODBhLTg1NjQtZDk1ZTk1YjVhZjRhIiwidXNlcm5hbWUiOiJUZXN0IiwiZXhwIjo0MTAyNDQ0ODAwLCJlbWFpbCI6InRlc3RAdGVzdC5ydSJ9.45Yg2tI0CVKoIIPpMbVpricBFj6UrJxRkJXK_jMWQos",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImxvY2FsIn0.eyJ1c2VyX2lkIjoiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAwIiwidXNlcm5hbWUiOiJUZXN0IiwiZXhwIjo0MTAyNDQ0ODAwLCJlbWFpbCI6InRlc3RAdGVzdC5ydSJ9.WaVyL38LxmBhfZx-Q6Q6J-rBYADd4Ul-JDPbyYIlpAg",
];

/// A runtime as the functions have it.
pub fn runtime() -> Runtime {
    runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("there is a runtime")
}

/// The variables of whoever verifies tokens.
pub fn env() -> Env {
    Env::from_iter([("JWT_SECRET", SECRET)])
}
