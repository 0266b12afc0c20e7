//! `cargo dev` as a process: how it starts and ends, and what survives a restart.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Output},
};

use serde_json::json;
use support::{
    messages::{CREATED, WRONG_CREDENTIALS},
    pictures::{jpeg, photograph},
};
use tempfile::TempDir;

use crate::dev_process::{DevProcess, command};

/// Runs `cargo dev` with `arguments`, asserts that it fails, and returns its error.
fn refused(arguments: &[&str]) -> String {
    let Output {
        status,
        stderr,
        stdout,
    } = command(arguments).output().unwrap();
    assert!(!status.success());
    assert_eq!(stdout, b"");
    String::from_utf8(stderr).unwrap()
}

#[tokio::test]
async fn data_avatars_and_tokens_survive_a_restart() {
    let data = TempDir::new().unwrap();
    let mut dev = DevProcess::start(data.path());
    let (ada, token) = dev.api().member().await;
    dev.api()
        .update_profile(&token, &json!({ "first_name": "Ada" }))
        .await;
    let before = dev
        .api()
        .upload(&token, jpeg(&photograph(64, 64)))
        .await
        .json();
    let avatar = dev.api().avatar(&before).await.body;
    dev.signal("-TERM");
    dev.ends_well();

    let dev = DevProcess::start(data.path());
    let api = dev.api();

    let after = api.get_profile(&token).await.json();
    assert_eq!(
        (&after["uuid"], &after["first_name"]),
        (&before["uuid"], &json!("Ada"))
    );
    assert_eq!(api.avatar(&after).await.body, avatar);
    api.log_in(&ada).await;
    let wrong = json!({ "login": ada.email, "password": "wrong" });
    api.obtain_token(&wrong)
        .await
        .assert(401, WRONG_CREDENTIALS);
    let again = api.create_user(&ada.sign_up()).await;
    assert_eq!(again.status, 400, "{}", again.text());
}

/// Waits until the gateway handles the request of `client`: then it asks for the body.
fn wait_until_it_is_handled(client: &TcpStream) {
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    for signal in ["-TERM", "-INT"] {
        let data = TempDir::new().unwrap();
        let mut dev = DevProcess::start(data.path());
        let body = json!({ "email": "test@test.com", "password": "12345" }).to_string();
        let mut client = dev.send_head(&format!(
            "Content-Length: {}\r\nExpect: 100-continue\r\n",
            body.len()
        ));
        wait_until_it_is_handled(&client);

        dev.signal(signal);
        client.write_all(body.as_bytes()).unwrap();

        let mut response = String::new();
        client.read_to_string(&mut response).unwrap();
        assert!(response.contains("HTTP/1.1 201 Created\r\n"), "{response}");
        assert!(response.ends_with(CREATED), "{response}");
        dev.ends_well();
    }
}

#[test]
fn a_client_that_never_finishes_does_not_keep_it_from_ending() {
    let data = TempDir::new().unwrap();
    let mut dev = DevProcess::start(data.path());
    let client = dev.send_head("Content-Length: 99\r\nExpect: 100-continue\r\n");
    wait_until_it_is_handled(&client);

    dev.signal("-TERM");

    dev.ends_well();
}

#[test]
fn the_lines_it_prints_work_as_they_are() {
    let data = TempDir::new().unwrap();
    let dev = DevProcess::start(data.path());
    let lines: String = dev
        .output
        .lines()
        .skip_while(|line| !line.starts_with("curl"))
        .map(|line| format!("{line}\n"))
        .collect();

    let run = Command::new("bash")
        .args(["-ec", &lines.replace("curl ", "curl -sS --fail-with-body ")])
        .output()
        .unwrap();

    let output = String::from_utf8(run.stdout).unwrap();
    assert!(
        run.status.success(),
        "{output}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(
        output.starts_with(r#"{"message":"User succesfully created"}{"uuid":""#),
        "{output}"
    );
    assert!(
        output.contains(
            r#""first_name":"Вася","last_name":null,"patronymic":null,"avatar":"http://127.0.0.1:"#
        ),
        "{output}"
    );
}

#[test]
fn a_busy_port_is_one_clear_line() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();

    let error = refused(&["--port", &port, "--in-memory"]);

    assert_eq!(
        error,
        format!("error: cannot listen on 127.0.0.1:{port}: Address already in use (os error 98)\n")
    );
}

#[test]
fn a_folder_that_cannot_be_one_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let path = file.to_str().unwrap();

    assert_eq!(
        refused(&["--data-dir", path]),
        format!("error: cannot make the data folder {path}: File exists (os error 17)\n")
    );

    let path = folder.path().to_str().unwrap();
    assert_eq!(
        refused(&["--data-dir", path]),
        format!("error: {path} is neither empty nor a data folder\n")
    );
}

#[test]
fn a_folder_of_another_version_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("version"), "2\n").unwrap();
    let path = folder.path().to_str().unwrap();

    assert_eq!(
        refused(&["--data-dir", path]),
        format!(
            "error: the data folder {path} is of version 2, this program wants 1; use another --data-dir\n"
        )
    );
}

#[test]
fn a_folder_whose_first_start_was_cut_off_is_new() {
    let folder = TempDir::new().unwrap();
    let version = folder.path().join("version");
    std::fs::write(&version, "").unwrap();

    let _dev = DevProcess::start(folder.path());

    assert_eq!(std::fs::read_to_string(version).unwrap(), "1\n");
}

#[test]
fn a_folder_in_use_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let _dev = DevProcess::start(folder.path());
    let path = folder.path().to_str().unwrap();

    let error = refused(&["--port", "0", "--data-dir", path]);

    assert_eq!(
        error,
        format!("error: the data folder {path} is in use by another stack\n")
    );
}

#[test]
fn a_bad_setting_is_one_clear_line() {
    let output = command(&["--port", "0", "--in-memory"])
        .env("TOKEN_TTL_SECONDS", "1")
        .output()
        .unwrap();

    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: TOKEN_TTL_SECONDS must be a number of seconds from 60 to 2592000\n"
    );
}

#[test]
fn nothing_is_kept_in_memory() {
    let folder = TempDir::new().unwrap();
    let mut process = command(&["--port", "0", "--in-memory"])
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    let mut output = String::new();
    BufReader::new(process.stdout.as_mut().unwrap())
        .read_line(&mut output)
        .unwrap();

    Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()
        .unwrap();

    assert!(process.wait().unwrap().success());
    process
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    assert!(
        output.starts_with("The accounts service listens on http://127.0.0.1:"),
        "{output}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
