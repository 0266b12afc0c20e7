//! Makes accounts of entries, by the rules of stored accounts.

use std::collections::{BTreeMap, HashMap};

use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use serde_json::Value;
use shared::user::{Email, HashRefusal, PasswordHash, PersonName, Username};
use uuid::{Builder, Uuid};

use super::{
    report::{Code, Problem},
    source::{Entry, Fields, Place},
};
use crate::{
    accounts::{Incoming, Original},
    failure::Failure,
};

/// The fields that are read. The last one stands in for the one before it.
pub(super) const FIELDS: [&str; 11] = [
    "id",
    "uuid",
    "email",
    "username",
    "password",
    "first_name",
    "last_name",
    "avatar",
    "is_active",
    "patronymic",
    "middle_name",
];

/// The namespace of the uuids that are made of primary keys (RFC 9562, section 5.5). It never changes, so
/// that every import of an account makes the same uuid.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_5e5d_9d1b_4b0e_8a57_31c4_2f77_a9d2);

/// An entry that was read.
#[derive(Debug)]
pub(super) struct Record {
    /// Where it is.
    pub place: Place,
    /// Its primary key, or `null`.
    pub id: Value,
    /// Its uuid; none for an entry that cannot be read as far as that.
    pub uuid: Option<Uuid>,
    /// Its account; none where it cannot become one.
    pub account: Option<Incoming>,
    /// The picture's name below Django's `MEDIA_ROOT`.
    pub picture: Option<String>,
    /// The kind of its hash, by Django's name.
    pub hash_kind: Option<String>,
    /// Why it does not come, or what does not come with it.
    pub problems: Vec<Problem>,
}

/// Names of fields in a file, by the names that are read.
#[derive(Clone, Debug)]
pub(crate) struct Names(HashMap<&'static str, String>);

impl Names {
    /// Reads `OURS=THEIRS`.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`]: one has another form, or names a field that is not read.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut names = HashMap::new();
        for argument in arguments {
            let pair = argument.split_once('=').and_then(|(ours, theirs)| {
                let ours = FIELDS.into_iter().find(|field| *field == ours)?;
                (!theirs.is_empty()).then(|| (ours, theirs.to_owned()))
            });
            let (ours, theirs) = pair.ok_or_else(|| {
                let fields = FIELDS.join(", ");
                Failure::Usage(format!("--field {argument}: OURS=THEIRS, OURS of {fields}"))
            })?;
            names.insert(ours, theirs);
        }
        Ok(Self(names))
    }

    /// The name of the field `ours` in the files.
    pub(crate) fn of(&self, ours: &'static str) -> &str {
        self.0.get(ours).map_or(ours, String::as_str)
    }
}

/// Makes records of entries, and counts the fields that it does not read.
#[derive(Debug)]
pub(super) struct Records {
    names: Names,
    left_out: BTreeMap<String, u64>,
}

impl Records {
    pub(super) fn new(names: Names) -> Self {
        Self {
            names,
            left_out: BTreeMap::new(),
        }
    }

    /// Returns how many entries had each field that was not read.
    pub(super) fn into_left_out(self) -> BTreeMap<String, u64> {
        self.left_out
    }

    /// Makes a record of `entry`.
    pub(super) fn read(&mut self, place: Place, entry: Entry) -> Record {
        let mut record = Record {
            place,
            id: entry.id,
            uuid: None,
            account: None,
            picture: None,
            hash_kind: None,
            problems: Vec::new(),
        };
        let Some(mut fields) = entry.fields else {
            record.problems.push(Problem::new(Code::RecordMalformed));
            return record;
        };
        match self.take(&mut fields, entry.model.as_deref(), &mut record) {
            Ok(account) => record.account = Some(account),
            Err(problem) => record.problems.push(problem),
        }
        for (field, value) in fields {
            // An empty field says nothing.
            if !value.is_null() {
                *self.left_out.entry(field).or_default() += 1;
            }
        }
        record
    }

    /// Takes the fields of an account out of `fields`.
    fn take(
        &self,
        fields: &mut Fields,
        model: Option<&str>,
        record: &mut Record,
    ) -> Result<Incoming, Problem> {
        // All before the first problem, so that none counts as one that is not read.
        let [
            id,
            uuid,
            email,
            username,
            password,
            first_name,
            last_name,
            avatar,
            is_active,
            patronymic,
            middle_name,
        ] = FIELDS.map(|field| {
            (
                field,
                fields.remove(self.names.of(field)).unwrap_or_default(),
            )
        });
        let said = [
            &uuid,
            &email,
            &username,
            &password,
            &first_name,
            &last_name,
            &avatar,
            &is_active,
            &patronymic,
            &middle_name,
        ];
        let original = Original::of(said.map(|(name, value)| (*name, value.to_string())).into());
        if record.id.is_null() {
            record.id = id.1;
        }
        let typed_email = text(email)?;
        let typed_username = text(username)?;
        let uuid = match text(uuid)? {
            Some(uuid) => Uuid::try_parse(&uuid).map_err(|_| invalid("uuid"))?,
            None => {
                let natural = typed_username.as_deref().or(typed_email.as_deref());
                derive_uuid(model, &record.id, natural)
            }
        };
        record.uuid = Some(uuid);
        let email = match typed_email.as_deref().map(str::trim) {
            None | Some("") => return Err(Problem::new(Code::EmailMissing)),
            Some(email) => Email::parse(email).map_err(|_| Problem::new(Code::EmailInvalid))?,
        };
        let disabled = !is_true(is_active)?;
        let password_hash = match text(password) {
            Ok(hash) => read_hash(hash.as_deref().unwrap_or_default(), record),
            Err(_) => read_hash("?", record),
        };
        record.picture = text(avatar)?;
        let problems = &mut record.problems;
        let patronymic = if patronymic.1.is_null() {
            middle_name
        } else {
            patronymic
        };
        let names = [
            (first_name, Code::FirstNameInvalid),
            (last_name, Code::LastNameInvalid),
            (patronymic, Code::PatronymicInvalid),
        ];
        let [first_name, last_name, patronymic] = names.map(|(field, code)| {
            let name = text(field).and_then(|name| {
                let name = name.unwrap_or_default();
                PersonName::parse(&name).map_err(|_| Problem::new(code))
            });
            name.unwrap_or_else(|_| {
                problems.push(Problem::new(code));
                None
            })
        });
        let (username, is_username_made_up) =
            read_username(typed_username.as_deref(), &email, problems);
        Ok(Incoming {
            uuid,
            email,
            username,
            is_username_made_up,
            first_name,
            last_name,
            patronymic,
            avatar: None,
            disabled,
            password_hash,
            original,
        })
    }
}

/// Returns the username of an account, or one that is made up, and whether it is.
fn read_username(
    typed: Option<&str>,
    email: &Email,
    problems: &mut Vec<Problem>,
) -> (Username, bool) {
    let Some(typed) = typed else {
        return (Username::suggest(email, 0), true);
    };
    let Ok(username) = Username::parse_stored(typed) else {
        problems.push(Problem::new(Code::UsernameInvalid));
        // With a suffix, because an account further on may have the name without one.
        return (Username::resembling(typed, 1), true);
    };
    let is_other = |address: Email| address.key() != email.key();
    if typed.contains('@') && Email::parse(typed).map_or(true, is_other) {
        problems.push(Problem::new(Code::UsernameIsNoLogin));
    }
    (username, false)
}

/// Returns the hash, if a log-in can verify it.
fn read_hash(stored: &str, record: &mut Record) -> Option<PasswordHash> {
    let refusal = match PasswordHash::parse(stored) {
        Ok(hash) => {
            record.hash_kind = Some(hash.algorithm().to_owned());
            return Some(hash);
        }
        Err(_) if stored.is_empty() => Code::PasswordEmpty,
        Err(_) if stored.starts_with('!') => Code::PasswordUnusable,
        Err(HashRefusal::Unknown) => Code::PasswordUnknown,
        Err(HashRefusal::Weak) => Code::PasswordWeak,
        Err(HashRefusal::TooCostly) => Code::PasswordTooCostly,
    };
    record.problems.push(Problem::new(refusal));
    None
}

/// The text of a field; none for an empty one.
fn text((field, value): (&'static str, Value)) -> Result<Option<String>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok((!text.is_empty()).then_some(text)),
        // A telephone number as a username, for example.
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(invalid(field)),
    }
}

/// Whether an account is active; one that does not say so is.
fn is_true((field, value): (&'static str, Value)) -> Result<bool, Problem> {
    match value {
        Value::Null => Ok(true),
        Value::Bool(value) => Ok(value),
        // MySQL stores a boolean as 0 or 1.
        Value::Number(number) if number.as_u64() == Some(0) => Ok(false),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(true),
        _ => Err(invalid(field)),
    }
}

fn invalid(field: &'static str) -> Problem {
    Problem::new(Code::FieldInvalid).about(field)
}

/// Returns the uuid of an entry without one: its primary key if that is a uuid, or the one that is made
/// of it or, without a primary key, of its username or address.
fn derive_uuid(model: Option<&str>, id: &Value, natural: Option<&str>) -> Uuid {
    let id = match id {
        Value::String(id) => {
            if let Ok(uuid) = Uuid::try_parse(id) {
                return uuid;
            }
            Some(id.clone())
        }
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    let name = match id {
        Some(id) => format!("id:{id}"),
        None => format!("natural:{}", natural.unwrap_or_default()),
    };
    let mut hash = digest::Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(NAMESPACE.as_bytes());
    hash.update(model.unwrap_or_default().as_bytes());
    hash.update(b"/");
    hash.update(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finish().as_ref()[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Record {
        read_model(None, value)
    }

    fn read_model(model: Option<&str>, value: &Value) -> Record {
        let place = Place { file: 0, line: 1 };
        let entry = Entry {
            model: model.map(str::to_owned),
            id: Value::Null,
            fields: value.as_object().cloned(),
        };
        Records::new(Names::parse(&[]).unwrap()).read(place, entry)
    }

    fn codes(record: &Record) -> Vec<&'static str> {
        let problems = record.problems.iter();
        problems.map(|problem| problem.code.name()).collect()
    }

    #[test]
    fn a_uuid_is_kept_or_made_of_the_primary_key() {
        let uuid = Uuid::new_v4();
        let of = |model, id: Value| {
            let fields = json!({ "id": id, "email": "ada@test.com", "username": "ada" });
            read_model(model, &fields).account.unwrap().uuid
        };

        let kept = read(&json!({ "id": 1, "uuid": uuid, "email": "ada@test.com" }));
        assert_eq!(kept.account.unwrap().uuid, uuid);
        assert_eq!(of(None, json!(uuid)), uuid);
        assert_eq!(
            of(Some("accounts.user"), json!(1)).to_string(),
            "e7e29b79-8182-5907-82e5-239086593fe5"
        );
        assert_eq!(of(None, json!(1)), of(None, json!("1")));
        assert_ne!(of(None, json!(1)), of(Some("accounts.user"), json!(1)));
        assert_eq!(of(None, Value::Null), of(None, Value::Null));
        assert_ne!(of(None, json!("ada")), of(None, Value::Null));
    }

    #[test]
    fn an_account_is_rejected_for_what_it_cannot_be_without() {
        for (fields, code) in [
            (json!("ada"), "record_malformed"),
            (json!({ "username": "ada" }), "email_missing"),
            (json!({ "email": " " }), "email_missing"),
            (json!({ "email": "ada@localhost" }), "email_invalid"),
            (json!({ "email": ["ada@test.com"] }), "field_invalid"),
            (
                json!({ "email": "ada@test.com", "uuid": "1" }),
                "field_invalid",
            ),
            (
                json!({ "email": "ada@test.com", "is_active": "no" }),
                "field_invalid",
            ),
        ] {
            let record = read(&fields);

            assert!(record.account.is_none(), "{fields}");
            assert_eq!(codes(&record), [code], "{fields}");
        }
    }

    #[test]
    fn an_account_comes_without_what_cannot_be_taken_over() {
        let record = read(&json!({
            "email": "Ada@Test.com",
            "username": "ada lovelace",
            "password": "md5$salt$8c7bcb2a6a7bcb2a6a7bcb2a6a7bcb2a",
            "first_name": "a\u{0}b",
            "last_name": " Lovelace ",
            "middle_name": "Гордоновна",
            "is_active": 0,
            "avatar": "",
        }));

        let account = record.account.as_ref().unwrap();
        assert_eq!(
            codes(&record),
            ["password_weak", "first_name_invalid", "username_invalid"]
        );
        assert_eq!(account.email.as_str(), "Ada@Test.com");
        assert!(account.username.as_str().starts_with("adalovelace-"));
        assert_eq!(account.first_name, None);
        assert_eq!(account.last_name.as_ref().unwrap().as_str(), "Lovelace");
        assert_eq!(account.patronymic.as_ref().unwrap().as_str(), "Гордоновна");
        assert!(account.disabled);
        assert_eq!(account.password_hash, None);
        assert_eq!(record.picture, None);
    }

    #[test]
    fn a_username_with_an_at_sign_is_kept_and_reported_unless_it_is_the_own_address() {
        for (username, problems) in [
            ("ada@test.com", &[][..]),
            ("ADA@Test.com", &[]),
            ("bob@test.com", &["username_no_login"]),
            ("ada@", &["username_no_login"]),
        ] {
            let fields = json!({
                "email": "ada@test.com",
                "username": username,
                "password": "pbkdf2_sha256$1$s$FBPfNdbPUEmLrXzM9inq71KT1RGSiasUjlTUqENeoBE=",
            });
            let record = read(&fields);

            assert_eq!(record.account.as_ref().unwrap().username.as_str(), username);
            assert_eq!(codes(&record), problems, "{username}");
        }
    }

    #[test]
    fn fields_may_have_other_names_and_the_rest_is_counted() {
        let names = ["avatar=photo", "id=number", "patronymic=second_name"];
        let names = Names::parse(&names.map(str::to_owned)).unwrap();
        let mut records = Records::new(names);
        let fields = json!({
            "number": 7,
            "email": "ada@test.com",
            "photo": "avatars/1.png",
            "second_name": "B",
            "date_joined": "2020-01-01",
            "groups": [1],
            "last_login": null,
        });
        let entry = Entry {
            model: None,
            id: Value::Null,
            fields: fields.as_object().cloned(),
        };

        let record = records.read(Place { file: 0, line: 1 }, entry);

        assert_eq!(record.id, 7);
        assert_eq!(record.picture.as_deref(), Some("avatars/1.png"));
        assert_eq!(record.account.unwrap().patronymic.unwrap().as_str(), "B");
        let left_out = records.into_left_out();
        let left_out: Vec<_> = left_out
            .iter()
            .map(|(name, count)| (&**name, *count))
            .collect();
        assert_eq!(left_out, [("date_joined", 1), ("groups", 1)]);
        for wrong in ["photo", "photo=avatar", "avatar="] {
            assert!(Names::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
