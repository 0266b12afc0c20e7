use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

/// What a folder of this layout says in its file `version`. A change that older data does not
/// survive raises it.
const VERSION: &str = "1";

/// The folder in which `cargo dev` keeps tables, avatars and the signing key.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    // Locked for as long as it is open, so that two stacks never share a folder.
    _version: File,
}

impl DataFolder {
    /// Opens the folder `path`, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written to, is in use, holds something else, or was made by another
    /// version.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("cannot make the data folder {shown}"))?;
        let file = path.join("version");
        if !file.exists()
            && fs::read_dir(path)
                .with_context(|| format!("cannot read the data folder {shown}"))?
                .next()
                .is_some()
        {
            bail!("{shown} is not empty and no data folder");
        }
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

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key that signs tokens, made the first time. Only its owner can read the file.
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
        let secret = random_secret()?;
        // Whole or not at all: an end in between would leave a key that is none.
        NamedTempFile::new_in(&self.path)
            .and_then(|mut opened| {
                opened.write_all(secret.as_bytes())?;
                Ok(opened.persist_noclobber(&file)?)
            })
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(secret)
    }
}

/// 256 random bits in hexadecimal.
pub(crate) fn random_secret() -> anyhow::Result<String> {
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}
