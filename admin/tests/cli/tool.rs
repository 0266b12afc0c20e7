use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use aws_types::SdkConfig;
use serde_json::Value;
use shared::env::Env;
use support::{OwnStack, Stored};
use tempfile::TempDir;

/// The binary, on the service of a test.
pub(crate) struct Tool {
    pub(crate) folder: TempDir,
}

/// The outcome of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Tool {
    /// Has the variables of `stack`.
    pub(crate) fn of(stack: &OwnStack) -> Self {
        Self::with(&stack.stored(), [])
    }

    /// Like [`of`](Self::of), but its calls to AWS go through `proxy`.
    pub(crate) fn through(proxy: &SdkConfig, stack: &OwnStack) -> Self {
        let url = proxy.endpoint_url().unwrap();
        Self::with(
            &stack.stored(),
            [
                ("AWS_ENDPOINT_URL_DYNAMODB", url),
                ("AWS_ENDPOINT_URL_S3", url),
            ],
        )
    }

    /// Has the variables of `stored`, and these.
    pub(crate) fn with<'a>(
        stored: &'a Stored,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let env: Env = stored.env().iter().chain(variables).collect();
        let lines = env
            .iter()
            .map(|(name, value)| format!("{name}='{value}'\n"));
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("lambda.env"), lines.collect::<String>()).unwrap();
        Self { folder }
    }

    /// Runs a command with these arguments.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "").await
    }

    /// Runs a command with `stdin`.
    pub(crate) async fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let folder = self.folder.path().to_str().unwrap();
        run(&[arguments, &["--local", folder]].concat(), stdin).await
    }

    /// Starts a command whose output nobody reads.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_accounts-admin"))
            .args(arguments)
            .arg("--local")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs a command, which has to succeed, and returns what it printed as JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--output", "json"]].concat()).await;
        ran.assert(0);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

/// Runs the binary with nothing but these arguments.
pub(crate) async fn run(arguments: &[&str], stdin: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_accounts-admin"));
    command
        .args(arguments)
        .env("USER", "operator")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let stdin = stdin.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // A command that does not read it may have closed it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn assert(&self, code: i32) {
        assert_eq!(self.code, code, "{self:?}");
    }

    /// Asserts that the command failed with this exit code and this last line on stderr, and printed
    /// nothing on stdout.
    #[track_caller]
    pub(crate) fn assert_failed(&self, code: i32, error: &str) {
        let last = self.stderr.lines().last();
        let failed = (self.code, self.stdout.as_str(), last);
        assert_eq!(failed, (code, "", Some(error)), "{self:?}");
    }

    /// The lines on stdout, each as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// All that is stored in the tables, in a fixed order.
pub(crate) async fn tables(stored: &Stored) -> Vec<String> {
    let mut items = Vec::new();
    for table in ["USERS_TABLE", "LOGINS_TABLE", "ATTEMPTS_TABLE"] {
        for item in stored.items(table).await {
            let mut attributes: Vec<_> = item.into_iter().collect();
            attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
            items.push(format!("{table} {attributes:?}"));
        }
    }
    items.sort();
    items
}
