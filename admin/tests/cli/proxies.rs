//! Operators behind an HTTP proxy.

use std::process::Stdio;

use tokio::{io::AsyncReadExt as _, net::TcpListener, process::Command};

/// Runs a command for a stack with these variables, and returns the first bytes that it sends to
/// `listener`.
async fn first_bytes(listener: TcpListener, variables: &[(&str, &str)]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_accounts-admin"))
        .args([
            "show",
            "ada",
            "--stack",
            "accounts",
            "--region",
            "eu-west-1",
        ])
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
        ])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut connection, _) = tokio::select! {
        accepted = listener.accept() => accepted.unwrap(),
        status = command.wait() => panic!("it has ended without a connection: {status:?}"),
    };
    let mut bytes = Vec::with_capacity(1024);
    connection.read_buf(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_stack_is_reached_through_the_proxy_of_the_environment() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://ada:secret@{}", proxy.local_addr().unwrap());

    let bytes = first_bytes(proxy, &[("HTTPS_PROXY", &url)]).await;

    let request = String::from_utf8(bytes).unwrap();
    let line = "CONNECT cloudformation.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    let authorization = "proxy-authorization: basic ywrhonnly3jlda==\r\n";
    assert!(request.to_lowercase().contains(authorization), "{request}");
}

#[tokio::test]
async fn a_host_of_no_proxy_is_reached_without_it() {
    const TLS_HANDSHAKE: u8 = 0x16;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", service.local_addr().unwrap());
    let variables = [
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("NO_PROXY", "127.0.0.1"),
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", &url),
    ];

    let bytes = first_bytes(service, &variables).await;

    assert_eq!(bytes.first(), Some(&TLS_HANDSHAKE));
}
