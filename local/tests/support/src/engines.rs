use std::{
    env, fs,
    sync::{LazyLock, mpsc},
    thread,
};

use local::{Engines, LOOPBACK, Storage};

/// The engines of all tests of one binary. They have a runtime of their own, because the runtime of
/// a test ends with the test.
pub(crate) static ENGINES: LazyLock<Engines> = LazyLock::new(|| {
    // Beside the binary, so that binaries that run at the same time do not share the folder.
    let objects = env::current_exe().unwrap().with_extension("objects");
    if objects.exists() {
        fs::remove_dir_all(&objects).unwrap();
    }
    let (started, engines) = mpsc::channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let storage = Storage::Memory(objects);
            let engines = Engines::start(LOOPBACK, &storage).await.unwrap();
            started.send(engines).unwrap();
            std::future::pending::<()>().await;
        });
    });
    engines.recv().unwrap()
});
