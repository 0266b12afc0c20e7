//! Questions to an operator at a terminal.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::json;
use support::{OwnStack, messages::WRONG_CREDENTIALS};

use crate::{
    terminal::Ended,
    tool::{Tool, tables},
};

const PASSWORD: &str = "Password: ";
const AGAIN: &str = "Password again: ";
const CONFIRM: &str = "To erase this account for good, type ";
const NEW: &str = "difference engine";
const CTRL_C: &str = "\u{3}";

fn line(text: &str) -> String {
    format!("{text}\r")
}

impl Ended {
    /// Asserts the exit code, and that the terminal has not shown this password and is as before.
    #[track_caller]
    fn assert_hidden(&self, code: i32, password: &str) {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        assert!(!self.shown.contains(password), "{self:?}");
        assert!(self.echoes, "{self:?}");
    }
}

#[tokio::test]
async fn a_new_password_is_typed_twice_and_never_shown() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;

    let ended = Tool::of(&stack)
        .at_terminal(&["set-password", &person.email], |terminal| {
            terminal.answer(PASSWORD, &line(NEW));
            terminal.answer(AGAIN, &line(NEW));
        })
        .await;

    ended.assert_hidden(0, NEW);
    let log_in = json!({ "login": person.email, "password": NEW });
    assert_eq!(stack.obtain_token(&log_in).await.status, 200);
    stack
        .obtain_token(&person.log_in())
        .await
        .assert(401, WRONG_CREDENTIALS);
}

#[tokio::test]
async fn two_passwords_that_differ_are_asked_for_again() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;

    let ended = Tool::of(&stack)
        .at_terminal(&["set-password", &person.email], |terminal| {
            terminal.answer(PASSWORD, &line("difference"));
            terminal.answer(AGAIN, &line("engine"));
            terminal.wait_for("The two differ; once more");
            terminal.answer(PASSWORD, &line(NEW));
            terminal.answer(AGAIN, &line(NEW));
        })
        .await;

    ended.assert_hidden(0, "engine");
    let log_in = json!({ "login": person.email, "password": NEW });
    assert_eq!(stack.obtain_token(&log_in).await.status, 200);
}

#[tokio::test]
async fn an_interrupted_prompt_changes_nothing_and_leaves_the_terminal_as_it_was() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);
    let command = ["set-password", &person.email];

    let first = tool
        .at_terminal(&command, |terminal| {
            terminal.answer(PASSWORD, CTRL_C);
        })
        .await;
    let second = tool
        .at_terminal(&command, |terminal| {
            terminal.answer(PASSWORD, &line(NEW));
            terminal.answer(AGAIN, &format!("{NEW}{CTRL_C}"));
        })
        .await;

    first.assert_hidden(130, NEW);
    second.assert_hidden(130, NEW);
    assert_eq!(tables(&stack.stored()).await, before);
}

#[tokio::test]
async fn a_password_to_verify_is_typed_once_and_never_shown() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let tool = Tool::of(&stack);
    for (password, code) in [(person.password.as_str(), 0), (NEW, 4)] {
        let keys = line(password);

        let ended = tool
            .at_terminal(&["verify-password", &person.email], move |terminal| {
                terminal.answer(PASSWORD, &keys);
            })
            .await;

        ended.assert_hidden(code, password);
        assert!(!ended.shown.contains(AGAIN), "{ended:?}");
    }
}

#[tokio::test]
async fn an_erasure_is_confirmed_by_the_username() {
    let stack = OwnStack::start().await;
    let person = stack.register().await;
    let before = tables(&stack.stored()).await;
    let tool = Tool::of(&stack);
    let command = ["erase", &person.email];
    let prompt = format!("{CONFIRM}{}: ", person.username);
    let erase = |keys: String| {
        let prompt = prompt.clone();
        tool.at_terminal(&command, move |terminal| terminal.answer(&prompt, &keys))
    };

    let other = erase(line(&person.email)).await;
    let nothing = erase(line("")).await;
    let interrupted = erase(CTRL_C.to_owned()).await;

    for refused in [other, nothing] {
        assert_eq!(refused.status.code(), Some(6), "{refused:?}");
        let error = "error: not confirmed; nothing was written";
        assert!(refused.shown.contains(error), "{refused:?}");
    }
    assert_eq!(interrupted.status.signal(), Some(2), "{interrupted:?}");
    assert!(interrupted.echoes, "{interrupted:?}");
    assert_eq!(tables(&stack.stored()).await, before);

    let confirmed = erase(line(&person.username)).await;

    assert_eq!(confirmed.status.code(), Some(0), "{confirmed:?}");
    stack
        .obtain_token(&person.log_in())
        .await
        .assert(401, WRONG_CREDENTIALS);
}
