//! Files that demand more work or memory than their pixels account for.
//!
//! Each is converted in a process with limited address space, its code included, and 20 seconds of
//! processor time. In an optimized build the slowest takes a tenth of that.
//!
//! With the variable `HOSTILE_FILES` the files are also written into the folder that it names, for
//! `bench/peaks.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod color;
mod gif;
mod jpeg;
mod png;
mod webp;

use std::{
    env, fs,
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use avatar::AvatarError;

/// The largest sides of a picture that is let in: 50 megapixels.
const SIDES: (u32, u32) = (8_192, 6_103);

/// Most bytes of an upload.
const MAX_BYTES: usize = 4 << 20;

/// Enough address space, in MiB, for a process that holds an upload and a few copies of it.
const SMALL: u64 = 100;

/// Enough for pixels of four channels as they are decoded, and once more as they are resized. The
/// function has 1,769.
const LARGE: u64 = 600;

/// Asserts that `upload` is converted, or refused, within so many MiB.
#[track_caller]
fn assert_converted(upload: &[u8], mib: u64, expected: Result<(), AvatarError>) {
    assert!(upload.len() <= MAX_BYTES, "{} bytes", upload.len());
    if let Some(folder) = env::var_os("HOSTILE_FILES") {
        let test = thread::current().name().unwrap().replace("::", "-");
        let file = tempfile::Builder::new().prefix(&test).tempfile_in(folder);
        let (mut file, _) = file.unwrap().keep().unwrap();
        file.write_all(upload).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let paths = ["picture", "avatar"].map(|name| folder.path().join(name));
    fs::write(&paths[0], upload).unwrap();
    let mut process = Command::new("sh")
        .args([
            "-c",
            "ulimit -v \"$1\" && ulimit -t 20 && exec \"$2\"",
            "sh",
        ])
        .arg((mib << 10).to_string())
        .arg(env!("CARGO_BIN_EXE_converter"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = paths.map(|path| path.display().to_string()).join("\t");
    let mut input = process.stdin.take().unwrap();
    writeln!(input, "{line}").unwrap();
    drop(input);

    let output = process.wait_with_output().unwrap();

    assert!(output.status.success(), "{}", output.status);
    let expected = expected.map_or_else(|error| error.to_string(), |()| String::new());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected + "\n");
}
