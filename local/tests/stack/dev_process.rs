//! `cargo dev` as a process.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use support::{Api, Stored};

/// A running `cargo dev`. The end of the test kills it.
pub(crate) struct DevProcess {
    data: PathBuf,
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// The lines that it had printed when it was ready.
    pub(crate) output: String,
    url: String,
}

/// Returns the command `cargo dev` with `arguments`, its output piped.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl DevProcess {
    /// Starts it on the folder `data` and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, "INFO")
    }

    /// Like [`start`](Self::start), with another log level. Nobody reads the log before the end, so
    /// the process blocks on a full pipe if there is much of it.
    pub(crate) fn start_with(data: &Path, level: &str) -> Self {
        let mut process = command(&["--port", "0", "--data-dir", data.to_str().unwrap()])
            .env("AWS_LAMBDA_LOG_LEVEL", level)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut output = String::new();
        while !output.contains("update_profile") {
            assert_ne!(stdout.read_line(&mut output).unwrap(), 0, "{output}");
        }
        let url = output
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap()
            .to_owned();
        Self {
            data: data.to_owned(),
            process,
            stdout,
            output,
            url,
        }
    }

    /// Sends the head of a sign-up with `headers`, but not its body.
    pub(crate) fn send_head(&self, headers: &str) -> TcpStream {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let head =
            "POST /create_user/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        client
            .write_all(format!("{head}{headers}\r\n").as_bytes())
            .unwrap();
        client
    }

    /// Returns a client of its API.
    pub(crate) fn api(&self) -> Api {
        Api::at(self.url.clone())
    }

    /// Returns its tables and its bucket.
    pub(crate) fn stored(&self) -> Stored {
        let variables = std::fs::read_to_string(self.data.join("lambda.env")).unwrap();
        let variables = variables.lines().map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            (name, value.trim_matches('\''))
        });
        Stored::new(variables.collect())
    }

    /// Kills it without notice (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends it `signal`, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until it exits, asserts success and returns what it has written since it was ready.
    #[track_caller]
    pub(crate) fn ends_well(&mut self) -> String {
        let status = self.process.wait().unwrap();
        let mut log = String::new();
        self.stdout.read_to_string(&mut log).unwrap();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Drop for DevProcess {
    fn drop(&mut self) {
        // Both fail if it has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
