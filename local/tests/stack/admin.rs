//! The operators' command line as a process.

use std::{
    fs,
    process::{Command, Output},
};

use support::Stored;
use tempfile::TempDir;

/// Runs `cargo admin sweep-avatars` on `stored` with `arguments`, and returns the avatars that it lists,
/// sorted, and its summary.
pub(crate) fn sweep(stored: &Stored, arguments: &[&str]) -> (Vec<String>, String) {
    let folder = TempDir::new().unwrap();
    let variables = stored.env().iter();
    let variables = variables.map(|(name, value)| format!("{name}=\"{value}\"\n"));
    let file = folder.path().join("lambda.env");
    fs::write(file, variables.collect::<String>()).unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--package",
            "admin",
            "--",
            "sweep-avatars",
        ])
        .args(arguments)
        .arg("--local")
        .arg(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{stderr}");
    let mut names: Vec<_> = String::from_utf8(stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort();
    (names, stderr)
}
