//! A developer's machine: neither a web page nor a program that cannot read `lambda.env` reaches the
//! accounts of `cargo dev`, and what was deleted is gone.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use aws_sdk_s3::{error::ProvideErrorMetadata as _, primitives::ByteStream};
use local::{Engines, LOOPBACK, Settings, Stack, Storage};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{aws, env::Env};
use tempfile::TempDir;

const KEY: &str =
    "avatars/f0d4568f-c938-480a-8564-d95e95b5af4a/00112233445566778899aabbccddeeff.webp";

async fn start_engines(folder: &Path) -> Engines {
    let storage = Storage::Folder(folder.to_owned());
    Engines::start(LOOPBACK, &storage).await.unwrap()
}

async fn start_stack(engines: &Engines) -> Stack {
    let settings = Settings {
        address: SocketAddr::new(LOOPBACK, 0),
        name: "machine".to_owned(),
        jwt_secret: "a secret of the tests, 32 bytes or more".to_owned(),
        variables: Vec::new(),
    };
    Stack::start(&engines.aws(), settings).await.unwrap()
}

fn variable(engines: &Engines, name: &str) -> String {
    let (_, value) = engines
        .variables()
        .iter()
        .find(|variable| variable.0 == name)
        .unwrap();
    value.clone()
}

/// Sends a request without a body, and returns the status, the `Access-Control-Allow-Origin` and the
/// JSON of the response.
async fn send(method: Method, url: &str, headers: &[(&str, &str)]) -> (u16, Option<String>, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.request(method, url);
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send().await.unwrap();
    let allowed = response.headers().get("access-control-allow-origin");
    let allowed = allowed.map(|origin| origin.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, allowed, response.json().await.unwrap())
}

/// The engines' URLs.
fn urls(engines: &Engines) -> [String; 2] {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"].map(|name| variable(engines, name))
}

/// The paths of everything in `folder`, and below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            let below = if path.is_dir() {
                files(&path)
            } else {
                Vec::new()
            };
            std::iter::once(path).chain(below)
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_page_of_any_origin_is_refused_by_both_engines() {
    let folder = TempDir::new().unwrap();
    let engines = start_engines(folder.path()).await;
    let refusal = json!({ "detail": "Web pages cannot use this engine." });

    for url in urls(&engines) {
        for origin in ["https://evil.example", "http://127.0.0.1:3000", "null"] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let headers = [
                    ("Origin", origin),
                    ("Access-Control-Request-Method", "POST"),
                ];

                let response = send(method, &url, &headers).await;

                assert_eq!(response, (403, None, refusal.clone()), "{url} {origin}");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_name_for_this_machine_is_refused_by_engines_and_gateway() {
    let folder = TempDir::new().unwrap();
    let engines = start_engines(folder.path()).await;
    let stack = start_stack(&engines).await;
    let refusal =
        json!({ "detail": "This service answers to localhost and its own address alone." });

    let [dynamodb, s3] = urls(&engines);
    for url in [dynamodb, s3, format!("{}/get_profile/", stack.base_url())] {
        let response = send(Method::GET, &url, &[("Host", "evil.example")]).await;

        assert_eq!(response, (421, None, refusal.clone()), "{url}");
    }

    let url = format!("{}/get_profile/", stack.base_url());
    let (status, _, body) = send(Method::GET, &url, &[("Host", "localhost:3000")]).await;
    assert_eq!(status, 401);
    assert_eq!(
        body,
        json!({ "detail": "Authentication credentials were not provided." })
    );
}

#[tokio::test]
async fn the_credentials_of_another_start_are_refused_by_both_engines() {
    let folder = TempDir::new().unwrap();
    let other = TempDir::new().unwrap();
    let engines = start_engines(folder.path()).await;
    let other = start_engines(other.path()).await;
    for (replaced, s3_code) in [
        (&["AWS_SECRET_ACCESS_KEY"][..], "SignatureDoesNotMatch"),
        (&["AWS_ACCESS_KEY_ID"], "NotSignedUp"),
        (
            &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
            "NotSignedUp",
        ),
    ] {
        let env: Env = engines
            .variables()
            .iter()
            .map(|(name, value)| {
                let value = if replaced.contains(name) {
                    variable(&other, name)
                } else {
                    value.clone()
                };
                (*name, value)
            })
            .collect();
        let aws = aws::config(&env).unwrap();

        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        let refusal = dynamodb.list_tables().send().await.unwrap_err();
        assert_eq!(
            refusal.code(),
            Some("InvalidSignatureException"),
            "{replaced:?}"
        );

        let s3 = aws_sdk_s3::Client::new(&aws);
        let refusal = s3
            .create_bucket()
            .bucket("bucket")
            .send()
            .await
            .unwrap_err();
        assert_eq!(refusal.code(), Some(s3_code), "{replaced:?}");
    }

    let dynamodb = aws_sdk_dynamodb::Client::new(&engines.aws());
    let tables = dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), &[] as &[String]);
}

#[tokio::test]
async fn a_deleted_object_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let engines = start_engines(folder.path()).await;
    let s3 = aws_sdk_s3::Client::new(&engines.aws());
    s3.create_bucket().bucket("bucket").send().await.unwrap();
    let objects = folder.path().join("s3");
    let before = files(&objects);
    let neighbor = KEY.replace("00112233", "44556677");
    for key in [KEY, neighbor.as_str()] {
        s3.put_object()
            .bucket("bucket")
            .key(key)
            .content_type("image/webp")
            .body(ByteStream::from_static(b"bytes"))
            .send()
            .await
            .unwrap();
    }

    let delete = |key| s3.delete_object().bucket("bucket").key(key).send();
    delete(KEY.to_owned()).await.unwrap();

    let left = s3.get_object().bucket("bucket").key(&neighbor).send();
    assert_eq!(left.await.unwrap().content_type(), Some("image/webp"));

    delete(neighbor).await.unwrap();

    assert_eq!(files(&objects), before);
}

#[tokio::test]
async fn a_page_may_draw_an_avatar_on_a_canvas() {
    let folder = TempDir::new().unwrap();
    let engines = start_engines(folder.path()).await;
    let stack = start_stack(&engines).await;
    let s3 = aws_sdk_s3::Client::new(&engines.aws());
    s3.put_object()
        .bucket(stack.env().required("AVATARS_BUCKET").unwrap())
        .key(KEY)
        // It need not be a picture here.
        .body(ByteStream::from_static(b"{}"))
        .send()
        .await
        .unwrap();

    let url = format!("{}/{KEY}", stack.base_url());
    let response = send(Method::GET, &url, &[("Origin", "https://shop.example")]).await;

    assert_eq!(response, (200, Some("*".to_owned()), json!({})));
}

#[test]
fn a_second_start_warns_of_nothing() {
    let data = TempDir::new().unwrap();
    for _ in 0..2 {
        let mut process = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--port", "0", "--example", "--data-dir"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut output = String::new();
        while !output.contains("update_profile") {
            assert_ne!(stdout.read_line(&mut output).unwrap(), 0, "{output}");
        }
        let stopped = Command::new("kill").arg(process.id().to_string()).status();
        assert!(stopped.unwrap().success());
        stdout.read_to_string(&mut output).unwrap();
        let mut stderr = process.stderr.take().unwrap();
        stderr.read_to_string(&mut output).unwrap();

        assert!(process.wait().unwrap().success(), "{output}");
        assert!(
            output.starts_with("The accounts service listens on "),
            "{output}"
        );
        for level in ["WARN", "ERROR"] {
            assert!(!output.contains(level), "{output}");
        }
    }
}
