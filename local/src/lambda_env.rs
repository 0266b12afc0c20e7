use std::{
    io::{self, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;

/// Writes `variables` to `file`, for a shell (`. lambda.env`) and for `cargo lambda watch --env-file`.
///
/// Only the file's owner can read it, because it holds the signing key and the engines' credentials.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub(crate) fn write<'a>(
    file: &Path,
    variables: impl Iterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let mut lines: Vec<String> = variables
        .map(|(name, value)| format!("{name}={}\n", quoted(value)))
        .collect();
    lines.sort();
    let folder = file.parent().unwrap_or(Path::new("."));
    // Write atomically, so that no program reads half of the file.
    let mut written = NamedTempFile::new_in(folder)?;
    written.write_all(lines.concat().as_bytes())?;
    written.persist(file)?;
    Ok(())
}

/// Quotes `value`. Both readers take every character between apostrophes literally, with two
/// exceptions: an apostrophe, and `\n`, which cargo-lambda reads as a line break. Such a value
/// becomes several quoted strings; a shell joins them, and cargo-lambda refuses the file instead of
/// reading another value.
fn quoted(value: &str) -> String {
    let value = value.replace('\'', r"'\''").replace(r"\n", r"\''n");
    format!("'{value}'")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

    use tempfile::TempDir;

    use super::*;

    const VALUES: [&str; 8] = [
        "plain",
        "",
        r#"two "words" of a text"#,
        "$HOME and $(pwd) and `pwd`",
        r"C:\temp\new\\",
        "#not a comment; echo no",
        "it's",
        r#"'\''n\n"$'"#,
    ];

    #[test]
    fn a_shell_reads_what_was_written() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("lambda.env");
        for value in VALUES {
            write(&file, [("VALUE", value)].into_iter()).unwrap();

            let read = Command::new("sh")
                .args(["-c", r#". "$0"; printf %s "$VALUE""#])
                .arg(&file)
                .output()
                .unwrap();

            assert_eq!(String::from_utf8(read.stdout).unwrap(), value);
            assert_eq!(String::from_utf8(read.stderr).unwrap(), "");
        }
    }

    #[test]
    fn there_is_one_sorted_line_for_each() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("lambda.env");

        write(&file, [("B", "2 \""), ("A", "1")].into_iter()).unwrap();

        assert_eq!(fs::read_to_string(&file).unwrap(), "A='1'\nB='2 \"'\n");
    }

    #[test]
    fn only_its_owner_can_read_it() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("lambda.env");
        fs::write(&file, "A='of an older start'\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();

        write(&file, [("A", "1")].into_iter()).unwrap();

        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
