//! `export-all`: all accounts as a file, for Django's `loaddata` or for another service.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use futures_util::{StreamExt as _, stream};
use ring::digest::{Context, SHA256};
use serde_json::{Map, Value};
use shared::user::PersonName;
use uuid::Uuid;

use super::{
    avatars,
    import::{Names, new_file},
};
use crate::{
    accounts::Account,
    failure::Failure,
    output::{self, Record},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// New file, which its owner alone can read.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Form of the file.
    #[arg(long, value_enum, default_value_t)]
    format: Form,

    /// Django's model of the accounts.
    #[arg(long, value_name = "APP.MODEL", default_value = "accounts.user")]
    model: String,

    /// A field that has another name in the file, such as `avatar=photo`.
    #[arg(long = "field", value_name = "OURS=THEIRS")]
    fields: Vec<String>,

    /// Folder for the pictures, Django's `MEDIA_ROOT`; without it, none is exported.
    #[arg(long, value_name = "DIR")]
    media: Option<PathBuf>,

    /// CSV file of primary keys and uuids, as `import` makes it. Accounts that it does not have get the
    /// numbers after its last one.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,

    /// Export the passwords' hashes; without this, no password can be used.
    #[arg(long)]
    with_hashes: bool,
}

/// The form of a file of accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A fixture that `manage.py loaddata` takes.
    #[default]
    Django,
    /// One account a line, with each hash as it is stored.
    Jsonl,
}

/// Pictures that are read at once.
const PICTURES: usize = 16;

pub(crate) async fn run(options: &Options, session: &mut Session) -> Result<(), Failure> {
    let names = Names::parse(&options.fields)?;
    let mut keys = Keys::read(options.map.as_deref())?;
    let mut export = Export {
        options,
        names,
        file: BufWriter::new(Digesting {
            file: new_file(&options.file)?,
            digest: Context::new(&SHA256),
        }),
        accounts: 0,
        pictures: 0,
        missing_pictures: 0,
        without_password: 0,
        damaged: 0,
    };
    match export.write_all(session, &mut keys).await {
        Ok(sha256) => export.report(session, &sha256),
        Err(failure) => {
            // Half a file could be taken for a whole one.
            fs::remove_file(&options.file)?;
            Err(failure)
        }
    }
}

struct Export<'a> {
    options: &'a Options,
    names: Names,
    file: BufWriter<Digesting>,
    accounts: u64,
    pictures: u64,
    missing_pictures: u64,
    without_password: u64,
    damaged: usize,
}

impl Export<'_> {
    /// Writes all accounts and returns the SHA-256 of the file.
    async fn write_all(&mut self, session: &Session, keys: &mut Keys) -> Result<String, Failure> {
        if let Some(folder) = &self.options.media {
            let folder = folder.join("avatars");
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let progress = output::progress("accounts exported");
        let mut start = None;
        loop {
            let page = session.accounts.page(start.as_deref()).await?;
            self.damaged += page.damaged.len();
            let pictures = stream::iter(page.accounts.iter())
                .map(|account| picture(session, self.options.media.as_deref(), account))
                .buffered(PICTURES);
            let pictures: Vec<_> = pictures.collect().await;
            for (account, picture) in page.accounts.iter().zip(pictures) {
                self.write(account, picture?, keys)?;
                progress.inc(1);
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        progress.finish_and_clear();
        if self.options.format == Form::Django {
            let end: &[u8] = if self.accounts == 0 {
                b"[]\n"
            } else {
                b"\n]\n"
            };
            self.file.write_all(end)?;
        }
        self.file.flush()?;
        self.file.get_ref().file.sync_all()?;
        Ok(self.file.get_ref().sha256())
    }

    fn write(&mut self, account: &Account, picture: Picture, keys: &mut Keys) -> io::Result<()> {
        let hash = account.password_hash().filter(|_| self.options.with_hashes);
        let hash = match self.options.format {
            Form::Django => hash.and_then(django_hash),
            Form::Jsonl => hash.map(str::to_owned),
        };
        self.without_password += u64::from(hash.is_none());
        let avatar = match picture {
            Picture::None => String::new(),
            Picture::Missing => {
                self.missing_pictures += 1;
                String::new()
            }
            Picture::Exported(name) => {
                self.pictures += 1;
                name
            }
        };
        let user = &account.user;
        let name = |name: &Option<PersonName>| {
            let name = name.as_ref().map_or("", PersonName::as_str);
            Value::from(name)
        };
        // Django takes a text that begins like this for the mark of a password that cannot be used.
        let hash = hash.unwrap_or_else(|| format!("!{}", Uuid::new_v4().simple()));
        let fields = [
            ("uuid", user.uuid.to_string().into()),
            ("email", user.email.as_str().into()),
            ("username", user.username.as_str().into()),
            ("password", hash.into()),
            ("first_name", name(&user.first_name)),
            ("last_name", name(&user.last_name)),
            ("patronymic", name(&user.patronymic)),
            ("avatar", avatar.into()),
            ("is_active", (!user.disabled).into()),
        ];
        let fields = fields.into_iter();
        let fields: Map<_, _> = fields
            .map(|(ours, value)| (self.names.of(ours).to_owned(), value))
            .collect();
        let id = keys.of(user.uuid);
        let entry = match self.options.format {
            Form::Django => {
                let mut entry = Record::default().with("model", self.options.model.as_str());
                if let Some(id) = id {
                    entry = entry.with("pk", id);
                }
                let separator = if self.accounts == 0 { "[\n" } else { ",\n" };
                self.file.write_all(separator.as_bytes())?;
                serde_json::to_string(&entry.with("fields", fields))?
            }
            Form::Jsonl => {
                let mut fields = fields;
                if let Some(id) = id {
                    fields.insert(self.names.of("id").to_owned(), id);
                }
                serde_json::to_string(&fields)? + "\n"
            }
        };
        self.accounts += 1;
        self.file.write_all(entry.as_bytes())
    }

    fn report(&self, session: &Session, sha256: &str) -> Result<(), Failure> {
        let record = Record::default()
            .with("accounts", self.accounts)
            .with("without_password", self.without_password)
            .with("pictures", self.pictures)
            .with("pictures_missing", self.missing_pictures)
            .with("sha256", sha256);
        session.format.print(&record)?;
        match self.damaged {
            0 => Ok(()),
            damaged => Err(Failure::Refused(format!(
                "{damaged} profiles cannot be read and are not in the file: see `accounts-admin check`"
            ))),
        }
    }
}

/// The fate of an account's picture.
enum Picture {
    /// It has none, or none was wanted.
    None,
    /// The bucket does not have it.
    Missing,
    /// It is in the folder, with this name.
    Exported(String),
}

/// Writes the picture of `account` to `folder`.
async fn picture(
    session: &Session,
    folder: Option<&Path>,
    account: &Account,
) -> Result<Picture, Failure> {
    let (Some(folder), Some(key)) = (folder, &account.user.avatar) else {
        return Ok(Picture::None);
    };
    let Some(bytes) = avatars::read(session, key.as_str()).await? else {
        return Ok(Picture::Missing);
    };
    let name = format!("avatars/{}.webp", account.user.uuid);
    let path = folder.join(&name);
    let written = File::create_new(&path).and_then(|mut file| file.write_all(&bytes));
    written.with_context(|| format!("cannot make {}", path.display()))?;
    Ok(Picture::Exported(name))
}

/// Returns `stored` as Django writes it; `None` for a hash that it has no form for.
fn django_hash(stored: &str) -> Option<String> {
    if stored.starts_with("$argon2") {
        Some(format!("argon2{stored}"))
    } else if stored.starts_with("$2") {
        Some(format!("bcrypt${stored}"))
    } else {
        (!stored.starts_with('$')).then(|| stored.to_owned())
    }
}

/// Primary keys by uuid.
struct Keys {
    of: HashMap<Uuid, String>,
    /// The number after the largest; none where there are no keys, or none is a number.
    next: Option<u64>,
}

impl Keys {
    fn read(map: Option<&Path>) -> Result<Self, Failure> {
        let mut of = HashMap::new();
        let Some(map) = map else {
            return Ok(Self { of, next: None });
        };
        let context = || format!("cannot read {}", map.display());
        let mut rows = csv::Reader::from_path(map).with_context(context)?;
        for row in rows.deserialize() {
            let (id, uuid): (String, Uuid) = row.with_context(context)?;
            of.insert(uuid, id);
        }
        let numbers = of.values().filter_map(|id| id.parse::<u64>().ok());
        let next = numbers.max().map(|last| last + 1);
        Ok(Self { of, next })
    }

    /// Returns the primary key of `uuid`, perhaps a new one.
    fn of(&mut self, uuid: Uuid) -> Option<Value> {
        if let Some(id) = self.of.get(&uuid).filter(|id| !id.is_empty()) {
            let number = id.parse::<u64>().map(Value::from);
            return Some(number.unwrap_or_else(|_| Value::from(id.as_str())));
        }
        if let Some(next) = &mut self.next {
            *next += 1;
            return Some(Value::from(*next - 1));
        }
        (!self.of.is_empty()).then(|| Value::from(uuid.to_string()))
    }
}

/// A file, and the digest of what was written to it.
struct Digesting {
    file: File,
    digest: Context,
}

impl Digesting {
    fn sha256(&self) -> String {
        output::hex(self.digest.clone().finish().as_ref())
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_get_the_form_that_django_reads() {
        for (stored, django) in [
            (
                "$argon2id$v=19$m=1$s$h",
                Some("argon2$argon2id$v=19$m=1$s$h"),
            ),
            (
                "argon2$argon2i$v=19$m=1$s$h",
                Some("argon2$argon2i$v=19$m=1$s$h"),
            ),
            ("$2y$05$abc", Some("bcrypt$$2y$05$abc")),
            ("bcrypt_sha256$$2b$05$abc", Some("bcrypt_sha256$$2b$05$abc")),
            ("pbkdf2_sha256$1$s$h", Some("pbkdf2_sha256$1$s$h")),
            ("$pbkdf2-sha256$i=1$s$h", None),
        ] {
            assert_eq!(django_hash(stored).as_deref(), django, "{stored}");
        }
    }

    #[test]
    fn new_accounts_get_the_numbers_after_the_last_one() {
        let [known, new, newer] = [(); 3].map(|()| Uuid::new_v4());
        let of = HashMap::from([(known, "41".to_owned())]);
        let mut keys = Keys { of, next: Some(42) };

        assert_eq!(keys.of(new), Some(Value::from(42)));
        assert_eq!(keys.of(known), Some(Value::from(41)));
        assert_eq!(keys.of(newer), Some(Value::from(43)));
        assert_eq!(Keys::read(None).unwrap().of(new), None);
    }
}
