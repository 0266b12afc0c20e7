//! The commands, and what `--help` says about them.

mod avatars;
mod change_login;
mod check;
mod create;
mod disable;
mod erase;
mod export;
mod export_all;
mod import;
mod list;
mod log_out;
mod remove_avatar;
mod rotate_key;
mod set_password;
mod show;
mod sweep_avatars;
mod unlock;
mod verify_password;

use std::io;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    accounts::LoginKind,
    failure::Failure,
    session::{self, Session},
};

/// The accounts that a command is for.
#[derive(Debug, Args)]
pub(crate) struct Logins {
    /// Addresses, usernames or uuids; `-` reads them from stdin, one a line.
    #[arg(required = true, value_name = "LOGIN")]
    logins: Vec<String>,
}

/// Shows and changes the accounts of a deployed or a local service.
///
/// Every command needs --stack NAME or --local DIR. Data is on stdout, everything else on stderr.
#[derive(Debug, Parser)]
#[command(name = "accounts-admin", version, after_long_help = EXIT_CODES)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    options: session::Options,

    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  AWS or this machine failed; the message says whether something may have been written
  2  the arguments are wrong
  3  there is no such account
  4  a rule says no: taken, against the policy, wrong password, or `check` has found something
  5  the account has changed since it was read, and nothing was written: repeat the command
  6  an input or a confirmation is missing
  7  access denied; the message names the action
  8  an import is done, but not every account came
  9  an import stopped before its end: repeat the command, and it goes on
130  Ctrl-C at a password";

const FAULTS: &str = "Example:
  accounts-admin --stack accounts check --hashes

Faults, and how --fix mends them:
  profile-damaged    an attribute cannot be read
  login-damaged      an attribute cannot be read
  profile-missing    a login has no profile; makes it from the login, without names and avatar
  login-missing      a profile lacks one of its logins; makes it from the other
  key-not-canonical  a login has not the key that today's rules make of it; moves it
  login-stale        a login names a profile that has another address or username
  login-foreign      the login of a profile belongs to another account
  login-differs      a login says something else than its profile
  hashes-differ      the two logins have different passwords; use set-password
  disabled-differs   some items say that the account is disabled; disables it
  avatar-missing     the avatar is not in the bucket; takes it from the profile
  avatar-foreign     the avatar is another account's
  erased             there is a tombstone for the account; erase it again";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is stored about accounts, but never a hash.
    #[command(after_help = "Example:\n  accounts-admin --stack accounts show ada@example.com")]
    Show(Logins),

    /// Register an account, by the rules of sign-up.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts create ada@example.com --username ada --generate"
    )]
    Create(create::Options),

    /// Set the password, forget failed log-ins and revoke all tokens.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts set-password ada@example.com --generate --reason 'ticket 4711'"
    )]
    SetPassword(set_password::Options),

    /// Tell whether a password is right, without counting an attempt.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts verify-password ada@example.com --password-stdin < password.txt"
    )]
    VerifyPassword(verify_password::Options),

    /// Change the address and revoke all tokens.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts change-email ada@example.com ada@example.org"
    )]
    ChangeEmail(change_login::Options),

    /// Change the username and revoke all tokens.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts change-username ada lovelace"
    )]
    ChangeUsername(change_login::Options),

    /// Refuse log-ins and tokens, until `enable`.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts disable ada@example.com --reason 'ticket 4711'"
    )]
    Disable(Logins),

    /// Undo `disable`.
    #[command(after_help = "Example:\n  accounts-admin --stack accounts enable ada@example.com")]
    Enable(Logins),

    /// Forget failed log-ins, so that the next one need not wait.
    #[command(after_help = "Example:\n  accounts-admin --stack accounts unlock ada@example.com")]
    Unlock(Logins),

    /// Revoke all tokens.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts log-out ada@example.com\n  accounts-admin --stack accounts log-out - < logins.txt"
    )]
    LogOut(Logins),

    /// Delete all that is stored about a person, and say what is left.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts erase ada@example.com --reason 'ticket 4711'"
    )]
    Erase(erase::Options),

    /// Print what is stored about a person as JSON, with the avatar.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts export ada@example.com > ada.json"
    )]
    Export(export::Options),

    /// Bring accounts from elsewhere, with their passwords.
    ///
    /// docs/switching.md has the forms of the files, and what the codes in a report mean.
    #[command(
        after_help = "Examples:\n  accounts-admin --stack accounts import users.json --media media --dry-run\n  accounts-admin --stack accounts import users.json --media media --report report.jsonl --map map.csv"
    )]
    Import(import::Options),

    /// Write all accounts to a file, for Django's `loaddata` or another service.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts export-all --file users.json --media media --with-hashes"
    )]
    ExportAll(export_all::Options),

    /// List accounts, in no order.
    #[command(
        after_help = "Examples:\n  accounts-admin --stack accounts list --locked\n  accounts-admin --stack accounts list --all --csv > accounts.csv"
    )]
    List(list::Options),

    /// Read everything and tell what does not fit together.
    #[command(after_help = "Example:\n  accounts-admin --stack accounts check --hashes", after_long_help = FAULTS)]
    Check(check::Options),

    /// Make a new key to sign tokens with.
    #[command(
        after_help = "Examples:\n  accounts-admin --stack accounts rotate-key --status\n  accounts-admin --stack accounts rotate-key"
    )]
    RotateKey(rotate_key::Options),

    /// Take the avatar from a profile, the bucket and CloudFront.
    #[command(
        after_help = "Example:\n  accounts-admin --stack accounts remove-avatar ada@example.com --reason 'ticket 4711'"
    )]
    RemoveAvatar(remove_avatar::Options),

    /// List the avatars that no profile points to.
    #[command(after_help = "Example:\n  accounts-admin --stack accounts sweep-avatars --delete")]
    SweepAvatars(sweep_avatars::Options),

    /// Print a script that completes commands and flags in a shell.
    #[command(
        after_help = "Example:\n  accounts-admin completion bash > ~/.local/share/bash-completion/completions/accounts-admin"
    )]
    Completion {
        /// Shell.
        shell: Shell,
    },
}

impl CommandLine {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// Any [`Failure`].
    pub(crate) async fn run(self) -> Result<(), Failure> {
        if let Command::Completion { shell } = self.command {
            let mut command = Self::command();
            clap_complete::generate(shell, &mut command, "accounts-admin", &mut io::stdout());
            return Ok(());
        }
        let mut session = Session::open(self.options, self.command.name()).await?;
        let session = &mut session;
        match &self.command {
            Command::Show(options) => show::run(options, session).await,
            Command::Create(options) => create::run(options, session).await,
            Command::SetPassword(options) => set_password::run(options, session).await,
            Command::VerifyPassword(options) => verify_password::run(options, session).await,
            Command::ChangeEmail(options) => {
                change_login::run(options, session, LoginKind::Email).await
            }
            Command::ChangeUsername(options) => {
                change_login::run(options, session, LoginKind::Username).await
            }
            Command::Disable(options) => disable::run(options, session, true).await,
            Command::Enable(options) => disable::run(options, session, false).await,
            Command::Unlock(options) => unlock::run(options, session).await,
            Command::LogOut(options) => log_out::run(options, session).await,
            Command::Erase(options) => erase::run(options, session).await,
            Command::Export(options) => export::run(options, session).await,
            Command::Import(options) => import::run(options, session).await,
            Command::ExportAll(options) => export_all::run(options, session).await,
            Command::List(options) => list::run(options, session).await,
            Command::Check(options) => check::run(options, session).await,
            Command::RotateKey(options) => rotate_key::run(options, session).await,
            Command::RemoveAvatar(options) => remove_avatar::run(options, session).await,
            Command::SweepAvatars(options) => sweep_avatars::run(options, session).await,
            Command::Completion { .. } => Ok(()),
        }
    }
}

impl Command {
    /// The name in the audit.
    fn name(&self) -> &'static str {
        match self {
            Self::Show(_) => "show",
            Self::Create(_) => "create",
            Self::SetPassword(_) => "set-password",
            Self::VerifyPassword(_) => "verify-password",
            Self::ChangeEmail(_) => "change-email",
            Self::ChangeUsername(_) => "change-username",
            Self::Disable(_) => "disable",
            Self::Enable(_) => "enable",
            Self::Unlock(_) => "unlock",
            Self::LogOut(_) => "log-out",
            Self::Erase(_) => "erase",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::ExportAll(_) => "export-all",
            Self::List(_) => "list",
            Self::Check(_) => "check",
            Self::RotateKey(_) => "rotate-key",
            Self::RemoveAvatar(_) => "remove-avatar",
            Self::SweepAvatars(_) => "sweep-avatars",
            Self::Completion { .. } => "completion",
        }
    }
}
