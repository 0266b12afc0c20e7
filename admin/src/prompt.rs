//! Questions to a person, and secrets from stdin.

use std::{
    io::{self, IsTerminal as _, Read as _},
    process,
};

use clap::Args;
use dialoguer::{Input, Password as HiddenInput};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use shared::user::Password;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// How a command may ask an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    /// Whether there is a terminal to ask on.
    interactive: bool,
    /// Whether the operator has confirmed everything beforehand.
    yes: bool,
}

impl Prompt {
    /// Asks only where stdin and stderr are terminals, and never with `no_input`.
    pub(crate) fn new(no_input: bool, yes: bool) -> Self {
        let interactive = !no_input && io::stdin().is_terminal() && io::stderr().is_terminal();
        Self { interactive, yes }
    }

    /// Asks for `expected` to be typed, before an action that cannot be undone.
    ///
    /// # Errors
    ///
    /// [`Failure::Input`]: there is no terminal to ask on, or something else was typed.
    pub(crate) fn confirm(self, what: &str, expected: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !self.interactive {
            return Err(Failure::Input(format!("{what} needs --yes")));
        }
        let typed: String = Input::new()
            .with_prompt(format!("To {what}, type {expected}"))
            .allow_empty(true)
            .interact_text()
            .map_err(|error| Failure::Input(error.to_string()))?;
        if typed.trim() != expected {
            return Err(Failure::Input(
                "not confirmed; nothing was written".to_owned(),
            ));
        }
        Ok(())
    }

    /// Asks for a password without echo, and `twice` if it is a new one.
    fn password(self, twice: bool, flags: &str) -> Result<SecretString, Failure> {
        if !self.interactive {
            return Err(Failure::Input(format!("a password is needed: {flags}")));
        }
        restore_echo_at_interrupt().map_err(|error| Failure::Input(error.to_string()))?;
        let mut input = HiddenInput::new().with_prompt("Password");
        if twice {
            input = input.with_confirmation("Password again", "The two differ; once more");
        }
        let typed = input.interact();
        let typed = typed.map_err(|error| Failure::Input(error.to_string()))?;
        Ok(SecretString::from(typed))
    }
}

/// From now on, Ctrl-C restores the terminal before it ends the process: a hidden prompt would leave
/// it without echo.
fn restore_echo_at_interrupt() -> io::Result<()> {
    let modes = tcgetattr(io::stdin())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        interrupt.recv().await;
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
        eprintln!();
        process::exit(INTERRUPTED);
    });
    Ok(())
}

/// The exit code by which a shell reports Ctrl-C.
const INTERRUPTED: i32 = 130;

/// The source of a new password.
#[derive(Debug, Args)]
pub(crate) struct NewPassword {
    /// Make up a password and print it on stdout, once.
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,

    /// Read the password from stdin, up to its end; one line break at the end is dropped.
    #[arg(long)]
    password_stdin: bool,
}

impl NewPassword {
    /// Returns the password, and its text as well if it was made up, for its owner to be told.
    ///
    /// # Errors
    ///
    /// - [`Failure::Input`]: there is none.
    /// - [`Failure::Refused`]: it is longer than any password may be.
    pub(crate) fn get(&self, prompt: Prompt) -> Result<(Password, Option<SecretString>), Failure> {
        if self.generate {
            let text = generate()?;
            return Ok((parse(&text)?, Some(text)));
        }
        let text = if self.password_stdin {
            from_stdin()?
        } else {
            prompt.password(true, "--password-stdin or --generate")?
        };
        Ok((parse(&text)?, None))
    }
}

/// The source of a password that is to be verified.
#[derive(Debug, Args)]
pub(crate) struct KnownPassword {
    /// Read the password from stdin, up to its end; one line break at the end is dropped.
    #[arg(long)]
    password_stdin: bool,
}

impl KnownPassword {
    /// Returns the password.
    ///
    /// # Errors
    ///
    /// - [`Failure::Input`]: there is none.
    /// - [`Failure::Refused`]: it is longer than any password may be.
    pub(crate) fn get(&self, prompt: Prompt) -> Result<Password, Failure> {
        let text = if self.password_stdin {
            from_stdin()?
        } else {
            prompt.password(false, "--password-stdin")?
        };
        parse(&text)
    }
}

fn parse(text: &SecretString) -> Result<Password, Failure> {
    Password::parse(text.expose_secret()).map_err(|error| Failure::Refused(error.to_string()))
}

fn from_stdin() -> Result<SecretString, Failure> {
    let mut text = Zeroizing::new(String::new());
    // More than any password has, so that a wrong file is not read to its end.
    let limit = 4 * Password::MAX_BYTES as u64;
    io::stdin()
        .take(limit)
        .read_to_string(&mut text)
        .map_err(|_| Failure::Input("the password on stdin is not UTF-8".to_owned()))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::Input("there is no password on stdin".to_owned()));
    }
    Ok(SecretString::from(line))
}

/// Makes up a password of 120 random bits: 24 letters and digits, none like another, in groups.
fn generate() -> Result<SecretString, Failure> {
    const ALPHABET: [u8; 32] = *b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = Zeroizing::new([0_u8; 24]);
    getrandom::fill(&mut *random)
        .map_err(|error| anyhow::anyhow!("this machine has no random bytes: {error}"))?;
    let mut text = Zeroizing::new(String::with_capacity(29));
    for (position, byte) in random.iter().enumerate() {
        if position > 0 && position % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(SecretString::from(text.as_str()))
}

/// Returns the logins in `arguments`; `-` stands for those on stdin, one a line.
///
/// # Errors
///
/// Fails if stdin cannot be read as UTF-8.
pub(crate) fn logins(arguments: &[String]) -> Result<Vec<String>, Failure> {
    let mut logins = Vec::new();
    for argument in arguments {
        if argument == "-" {
            let text = io::read_to_string(io::stdin())
                .map_err(|_| Failure::Input("the logins on stdin are not UTF-8".to_owned()))?;
            let lines = text.lines().map(str::trim);
            logins.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        } else {
            logins.push(argument.clone());
        }
    }
    Ok(logins)
}

#[cfg(test)]
mod tests {
    use shared::user::PasswordPolicy;

    use super::*;

    #[test]
    fn a_made_up_password_is_new_and_keeps_the_strict_policy() {
        let (first, second) = (generate().unwrap(), generate().unwrap());

        assert_eq!(first.expose_secret().len(), 29);
        assert_ne!(first.expose_secret(), second.expose_secret());
        let password = parse(&first).unwrap();
        assert_eq!(PasswordPolicy::Strict.check(&password, None, None), Ok(()));
    }
}
