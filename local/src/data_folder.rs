use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use local::random_hex;
use tempfile::NamedTempFile;

/// The layout of the folder, as its file `version` holds it. A change that makes older data unreadable
/// raises it.
const VERSION: &str = "1";

/// Access for the folder's owner alone: it holds password hashes and the signing key.
const MODE: u32 = 0o700;

/// The folder in which `cargo dev` keeps tables, avatars and the signing key.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    // Locked while it is open, so that two stacks never share a folder.
    _version: File,
}

impl DataFolder {
    /// Opens the folder `path`, and creates it if it does not exist. From then on only its owner has
    /// access, even if the folder was open to others.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be written to, belongs to another user, is in use, holds something
    /// else, or was made by another version.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        DirBuilder::new()
            .recursive(true)
            .mode(MODE)
            .create(path)
            .with_context(|| format!("cannot make the data folder {shown}"))?;
        let file = path.join("version");
        if !file.exists()
            && fs::read_dir(path)
                .with_context(|| format!("cannot read the data folder {shown}"))?
                .next()
                .is_some()
        {
            bail!("{shown} is neither empty nor a data folder");
        }
        fs::set_permissions(path, Permissions::from_mode(MODE))
            .with_context(|| format!("cannot close the data folder {shown} to others"))?;
        let mut version = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&file)
            .with_context(|| format!("cannot write to the data folder {shown}"))?;
        match version.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("the data folder {shown} is in use by another stack")
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock the data folder {shown}"));
            }
        }
        let found =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        if found.is_empty() {
            writeln!(version, "{VERSION}")
                .with_context(|| format!("cannot write to the data folder {shown}"))?;
        } else if found.trim() != VERSION {
            bail!(
                "the data folder {shown} is of version {}, this program wants {VERSION}; use another --data-dir",
                found.trim()
            );
        }
        Ok(Self {
            path: path.to_owned(),
            _version: version,
        })
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the key that signs tokens. The first call makes it.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or made.
    pub(crate) fn jwt_secret(&self) -> anyhow::Result<String> {
        let file = self.path.join("jwt_secret");
        match fs::read_to_string(&file) {
            Ok(secret) => return Ok(secret),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        }
        let secret = random_hex::<32>()?;
        // Write atomically: a crash halfway would leave a truncated key.
        NamedTempFile::new_in(&self.path)
            .and_then(|mut opened| {
                opened.write_all(secret.as_bytes())?;
                Ok(opened.persist_noclobber(&file)?)
            })
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_its_owner_has_access() {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("a").join("b");

        let _folder = DataFolder::open(&path).unwrap();

        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_folder_that_was_open_to_others_is_closed() {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("data");
        drop(DataFolder::open(&path).unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();

        let _folder = DataFolder::open(&path).unwrap();

        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let path = TempDir::new().unwrap();
        fs::set_permissions(path.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(path.path().join("thesis.txt"), "").unwrap();

        let error = DataFolder::open(path.path()).unwrap_err();

        assert_eq!(
            error.to_string(),
            format!(
                "{} is neither empty nor a data folder",
                path.path().display()
            )
        );
        assert_eq!(mode(path.path()), 0o755);
    }
}
