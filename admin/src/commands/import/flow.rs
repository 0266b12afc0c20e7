//! Reads the files and writes their accounts, many at once.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, anyhow};
use tokio::{
    signal,
    sync::mpsc,
    task::{self, JoinSet},
};

use super::{
    Options,
    bring::{Finished, Import, compare, keys_of},
    pace::{Pace, Progress, Rate},
    record::{Names, Record, Records},
    report::{Code, Line, Outcome, Problem, Report},
    source::{self, Enough, Models},
};
use crate::{accounts::Item, failure::Failure};

/// Accounts that are looked up at once: a `BatchGetItem` takes as many keys.
const CHUNK: usize = 100;

/// The end of an import.
#[derive(Debug)]
pub(super) struct Done {
    /// Why it stopped before the end of the files.
    pub(super) outcome: Result<(), Failure>,
    /// Accounts of which it is unknown whether they were written.
    pub(super) unknown: u64,
    pub(super) fields: BTreeMap<String, u64>,
    pub(super) models: BTreeMap<String, u64>,
}

/// Reads the files from their beginning and writes their accounts, many at once. Two entries that want
/// the same come one after the other, in the order of the files.
pub(super) async fn read_all(
    import: Arc<Import>,
    options: &Options,
    names: &Names,
    report: &mut Report,
) -> Result<Done, Failure> {
    let sizes = options.files.iter().map(|file| {
        let size = fs::metadata(file).map(|metadata| metadata.len());
        size.with_context(|| format!("cannot read {}", file.display()))
    });
    let mut progress = Progress::new(sizes.sum::<Result<_, _>>()?);
    let (sender, mut chunks) = mpsc::channel(1);
    let reader = Reader {
        files: options.files.clone(),
        read: progress.read.clone(),
        records: Records::new(names.clone()),
        models: Models {
            wanted: options.model.clone(),
            marks: ["email", "password"].map(|field| names.of(field).to_owned()),
            left_out: BTreeMap::new(),
        },
        sender,
    };
    let reader = task::spawn_blocking(|| reader.run());
    let interrupted = Arc::new(AtomicBool::new(false));
    let interrupt = task::spawn({
        let interrupted = interrupted.clone();
        async move {
            if signal::ctrl_c().await.is_ok() {
                interrupted.store(true, Ordering::Relaxed);
            }
        }
    });
    let mut writing = Writing {
        import,
        report,
        tasks: JoinSet::new(),
        busy: HashSet::new(),
        pace: Pace::new(),
        rate: options.rate.map(Rate::new),
        unknown: 0,
    };
    let mut outcome = Ok(());
    while let Some(chunk) = chunks.recv().await {
        outcome = writing.write(chunk, &interrupted, &mut progress).await;
        if outcome.is_err() {
            break;
        }
    }
    // The reader stops at what nobody receives.
    drop(chunks);
    // Transactions that have begun come to their end.
    while !writing.tasks.is_empty() {
        let ended = writing.end_one().await;
        outcome = outcome.and(ended);
    }
    interrupt.abort();
    progress.finish();
    let unknown = writing.unknown;
    let (fields, models, read) = reader.await.map_err(anyhow::Error::from)?;
    let read = read.map_err(|error| Failure::from(anyhow::Error::from(error)));
    Ok(Done {
        outcome: outcome
            .and(read)
            .map_err(|cause| Failure::Stopped(Box::new(cause))),
        unknown,
        fields,
        models,
    })
}

/// Reads the files on a thread of its own, a little ahead of the transactions.
struct Reader {
    files: Vec<PathBuf>,
    read: Arc<AtomicU64>,
    records: Records,
    models: Models,
    sender: mpsc::Sender<Vec<Record>>,
}

type Read = (
    BTreeMap<String, u64>,
    BTreeMap<String, u64>,
    Result<(), source::SourceError>,
);

impl Reader {
    fn run(mut self) -> Read {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut outcome = Ok(());
        for (number, file) in self.files.iter().enumerate() {
            outcome = source::read(
                file,
                number,
                &mut self.models,
                &self.read,
                |place, entry| {
                    chunk.push(self.records.read(place, entry));
                    if chunk.len() < CHUNK {
                        return Ok(());
                    }
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                    self.sender.blocking_send(full).map_err(|_| Enough)
                },
            );
            if outcome.is_err() {
                break;
            }
        }
        // Nobody receives it after a failure.
        let _ = self.sender.blocking_send(chunk);
        (self.records.into_left_out(), self.models.left_out, outcome)
    }
}

/// The transactions under way.
struct Writing<'a> {
    import: Arc<Import>,
    report: &'a mut Report,
    tasks: JoinSet<(Vec<String>, Result<Finished, Failure>)>,
    /// The identities and log-ins of the transactions under way.
    busy: HashSet<String>,
    pace: Pace,
    rate: Option<Rate>,
    unknown: u64,
}

impl Writing<'_> {
    /// Looks up the accounts of `chunk` and begins to write those that are new.
    async fn write(
        &mut self,
        chunk: Vec<Record>,
        interrupted: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let (mut stored, erased) = self.import.look_up(&chunk).await?;
        for record in chunk {
            if interrupted.load(Ordering::Relaxed) {
                return Err(anyhow!("interrupted").into());
            }
            progress.at(self.report.read);
            let uuid = record.account.as_ref().map(|account| account.uuid);
            let stored = uuid.and_then(|uuid| stored.remove(&uuid.to_string()));
            let is_erased = uuid.is_some_and(|uuid| erased.contains(&uuid));
            self.write_one(record, stored, is_erased).await?;
        }
        Ok(())
    }

    async fn write_one(
        &mut self,
        record: Record,
        stored: Option<Item>,
        is_erased: bool,
    ) -> Result<(), Failure> {
        let keys = record.account.as_ref().map(keys_of).unwrap_or_default();
        while self.tasks.len() >= self.pace.at_once() || self.is_busy(&keys) {
            self.end_one().await?;
        }
        self.report.read += 1;
        let Record {
            place,
            id,
            uuid,
            account,
            picture,
            hash_kind,
            problems,
        } = record;
        let mut line = Line {
            place,
            id,
            uuid,
            outcome: Outcome::Skipped,
            has_picture: false,
            hash_kind,
            problems,
        };
        let Some(account) = account else {
            line.outcome = Outcome::Rejected;
            return self.report.end(&line);
        };
        if is_erased {
            line.problems = vec![Problem::new(Code::Erased)];
            return self.report.end(&line);
        }
        if let Some(stored) = &stored
            && !self
                .import
                .is_to_update(stored, &account, picture.as_deref())
        {
            compare(stored, &account, &mut line);
            return self.report.end(&line);
        }
        if let Some(rate) = &mut self.rate {
            rate.wait().await;
        }
        self.busy.extend(keys.iter().cloned());
        let import = self.import.clone();
        self.tasks.spawn(async move {
            let finished = match stored {
                None => import.create(account, picture, line).await,
                Some(stored) => import.update(stored, account, picture, line).await,
            };
            (keys.into(), finished)
        });
        Ok(())
    }

    fn is_busy(&self, keys: &[String]) -> bool {
        keys.iter().any(|key| self.busy.contains(key))
    }

    /// Waits for a transaction and notes what became of its entry.
    async fn end_one(&mut self) -> Result<(), Failure> {
        let Some(ended) = self.tasks.join_next().await else {
            return Ok(());
        };
        match ended.map_err(|panic| Failure::from(anyhow::Error::from(panic))) {
            Ok((keys, Ok(finished))) => {
                for key in keys {
                    self.busy.remove(&key);
                }
                self.pace.learn(finished.throttled > 0, Instant::now());
                self.report.end(&finished.line)
            }
            Ok((_, Err(failure))) | Err(failure) => {
                self.unknown += 1;
                Err(failure)
            }
        }
    }
}
