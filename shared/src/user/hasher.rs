use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, Salt},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

use super::{
    Password, PasswordHash,
    password_hash::{LANES, MEMORY_KIB, PASSES, Scheme},
};

/// The hash of a random password that nobody kept, with today's parameters.
///
/// A log-in without an account verifies it, so that an unknown login takes as long as a wrong
/// password.
const UNKNOWN_USER_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$1MvhMJGUg2xkg22QzLoYpg$jvPR+5bFtUAq9k/jN7EgzxuQO0JnYvY4ffO+qzKyQdM";

/// Hashes and verifies passwords on blocking threads.
///
/// At most one per processor runs at a time: each needs 19 MiB and a whole core. A function on Lambda
/// has one request at a time, so there the limit is never reached; it protects `cargo dev`.
#[derive(Debug)]
pub struct Hasher {
    /// One permit per request that hashes or waits for a processor.
    slots: Arc<Semaphore>,
    processors: Arc<Semaphore>,
    argon2: Arc<CountedArgon2>,
}

/// Maximum number of requests that wait for each processor: about two seconds of work. Most clients
/// of a later request would have given up before its turn.
const WAITING: usize = 64;

impl Default for Hasher {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            slots: Arc::new(Semaphore::new(processors * (1 + WAITING))),
            processors: Arc::new(Semaphore::new(processors)),
            argon2: Arc::default(),
        }
    }
}

impl Hasher {
    /// Reserves the right to hash or verify one password.
    ///
    /// # Errors
    ///
    /// - [`HashError::Overloaded`]: too many other requests hash or wait.
    pub fn reserve(&self) -> Result<Slot, HashError> {
        let permit = Arc::clone(&self.slots)
            .try_acquire_owned()
            .map_err(|_| HashError::Overloaded)?;
        Ok(Slot {
            permit,
            processors: Arc::clone(&self.processors),
            argon2: Arc::clone(&self.argon2),
        })
    }

    /// Number of Argon2 runs so far. For tests.
    pub fn runs(&self) -> u64 {
        self.argon2.runs.load(Ordering::Relaxed)
    }
}

/// The right to hash or verify one password.
#[derive(Debug)]
pub struct Slot {
    permit: OwnedSemaphorePermit,
    processors: Arc<Semaphore>,
    argon2: Arc<CountedArgon2>,
}

impl Slot {
    /// Hashes `password` with a new salt. One run of Argon2.
    ///
    /// # Errors
    ///
    /// Any [`HashError`] but [`HashError::Overloaded`].
    pub async fn hash(self, password: Password) -> Result<PasswordHash, HashError> {
        self.run(move |argon2| argon2.hash(&password)).await
    }

    /// Compares `password` with `stored`. One run of Argon2, even if either is missing, and a second
    /// one only if the password is right and its hash is outdated.
    ///
    /// A hash that another system has made is compared with the password as typed, in NFC and
    /// trimmed, one after the other and each only if it differs: other systems do not normalize, and
    /// some trim.
    ///
    /// # Errors
    ///
    /// Any [`HashError`] but [`HashError::Overloaded`].
    pub async fn verify(
        self,
        password: Option<Password>,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        self.run(move |argon2| {
            let (Some(password), Some(stored)) = (password, stored) else {
                let unknown = argon2::PasswordHash::new(UNKNOWN_USER_HASH)?;
                argon2.matches(b"", &unknown)?;
                return Ok(Verdict::Wrong);
            };
            if stored.is_current() {
                let is_right = argon2.is_of(password.expose_bytes(), &stored)?;
                return Ok(if is_right {
                    Verdict::Right
                } else {
                    Verdict::Wrong
                });
            }
            for spelling in password.expose_spellings() {
                if argon2.is_of(spelling, &stored)? {
                    return Ok(Verdict::Outdated(Box::new(argon2.hash(&password)?)));
                }
            }
            Ok(Verdict::Wrong)
        })
        .await
    }

    /// Runs `work` on a blocking thread as soon as a processor is free. A request that is dropped
    /// while it waits never gets there.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&CountedArgon2) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let processor = self
            .processors
            .acquire_owned()
            .await
            .map_err(|_| HashError::Stopped)?;
        let outcome = task::spawn_blocking(move || {
            // Hold both until the work is done, because a canceled request does not stop it.
            let (_permit, _processor) = (self.permit, processor);
            work(&self.argon2)
        });
        outcome.await.map_err(|_| HashError::Stopped)?
    }
}

/// Argon2, and the number of its runs.
#[derive(Default)]
struct CountedArgon2 {
    runs: AtomicU64,
    /// The memory of completed runs, at most one block list per processor. If every run allocated its
    /// own on short-lived threads, the allocator's heaps would grow to many times as much.
    idle: Mutex<Vec<Vec<Block>>>,
}

impl CountedArgon2 {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let salt = Salt::new(&password_hash::try_generate_salt()?)?;
        let output = self.run(&argon2, password.expose_bytes(), &salt)?;
        Ok(PasswordHash::from(argon2::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: argon2.params().try_into()?,
            salt: Some(salt),
            hash: Some(output),
        }))
    }

    fn is_of(&self, password: &[u8], stored: &PasswordHash) -> Result<bool, HashError> {
        match stored.scheme() {
            Scheme::Argon2(hash) => self.matches(password, hash),
            Scheme::Foreign(hash) => Ok(hash.is_of(password)),
        }
    }

    fn matches(&self, password: &[u8], hash: &argon2::PasswordHash) -> Result<bool, HashError> {
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        let version = hash.version.map(Version::try_from).transpose()?;
        let params = Params::try_from(hash)?;
        let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params);
        let salt = hash.salt.as_deref().unwrap_or_default();
        let output = self.run(&argon2, password, salt)?;
        // `Output` compares in constant time.
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

/// Omits the memory, whose content comes from passwords.
impl fmt::Debug for CountedArgon2 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CountedArgon2")
            .field("runs", &self.runs)
            .finish_non_exhaustive()
    }
}

/// The result of [`Slot::verify`].
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is wrong or missing, or there is no hash to compare it with.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, but its hash was made with other parameters; this hash should replace
    /// it.
    Outdated(Box<PasswordHash>),
}

/// Why Argon2 returned no result. No variant depends on the password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More requests wait than the processors can serve in about two seconds.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// Argon2 does not support the parameters.
    #[error("Argon2 refused its parameters")]
    Parameters(#[from] argon2::Error),
    /// Argon2 failed.
    #[error("Argon2 failed")]
    Failed(#[from] password_hash::Error),
    /// The stored hash is not a PHC string.
    #[error("the stored hash is malformed")]
    Malformed(#[from] password_hash::phc::Error),
    /// The operating system returned no random bytes.
    #[error("no salt could be made")]
    Salt(#[from] getrandom::Error),
    /// Hashing panicked, or the runtime is shutting down.
    #[error("the hashing stopped early")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use std::{iter, panic};

    use argon2::PasswordHasher as _;
    use futures_util::FutureExt as _;
    use tokio::sync::broadcast;

    use super::*;

    fn password(raw: &str) -> Option<Password> {
        Password::parse(raw).ok()
    }

    async fn hash(hasher: &Hasher, raw: &str) -> PasswordHash {
        let password = password(raw).unwrap();
        hasher.reserve().unwrap().hash(password).await.unwrap()
    }

    async fn verify(
        hasher: &Hasher,
        password: Option<Password>,
        stored: Option<PasswordHash>,
    ) -> Verdict {
        let slot = hasher.reserve().unwrap();
        slot.verify(password, stored).await.unwrap()
    }

    #[tokio::test]
    async fn verifies_what_it_hashed() {
        let hasher = Hasher::default();
        let hash = hash(&hasher, "12345").await;

        let parsed = PasswordHash::parse(hash.as_str()).ok();

        assert_eq!(parsed, Some(hash));
        assert_eq!(
            verify(&hasher, password("12345"), parsed.clone()).await,
            Verdict::Right
        );
        assert_eq!(
            verify(&hasher, password("12346"), parsed).await,
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
            assert_eq!(verify(&hasher, password, hash).await, Verdict::Wrong);
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
            let imported = PasswordHash::parse(&imported.to_string()).ok();

            let verdict = verify(&hasher, password("12345"), imported).await;

            let Verdict::Outdated(replacement) = verdict else {
                panic!("{verdict:?}")
            };
            assert!(replacement.is_current());
            assert_eq!(
                verify(&hasher, password("12345"), Some(*replacement)).await,
                Verdict::Right
            );
        }
    }

    #[tokio::test]
    async fn refuses_a_request_when_all_slots_are_taken() {
        let hasher = Hasher::default();
        let mut slots: Vec<_> = iter::from_fn(|| hasher.reserve().ok()).collect();

        let refusal = hasher.reserve().unwrap_err();

        assert!(matches!(refusal, HashError::Overloaded), "{refusal}");
        // A request with a slot is served, and then its slot is free again.
        let verdict = slots.pop().unwrap().verify(None, None).await.unwrap();
        assert_eq!(verdict, Verdict::Wrong);
        assert!(hasher.reserve().is_ok());
    }

    /// Occupies all processors until the sender is dropped.
    async fn occupy(hasher: &Hasher, sender: &broadcast::Sender<()>) -> task::JoinSet<()> {
        let mut busy = task::JoinSet::new();
        for _ in 0..hasher.processors.available_permits() {
            let mut receiver = sender.subscribe();
            let slot = hasher.reserve().unwrap();
            busy.spawn(async move {
                let wait = move |_: &_| {
                    let _ = receiver.blocking_recv();
                    Ok(())
                };
                slot.run(wait).await.unwrap();
            });
        }
        while hasher.processors.available_permits() > 0 {
            task::yield_now().await;
        }
        busy
    }

    #[tokio::test]
    async fn does_not_hash_for_a_canceled_request() {
        let hasher = Hasher::default();
        let (sender, _) = broadcast::channel(1);
        let busy = occupy(&hasher, &sender).await;
        let canceled = hasher.reserve().unwrap().verify(None, None);
        assert!(canceled.now_or_never().is_none());

        drop(sender);
        let verdict = verify(&hasher, None, None).await;

        assert_eq!((verdict, hasher.runs()), (Verdict::Wrong, 1));
        busy.join_all().await;
    }

    #[tokio::test]
    async fn a_request_that_is_canceled_while_it_hashes_keeps_its_processor_until_then() {
        let hasher = Hasher::default();
        let (sender, _) = broadcast::channel(1);
        let mut busy = occupy(&hasher, &sender).await;

        busy.shutdown().await;

        assert_eq!(hasher.processors.available_permits(), 0);
        drop(sender);
        assert_eq!(verify(&hasher, None, None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_panic_costs_no_processor() {
        let hasher = Hasher::default();
        for _ in 0..=hasher.processors.available_permits() {
            let panic = hasher.reserve().unwrap().run(|_| -> Result<(), _> {
                // Unlike `panic!`, this prints nothing.
                panic::resume_unwind(Box::new(()))
            });
            assert!(matches!(panic.await, Err(HashError::Stopped)));
        }

        assert_eq!(verify(&hasher, None, None).await, Verdict::Wrong);
    }

    #[test]
    fn the_hash_of_an_unknown_user_costs_what_a_new_one_costs() {
        assert!(PasswordHash::parse(UNKNOWN_USER_HASH).unwrap().is_current());
    }
}
