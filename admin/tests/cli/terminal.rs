use std::{
    io::{Read as _, Write as _},
    process::ExitStatus,
    thread,
};

use pty_process::blocking::{Command, Pty, open};
use rustix::termios::{LocalModes, tcgetattr};

use crate::tool::Tool;

/// A pseudo-terminal with a command in it.
pub(crate) struct Terminal {
    pty: Pty,
    /// The output so far.
    shown: String,
    /// The part of the output that was waited for.
    read: usize,
}

/// A command that has ended, and its terminal.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The whole output.
    pub(crate) shown: String,
    /// Whether the terminal shows what is typed from now on.
    pub(crate) echoes: bool,
}

impl Tool {
    /// Runs a command in a terminal, at which `script` types.
    pub(crate) async fn at_terminal(
        &self,
        arguments: &[&str],
        script: impl FnOnce(&mut Terminal) + Send + 'static,
    ) -> Ended {
        let command = Command::new(env!("CARGO_BIN_EXE_accounts-admin"))
            .args(arguments)
            .arg("--local")
            .arg(self.folder.path())
            .env("USER", "operator")
            .env("TERM", "xterm");
        let ended = tokio::task::spawn_blocking(move || {
            let (pty, pts) = open().unwrap();
            let mut child = command.spawn(pts).unwrap();
            let mut terminal = Terminal {
                pty,
                shown: String::new(),
                read: 0,
            };
            script(&mut terminal);
            while terminal.read_more() {}
            Ended {
                status: child.wait().unwrap(),
                echoes: terminal.echoes(),
                shown: terminal.shown,
            }
        });
        ended.await.unwrap()
    }
}

impl Terminal {
    /// Waits until the command shows `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            if let Some(position) = self.shown[self.read..].find(text) {
                self.read += position + text.len();
                break;
            }
            assert!(self.read_more(), "{text} is missing: {}", self.shown);
        }
    }

    /// Waits until the command shows `prompt` and reads keys without the terminal's echo, and types `keys`.
    pub(crate) fn answer(&mut self, prompt: &str, keys: &str) {
        self.wait_for(prompt);
        // A terminal reports no change of its modes. Keys that arrive before this one are dropped.
        while self.echoes() {
            thread::yield_now();
        }
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.pty).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    /// Reads some output; `false` once the command has ended.
    fn read_more(&mut self) -> bool {
        let mut bytes = [0; 1024];
        // Linux reports the end as an error.
        let count = self.pty.read(&mut bytes).unwrap_or_default();
        self.shown += &String::from_utf8_lossy(&bytes[..count]);
        count > 0
    }
}
