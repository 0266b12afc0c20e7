//! Runs the tests in `frontend/tests/`: the reference frontend in a real browser, against
//! `cargo dev`.

use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn the_frontend_does_its_work_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontend/tests");
    let playwright = folder.join("node_modules/.bin/playwright");
    let chromium = env::var_os("CHROMIUM").map_or("/usr/bin/chromium".into(), PathBuf::from);
    for (file, hint) in [
        (&playwright, "`npm ci` in frontend/tests installs it"),
        (&chromium, "CHROMIUM is the path of another one"),
    ] {
        if !file.exists() {
            let missing = format!("{} is missing; {hint}", file.display());
            let required = env::var("BROWSER_TESTS").as_deref() == Ok("required");
            assert!(!required, "{missing}");
            // Past the capture of what a test prints, which hides the lines of one that passes.
            writeln!(io::stderr(), "the browser tests are left out: {missing}").unwrap();
            return;
        }
    }

    let status = Command::new(&playwright)
        .arg("test")
        .current_dir(&folder)
        .env("CARGO_DEV", env!("CARGO_BIN_EXE_local"))
        .env("CHROMIUM", &chromium)
        .status()
        .unwrap();

    assert!(status.success(), "the browser tests have failed");
}
