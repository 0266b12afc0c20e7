use std::{
    collections::VecDeque,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, Salt},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task,
};

use super::Password;

/// What is stored of a password: a PHC string of Argon2.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(argon2::PasswordHash);

impl PasswordHash {
    /// Parses a stored hash, or returns `None` if it is no PHC string of Argon2.
    pub fn parse(raw: &str) -> Option<Self> {
        let hash = argon2::PasswordHash::new(raw).ok()?;
        let is_argon2 = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
        (is_argon2 && hash.salt.is_some() && hash.hash.is_some()).then_some(Self(hash))
    }

    /// The PHC string.
    pub fn to_phc_string(&self) -> String {
        self.0.to_string()
    }

    /// Whether it was made with today's algorithm and parameters.
    fn is_current(&self) -> bool {
        self.0.algorithm == argon2::ARGON2ID_IDENT
            && self.0.version == Some(Version::V0x13.into())
            && self
                .0
                .hash
                .as_ref()
                .is_some_and(|hash| hash.len() == Params::DEFAULT_OUTPUT_LEN)
            && Params::try_from(&self.0).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            })
    }
}

/// Redacted.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// Argon2id with m = 19 MiB, t = 2, p = 1: the first choice of OWASP's Password Storage Cheat
/// Sheet that still fits a small function.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of a random password that nobody kept, with today's parameters.
///
/// It is verified where there is no account, so that an unknown login takes as long as a wrong
/// password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$1MvhMJGUg2xkg22QzLoYpg$jvPR+5bFtUAq9k/jN7EgzxuQO0JnYvY4ffO+qzKyQdM";

/// Hashes and verifies passwords, off the runtime's reactor.
///
/// At most as many at a time as there are processors: more would only share them, at 19 MiB each.
/// A function on Lambda has one request at a time, and so never a queue.
#[derive(Debug)]
pub struct Hasher {
    places: Arc<Semaphore>,
    queue: Arc<Queue>,
}

/// How many passwords may wait for each processor: one or two seconds of work. Who comes later would
/// only be served when most clients have given up.
const PLACES: usize = 64;

impl Default for Hasher {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new(processors * (1 + PLACES))),
            queue: Arc::new(Queue::new(processors)),
        }
    }
}

impl Hasher {
    /// Takes a place in the queue for one password.
    ///
    /// # Errors
    ///
    /// Fails if the queue is full.
    pub fn place(&self) -> Result<Place, HashError> {
        let permit = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| HashError::Overloaded)?;
        Ok(Place {
            queue: Arc::clone(&self.queue),
            permit,
        })
    }

    /// How often Argon2 has run.
    pub fn runs(&self) -> u64 {
        self.queue.argon2.runs.load(Ordering::Relaxed)
    }
}

/// A place in the queue of a [`Hasher`].
#[derive(Debug)]
pub struct Place {
    queue: Arc<Queue>,
    permit: OwnedSemaphorePermit,
}

impl Place {
    /// Hashes `password` with a new salt. One run of Argon2.
    ///
    /// # Errors
    ///
    /// Fails if memory or randomness ran out.
    pub async fn hash(self, password: Password) -> Result<PasswordHash, HashError> {
        self.run(move |argon2| argon2.hash(&password)).await
    }

    /// Tells whether `password` is the one of `hash`. One run of Argon2, whatever is missing, and
    /// a second one only where the password is right and its hash is outdated.
    ///
    /// # Errors
    ///
    /// Fails if memory or randomness ran out.
    pub async fn verify(
        self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        self.run(move |argon2| {
            let (Some(password), Some(stored)) = (password, stored) else {
                let nobody = argon2::PasswordHash::new(NOBODY).map(PasswordHash)?;
                argon2.is_password_of(b"", &nobody)?;
                return Ok(Verdict::Wrong);
            };
            match argon2.is_password_of(password.expose_bytes(), &stored)? {
                false => Ok(Verdict::Wrong),
                true if stored.is_current() => Ok(Verdict::Right),
                true => Ok(Verdict::Outdated(Box::new(argon2.hash(&password)?))),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&CountedArgon2) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let Self { queue, permit } = self;
        let (sender, answer) = oneshot::channel();
        queue.push(Box::new(move |argon2| {
            // Nobody waits any more if the request was cancelled.
            if !sender.is_closed() {
                let outcome = work(argon2);
                drop(permit);
                let _ = sender.send(outcome);
            }
        }));
        answer.await.map_err(|_| HashError::Stopped)?
    }
}

type Job = Box<dyn FnOnce(&CountedArgon2) + Send>;

/// What is to be hashed, first come, first served.
///
/// A thread that is done takes the next job itself: its processor need not wait until the reactor,
/// which shares the processors with the hashing, gets to hand it out.
#[derive(Debug)]
struct Queue {
    argon2: CountedArgon2,
    state: Mutex<QueueState>,
}

struct QueueState {
    jobs: VecDeque<Job>,
    /// How many processors have no thread that hashes.
    free_processors: usize,
}

impl Queue {
    fn new(processors: usize) -> Self {
        Self {
            argon2: CountedArgon2::default(),
            state: Mutex::new(QueueState {
                jobs: VecDeque::new(),
                free_processors: processors,
            }),
        }
    }

    fn push(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        state.jobs.push_back(job);
        if state.free_processors == 0 {
            return;
        }
        let queue = Arc::clone(self);
        // A panic if the operating system gives no thread, and then the processor stays free.
        task::spawn_blocking(move || {
            while let Some(job) = queue.next() {
                // A panic drops the sender, and so is an error for who waits; the others go on.
                let _ = panic::catch_unwind(AssertUnwindSafe(|| job(&queue.argon2)));
            }
        });
        state.free_processors -= 1;
    }

    /// The next job, or none: the thread that asks ends then.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        let job = state.jobs.pop_front();
        if job.is_none() {
            state.free_processors += 1;
        }
        job
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the jobs.
impl fmt::Debug for QueueState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("QueueState")
            .field("free_processors", &self.free_processors)
            .finish_non_exhaustive()
    }
}

/// Argon2, and how often it has run.
#[derive(Default)]
struct CountedArgon2 {
    runs: AtomicU64,
    /// The memory of runs that have ended, at most one for each processor. If every run allocated
    /// its own, on threads that come and go, the allocator's heaps would grow to many times that.
    idle: Mutex<Vec<Vec<Block>>>,
}

impl CountedArgon2 {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let salt = Salt::new(&password_hash::try_generate_salt()?)?;
        let output = self.run(&argon2, password.expose_bytes(), &salt)?;
        Ok(PasswordHash(argon2::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: argon2.params().try_into()?,
            salt: Some(salt),
            hash: Some(output),
        }))
    }

    fn is_password_of(&self, password: &[u8], hash: &PasswordHash) -> Result<bool, HashError> {
        let hash = &hash.0;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        let version = hash.version.map(Version::try_from).transpose()?;
        let params = Params::try_from(hash)?;
        let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params);
        let salt = hash.salt.as_deref().unwrap_or_default();
        let output = self.run(&argon2, password, salt)?;
        // The comparison takes the same time wherever they differ.
        Ok(hash.hash == Some(output))
    }

    fn run(&self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<Output, HashError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let params = argon2.params();
        let mut memory = self.idle().pop().unwrap_or_default();
        memory.resize(params.block_count(), Block::new());
        let mut output = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = &mut output[..length.min(Output::MAX_LENGTH)];
        argon2.hash_password_into_with_memory(password, salt, output, &mut memory)?;
        if params.m_cost() == MEMORY_KIB {
            self.idle().push(memory);
        }
        Ok(Output::new(output)?)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the memory, whose content comes from passwords.
impl fmt::Debug for CountedArgon2 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CountedArgon2")
            .field("runs", &self.runs)
            .finish_non_exhaustive()
    }
}

/// What [`Place::verify`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password, or there is none to compare with.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, but its hash was made with other parameters: this one should replace it.
    Outdated(Box<PasswordHash>),
}

/// Why Argon2 gave no answer. None of it depends on the password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More passwords wait than the processors can hash in a reasonable time.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The parameters cannot be used.
    #[error("Argon2 refused its parameters")]
    Parameters(#[from] argon2::Error),
    /// Hashing or verifying failed.
    #[error("Argon2 failed")]
    Failed(#[from] password_hash::Error),
    /// The stored hash is no PHC string.
    #[error("the stored hash is malformed")]
    Malformed(#[from] password_hash::phc::Error),
    /// The operating system gave no random numbers.
    #[error("no salt could be made")]
    Salt(#[from] getrandom::Error),
    /// Hashing panicked.
    #[error("the hashing stopped early")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher as _;
    use futures_util::FutureExt as _;
    use tokio::sync::broadcast;

    use super::*;

    fn password(raw: &str) -> Option<Password> {
        Password::parse(raw).ok()
    }

    async fn hash(hasher: &Hasher, raw: &str) -> PasswordHash {
        let password = password(raw).unwrap();
        hasher.place().unwrap().hash(password).await.unwrap()
    }

    #[tokio::test]
    async fn verifies_what_it_hashed() {
        let hasher = Hasher::default();
        let hash = hash(&hasher, "12345").await;

        let parsed = PasswordHash::parse(&hash.to_phc_string());

        assert_eq!(parsed, Some(hash));
        assert_eq!(
            hasher
                .place()
                .unwrap()
                .verify(password("12345"), parsed.clone())
                .await
                .unwrap(),
            Verdict::Right
        );
        assert_eq!(
            hasher
                .place()
                .unwrap()
                .verify(password("12346"), parsed)
                .await
                .unwrap(),
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn runs_once_whatever_is_missing() {
        let hasher = Hasher::default();
        let hash = hash(&hasher, "12345").await;
        let before = hasher.runs();

        for (password, hash) in [
            (password("wrong"), Some(hash.clone())),
            (password("wrong"), None),
            (None, Some(hash)),
            (None, None),
        ] {
            assert_eq!(
                hasher
                    .place()
                    .unwrap()
                    .verify(password, hash)
                    .await
                    .unwrap(),
                Verdict::Wrong
            );
        }

        assert_eq!(hasher.runs() - before, 4);
    }

    #[tokio::test]
    async fn replaces_a_hash_with_other_parameters() {
        let hasher = Hasher::default();
        for (algorithm, memory_kib) in [(Algorithm::Argon2id, 8), (Algorithm::Argon2i, MEMORY_KIB)]
        {
            let params = Params::new(memory_kib, PASSES, LANES, None).unwrap();
            let imported = Argon2::new(algorithm, Version::V0x13, params)
                .hash_password(b"12345")
                .unwrap();
            let imported = PasswordHash::parse(&imported.to_string());

            let verdict = hasher
                .place()
                .unwrap()
                .verify(password("12345"), imported)
                .await
                .unwrap();

            let Verdict::Outdated(replacement) = verdict else {
                panic!("{verdict:?}")
            };
            assert!(replacement.is_current());
            assert_eq!(
                hasher
                    .place()
                    .unwrap()
                    .verify(password("12345"), Some(*replacement))
                    .await
                    .unwrap(),
                Verdict::Right
            );
        }
    }

    #[tokio::test]
    async fn turns_away_who_finds_the_queue_full() {
        let hasher = Hasher::default();
        let mut places: Vec<_> = std::iter::from_fn(|| hasher.place().ok()).collect();

        let refusal = hasher.place().unwrap_err();

        assert!(matches!(refusal, HashError::Overloaded), "{refusal}");
        // Whoever has a place is served, and leaves it to somebody else.
        let verdict = places.pop().unwrap().verify(None, None).await.unwrap();
        assert_eq!(verdict, Verdict::Wrong);
        assert!(hasher.place().is_ok());
    }

    #[tokio::test]
    async fn hashes_nothing_for_who_no_longer_waits() {
        let hasher = Hasher::default();
        let processors = hasher.queue.state().free_processors;
        // Each processor has a job that ends with the sender.
        let (sender, _) = broadcast::channel::<()>(1);
        let busy: Vec<_> = (0..processors)
            .map(|_| {
                let mut receiver = sender.subscribe();
                tokio::spawn(hasher.place().unwrap().run(move |_| {
                    let _ = receiver.blocking_recv();
                    Ok(())
                }))
            })
            .collect();
        task::yield_now().await;
        let cancelled = hasher.place().unwrap().verify(None, None);
        assert!(cancelled.now_or_never().is_none());

        drop(sender);
        let verdict = hasher.place().unwrap().verify(None, None).await.unwrap();

        assert_eq!((verdict, hasher.runs()), (Verdict::Wrong, 1));
        for job in busy {
            job.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_panic_costs_no_processor() {
        let hasher = Hasher::default();
        let processors = hasher.queue.state().free_processors;
        for _ in 0..=processors {
            let panic = hasher.place().unwrap().run(|_| -> Result<(), _> {
                // Without a message on standard error.
                panic::resume_unwind(Box::new(()))
            });
            assert!(matches!(panic.await, Err(HashError::Stopped)));
        }

        let verdict = hasher.place().unwrap().verify(None, None).await.unwrap();

        assert_eq!(verdict, Verdict::Wrong);
    }

    #[test]
    fn nobodys_hash_costs_what_a_new_one_costs() {
        assert!(PasswordHash::parse(NOBODY).unwrap().is_current());
    }

    #[test]
    fn nothing_but_argon2_parses() {
        for raw in [
            "",
            "12345",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        ] {
            assert_eq!(PasswordHash::parse(raw), None, "{raw}");
        }
    }
}
