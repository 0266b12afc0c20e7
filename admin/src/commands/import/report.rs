//! The outcome of each entry: counts, a file of problems, and a file that maps primary keys to uuids.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::source::Place;
use crate::{failure::Failure, output::Record as Output};

/// Why an account did not come, or what did not come with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The entry is not a JSON object.
    RecordMalformed,
    /// A field has a value that it cannot have; the detail names the field.
    FieldInvalid,
    /// There is no address.
    EmailMissing,
    /// The address breaks the rule.
    EmailInvalid,
    /// Another account has the address.
    EmailTaken,
    /// The account was erased.
    Erased,
    /// The account is there with another address.
    EmailDiffers,
    /// The account is there with another username.
    UsernameDiffers,
    /// The file says something new of an account that has changed here as well.
    ChangedHere,
    /// Another account has the username.
    UsernameTaken,
    /// The username breaks Django's rule.
    UsernameInvalid,
    /// The username has an `@` and is not the account's own address.
    UsernameIsNoLogin,
    /// The given name is too long or has control characters.
    FirstNameInvalid,
    /// So is or has the family name.
    LastNameInvalid,
    /// So is or has the patronymic.
    PatronymicInvalid,
    /// The picture is not in the folder of pictures.
    AvatarMissing,
    /// The picture cannot be read as one; the detail says why.
    AvatarUnreadable,
    /// No folder of pictures was named.
    AvatarLeftOut,
    /// There is no password.
    PasswordEmpty,
    /// Django marks the password as unusable.
    PasswordUnusable,
    /// The hash protects no password.
    PasswordWeak,
    /// The hash is of an unknown kind.
    PasswordUnknown,
    /// Verifying the hash would cost too much.
    PasswordTooCostly,
}

impl Code {
    /// The name in the report, which stays.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RecordMalformed => "record_malformed",
            Self::FieldInvalid => "field_invalid",
            Self::EmailMissing => "email_missing",
            Self::EmailInvalid => "email_invalid",
            Self::EmailTaken => "email_taken",
            Self::Erased => "erased",
            Self::EmailDiffers => "email_differs",
            Self::UsernameDiffers => "username_differs",
            Self::ChangedHere => "changed_here",
            Self::UsernameTaken => "username_taken",
            Self::UsernameInvalid => "username_invalid",
            Self::UsernameIsNoLogin => "username_no_login",
            Self::FirstNameInvalid => "first_name_invalid",
            Self::LastNameInvalid => "last_name_invalid",
            Self::PatronymicInvalid => "patronymic_invalid",
            Self::AvatarMissing => "avatar_missing",
            Self::AvatarUnreadable => "avatar_unreadable",
            Self::AvatarLeftOut => "avatar_left_out",
            Self::PasswordEmpty => "password_empty",
            Self::PasswordUnusable => "password_unusable",
            Self::PasswordWeak => "password_weak",
            Self::PasswordUnknown => "password_unknown",
            Self::PasswordTooCostly => "password_too_costly",
        }
    }

    /// Whether the account has no password.
    fn is_of_password(self) -> bool {
        matches!(
            self,
            Self::PasswordEmpty
                | Self::PasswordUnusable
                | Self::PasswordWeak
                | Self::PasswordUnknown
                | Self::PasswordTooCostly
        )
    }

    /// Whether two accounts want the same.
    fn is_collision(self) -> bool {
        matches!(
            self,
            Self::EmailTaken | Self::EmailDiffers | Self::UsernameTaken
        )
    }
}

/// A problem of an entry. It holds no address, name, password or hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) code: Code,
    detail: Option<&'static str>,
    other: Option<String>,
}

impl Problem {
    pub(super) fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            other: None,
        }
    }

    /// Names the field, or says why.
    pub(super) fn about(self, detail: &'static str) -> Self {
        let detail = Some(detail);
        Self { detail, ..self }
    }

    /// Names the account that has what was wanted.
    pub(super) fn with(self, other: Option<String>) -> Self {
        Self { other, ..self }
    }
}

/// The outcome of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its account is new.
    Created,
    /// Its account was there and has what the file says.
    Updated,
    /// Nothing was written: its account was there, or was erased.
    Skipped,
    /// It cannot become an account.
    Rejected,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
        }
    }
}

/// An entry at its end.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) id: Value,
    pub(super) uuid: Option<Uuid>,
    pub(super) outcome: Outcome,
    pub(super) has_picture: bool,
    /// The kind of its hash, by Django's name.
    pub(super) hash_kind: Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl Line {
    /// Whether the account is there afterwards.
    fn is_there(&self) -> bool {
        let mut problems = self.problems.iter();
        self.outcome != Outcome::Rejected && problems.all(|problem| problem.code != Code::Erased)
    }
}

/// All that became of the entries so far.
#[derive(Debug)]
pub(super) struct Report {
    files: Vec<PathBuf>,
    problems: Option<File>,
    map: Option<csv::Writer<File>>,
    /// Entries that were read.
    pub(super) read: u64,
    hashes: BTreeMap<String, u64>,
    outcomes: [u64; 4],
    pictures: u64,
    without_password: u64,
    codes: BTreeMap<&'static str, u64>,
    collisions: u64,
}

impl Report {
    /// Makes the files, which must not be there yet and can be read by their owner alone.
    ///
    /// # Errors
    ///
    /// Fails if one is there or cannot be made.
    pub(super) fn new(
        files: &[PathBuf],
        problems: Option<&Path>,
        map: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut map = map.map(new_file).transpose()?.map(csv::Writer::from_writer);
        if let Some(map) = &mut map {
            map.write_record(["id", "uuid"]).map_err(io::Error::from)?;
        }
        Ok(Self {
            files: files.to_vec(),
            problems: problems.map(new_file).transpose()?,
            map,
            read: 0,
            hashes: BTreeMap::new(),
            outcomes: [0; 4],
            pictures: 0,
            without_password: 0,
            codes: BTreeMap::new(),
            collisions: 0,
        })
    }

    /// Notes what became of an entry.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written to.
    pub(super) fn end(&mut self, line: &Line) -> Result<(), Failure> {
        self.outcomes[line.outcome as usize] += 1;
        self.pictures += u64::from(line.has_picture);
        if let Some(kind) = line.hash_kind.as_ref().filter(|_| line.is_there()) {
            *self.hashes.entry(kind.clone()).or_default() += 1;
        }
        for problem in &line.problems {
            *self.codes.entry(problem.code.name()).or_default() += 1;
            self.collisions += u64::from(problem.code.is_collision());
            let is_there = line.is_there();
            self.without_password += u64::from(is_there && problem.code.is_of_password());
            if let Some(file) = &mut self.problems {
                let text = Output::default()
                    .with("file", self.files[line.place.file].to_string_lossy())
                    .with("line", line.place.line)
                    .with("id", line.id.clone())
                    .with("uuid", line.uuid.map(|uuid| uuid.to_string()))
                    .with("outcome", line.outcome.name())
                    .with("code", problem.code.name())
                    .with("other", problem.other.as_deref())
                    .with("detail", problem.detail);
                let text = serde_json::to_string(&text).map_err(anyhow::Error::from)?;
                file.write_all((text + "\n").as_bytes())
                    .context("cannot write the report")?;
            }
        }
        if let (Some(map), Some(uuid)) = (&mut self.map, line.uuid)
            && line.is_there()
        {
            let id = match &line.id {
                Value::Null => String::new(),
                Value::String(id) => id.clone(),
                id => id.to_string(),
            };
            let row = map.write_record([id, uuid.to_string()]);
            row.map_err(io::Error::from)?;
        }
        Ok(())
    }

    /// The number of entries with this outcome.
    pub(super) fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// The number of entries that are done.
    pub(super) fn done(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// The number of pictures that came.
    pub(super) fn pictures(&self) -> u64 {
        self.pictures
    }

    /// How often two accounts wanted the same.
    pub(super) fn collisions(&self) -> u64 {
        self.collisions
    }

    /// Empties the files and begins again.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written to.
    pub(super) fn restart(self) -> Result<Self, Failure> {
        let empty = |mut file: File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            Ok::<_, io::Error>(file)
        };
        let problems = self.problems.map(empty).transpose()?;
        let map = match self.map {
            None => None,
            Some(map) => {
                let file = map.into_inner().map_err(|error| error.into_error())?;
                let mut map = csv::Writer::from_writer(empty(file)?);
                map.write_record(["id", "uuid"]).map_err(io::Error::from)?;
                Some(map)
            }
        };
        let files = self.files;
        Ok(Self {
            problems,
            map,
            ..Self::new(&files, None, None)?
        })
    }

    /// Writes what is left to the files, and returns the counts for the output.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written to.
    pub(super) fn finish(
        &mut self,
        fields: &BTreeMap<String, u64>,
        models: &BTreeMap<String, u64>,
    ) -> Result<Output, Failure> {
        if let Some(map) = &mut self.map {
            map.flush()?;
        }
        Ok(Output::default()
            .with("read", self.read)
            .with("created", self.count(Outcome::Created))
            .with("updated", self.count(Outcome::Updated))
            .with("skipped", self.count(Outcome::Skipped))
            .with("rejected", self.count(Outcome::Rejected))
            .with("without_password", self.without_password)
            .with("pictures", self.pictures)
            .with("hashes", counts(&self.hashes))
            .with("problems", counts(&self.codes))
            .with("fields_left_out", counts(fields))
            .with("models_left_out", counts(models)))
    }
}

fn counts<N: ToString>(counts: &BTreeMap<N, u64>) -> Map<String, Value> {
    let counts = counts.iter();
    let counts = counts.map(|(name, count)| (name.to_string(), Value::from(*count)));
    counts.collect()
}

/// Makes a file that its owner alone can read.
///
/// # Errors
///
/// Fails if it is there already, or cannot be made.
pub(crate) fn new_file(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    Ok(file.with_context(|| format!("cannot make {}", path.display()))?)
}
