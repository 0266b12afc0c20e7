//! Reads files of accounts, entry by entry: what Django's `dumpdata` writes, and JSON lines.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

/// The fields of an account by name, as JSON.
pub(super) type Fields = Map<String, Value>;

/// Bytes that are read ahead of a file.
const BUFFER: usize = 64 << 10;

/// The place of an entry in its file: its line or, in a JSON array, its number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file's position on the command line.
    pub file: usize,
    /// The line or number.
    pub line: u64,
}

/// An account as a file has it.
#[derive(Debug)]
pub(super) struct Entry {
    /// The model, for an entry of Django's.
    pub model: Option<String>,
    /// The primary key; `null` for an entry without one.
    pub id: Value,
    /// The fields; none for an entry that cannot be read.
    pub fields: Option<Fields>,
}

/// Which entries are accounts.
#[derive(Clone, Debug)]
pub(super) struct Models {
    /// Django's name of the model, such as `accounts.user`; found by its fields without one.
    pub wanted: Option<String>,
    /// The names of the fields that a model of accounts has.
    pub marks: [String; 2],
    /// Entries of other models, by model.
    pub left_out: BTreeMap<String, u64>,
}

impl Models {
    /// Whether `entry` is an account. The first model with the fields of one is the model of all.
    fn has(&mut self, entry: &Entry) -> bool {
        let (Some(model), Some(fields)) = (&entry.model, &entry.fields) else {
            return true;
        };
        let is_like = self.marks.iter().all(|mark| fields.contains_key(mark));
        if self.wanted.is_none() && is_like {
            self.wanted = Some(model.clone());
        }
        let is_wanted = self.wanted.as_ref() == Some(model);
        if !is_wanted {
            *self.left_out.entry(model.clone()).or_default() += 1;
        }
        is_wanted
    }
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// Its bytes cannot be read.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Its JSON is broken, so the end of the entry is unknown.
    #[error("{}: broken JSON: {error}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Where and why.
        error: serde_json::Error,
    },
    /// Its encoding is another.
    #[error("{}: UTF-16; let `dumpdata --output FILE` write it, which is UTF-8", .0.display())]
    Utf16(PathBuf),
    /// It begins with neither `[` nor `{{`.
    #[error("{}: neither a JSON array nor JSON lines", .0.display())]
    Form(PathBuf),
}

/// Told by the receiver of entries that it wants no more.
#[derive(Debug)]
pub(super) struct Enough;

/// Reads the accounts of `path` in their order and passes each to `take` with its place. Counts in `read`
/// the bytes that were read of it.
///
/// # Errors
///
/// Any [`SourceError`]; the entries before it were passed on.
pub(super) fn read(
    path: &Path,
    file: usize,
    models: &mut Models,
    read: &Arc<AtomicU64>,
    mut take: impl FnMut(Place, Entry) -> Result<(), Enough>,
) -> Result<(), SourceError> {
    let io = |error| SourceError::Io {
        file: path.to_owned(),
        error,
    };
    let counted = Counted {
        file: File::open(path).map_err(io)?,
        read: read.clone(),
    };
    let mut compressed = BufReader::with_capacity(BUFFER, counted);
    let is_gzip = compressed
        .fill_buf()
        .map_err(io)?
        .starts_with(&[0x1f, 0x8b]);
    let mut text: Box<dyn BufRead> = if is_gzip {
        let plain = MultiGzDecoder::new(compressed);
        Box::new(BufReader::with_capacity(BUFFER, plain))
    } else {
        Box::new(compressed)
    };
    let mut take = |line, raw: &str| {
        let entry = parse(raw);
        if models.has(&entry) {
            take(Place { file, line }, entry)
        } else {
            Ok(())
        }
    };
    match first_byte(&mut text).map_err(io)? {
        None => Ok(()),
        Some(b'[') => array(text, &mut take).map_err(|error| SourceError::Json {
            file: path.to_owned(),
            error,
        }),
        Some(b'{') => lines(text, &mut take).map_err(io),
        Some(0xfe | 0xff) => Err(SourceError::Utf16(path.to_owned())),
        Some(_) => Err(SourceError::Form(path.to_owned())),
    }
}

/// Returns the first byte that is not white space, after a byte order mark of UTF-8, and leaves it there.
fn first_byte(text: &mut dyn BufRead) -> io::Result<Option<u8>> {
    const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
    if text.fill_buf()?.starts_with(&MARK) {
        text.consume(MARK.len());
    }
    loop {
        let buffer = text.fill_buf()?;
        let spaces = buffer.iter().take_while(|byte| byte.is_ascii_whitespace());
        let spaces = spaces.count();
        match buffer.get(spaces) {
            Some(byte) => {
                let byte = *byte;
                text.consume(spaces);
                return Ok(Some(byte));
            }
            None if spaces == 0 => return Ok(None),
            None => text.consume(spaces),
        }
    }
}

/// Passes on the elements of a JSON array, without keeping them.
fn array(
    text: impl BufRead,
    take: &mut dyn FnMut(u64, &str) -> Result<(), Enough>,
) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_reader(text);
    let mut elements = Elements {
        take,
        enough: false,
    };
    let outcome = json.deserialize_seq(&mut elements);
    if elements.enough {
        return Ok(());
    }
    outcome?;
    json.end()
}

struct Elements<'a> {
    take: &'a mut dyn FnMut(u64, &str) -> Result<(), Enough>,
    enough: bool,
}

impl<'de> Visitor<'de> for &mut Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of accounts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 0;
        // The text alone, so that one element that cannot be read does not end the array.
        while let Some(raw) = elements.next_element::<Box<RawValue>>()? {
            number += 1;
            if (self.take)(number, raw.get()).is_err() {
                self.enough = true;
                break;
            }
        }
        Ok(())
    }
}

/// Passes on the lines that are not empty.
fn lines(
    mut text: impl BufRead,
    take: &mut dyn FnMut(u64, &str) -> Result<(), Enough>,
) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if text.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() {
            continue;
        }
        // Bytes that are not UTF-8 are not JSON either.
        if take(number, str::from_utf8(trimmed).unwrap_or_default()).is_err() {
            break;
        }
    }
    Ok(())
}

/// Parses an entry: `{"model": …, "pk": …, "fields": …}` of Django, or the fields themselves with `id`.
fn parse(raw: &str) -> Entry {
    let Ok(mut object) = serde_json::from_str::<Fields>(raw) else {
        return Entry {
            model: None,
            id: Value::Null,
            fields: None,
        };
    };
    match (object.remove("model"), object.remove("fields")) {
        (Some(Value::String(model)), Some(Value::Object(fields))) => Entry {
            model: Some(model),
            id: object.remove("pk").unwrap_or_default(),
            fields: Some(fields),
        },
        _ => Entry {
            model: None,
            id: Value::Null,
            fields: Some(object),
        },
    }
}

/// A file, and how much of it was read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}
