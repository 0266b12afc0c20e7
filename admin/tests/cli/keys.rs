use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::post,
};
use serde_json::{Value, json};
use support::OwnStack;
use tokio::{net::TcpListener, sync::Barrier};

use crate::tool::Tool;

/// A stand-in for Secrets Manager with one secret, whose versions have labels as AWS gives them.
struct Secrets {
    versions: Mutex<Vec<Version>>,
    /// Those who list the versions wait for one another.
    meeting: Barrier,
}

#[derive(Clone, Debug)]
struct Version {
    id: String,
    secret: String,
    labels: Vec<String>,
    created_s: f64,
}

impl Secrets {
    /// Starts one whose only version is as old as this; `listeners` lists come at the same time.
    async fn start(age_s: u64, listeners: usize) -> (Arc<Self>, String) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let first = Version {
            id: "first".to_owned(),
            secret: "x".repeat(64),
            labels: vec!["AWSCURRENT".to_owned()],
            created_s: now.unwrap().as_secs_f64() - age_s as f64,
        };
        let secrets = Arc::new(Self {
            versions: Mutex::new(vec![first]),
            meeting: Barrier::new(listeners),
        });
        let app = Router::new()
            .route("/", post(respond))
            .with_state(Arc::clone(&secrets));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (secrets, url)
    }

    /// The ids of the versions that have these labels.
    fn labeled(&self, labels: [&str; 2]) -> [Option<String>; 2] {
        let versions = self.versions.lock().unwrap();
        labels.map(|label| {
            let has = |version: &&Version| version.labels.iter().any(|have| have == label);
            versions.iter().find(has).map(|version| version.id.clone())
        })
    }

    /// Gives `label` to the version `to` alone.
    fn move_label(&self, label: &str, to: &str) {
        for version in &mut *self.versions.lock().unwrap() {
            version.labels.retain(|have| have != label);
            if version.id == to {
                version.labels.push(label.to_owned());
            }
        }
    }
}

async fn respond(
    State(secrets): State<Arc<Secrets>>,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    match target.strip_prefix("secretsmanager.").unwrap() {
        "ListSecretVersionIds" => {
            secrets.meeting.wait().await;
            let versions = secrets.versions.lock().unwrap();
            let versions = versions.iter().map(|version| {
                json!({ "VersionId": version.id, "VersionStages": version.labels, "CreatedDate": version.created_s })
            });
            (
                StatusCode::OK,
                json!({ "Versions": versions.collect::<Vec<_>>() }).to_string(),
            )
        }
        "PutSecretValue" => {
            let id = asked["ClientRequestToken"].as_str().unwrap().to_owned();
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            secrets.versions.lock().unwrap().push(Version {
                id: id.clone(),
                secret: asked["SecretString"].as_str().unwrap().to_owned(),
                labels: Vec::new(),
                created_s: now.unwrap().as_secs_f64(),
            });
            secrets.move_label(asked["VersionStages"][0].as_str().unwrap(), &id);
            (StatusCode::OK, json!({ "VersionId": id }).to_string())
        }
        "UpdateSecretVersionStage" => {
            let [current, _] = secrets.labeled(LABELS).map(Option::unwrap_or_default);
            if asked["RemoveFromVersionId"] != current {
                return (
                    StatusCode::BAD_REQUEST,
                    json!({ "__type": "InvalidParameterException" }).to_string(),
                );
            }
            secrets.move_label("AWSPREVIOUS", &current);
            secrets.move_label("AWSCURRENT", asked["MoveToVersionId"].as_str().unwrap());
            (StatusCode::OK, json!({}).to_string())
        }
        operation => panic!("{operation}"),
    }
}

const LABELS: [&str; 2] = ["AWSCURRENT", "AWSPREVIOUS"];

fn tool(stack: &OwnStack, url: &str) -> Tool {
    Tool::with(
        &stack.stored(),
        [
            ("JWT_SECRET_ID", "key"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
        ],
    )
}

#[tokio::test]
async fn a_rotation_makes_a_new_key_and_keeps_the_one_before() {
    let stack = OwnStack::start().await;
    let (secrets, url) = Secrets::start(100, 1).await;
    let tool = tool(&stack, &url);

    let ran = tool.run(&["rotate-key"]).await;

    ran.assert(0);
    assert_eq!(ran.stdout, "");
    let [current, previous] = secrets.labeled(LABELS);
    assert_eq!(previous.as_deref(), Some("first"));
    let versions = secrets.versions.lock().unwrap().clone();
    assert_eq!(versions.len(), 2);
    assert_eq!(current, Some(versions[1].id.clone()));
    assert_eq!(versions[1].secret.len(), 64);
    assert!(!ran.stderr.contains(&versions[1].secret), "{ran:?}");
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_longest_token() {
    let stack = OwnStack::start().await;
    let (secrets, url) = Secrets::start(100, 1).await;
    let tool = tool(&stack, &url);
    tool.run(&["rotate-key"]).await.assert(0);
    let before = secrets.labeled(LABELS);

    let ran = tool.run(&["rotate-key"]).await;
    let status = tool.json(&["rotate-key", "--status"]).await;

    ran.assert(4);
    let next = status["next_rotation_from"].as_str().unwrap();
    assert_eq!(
        ran.stderr,
        format!(
            "error: tokens of the key before are still good: rotate after {next}, or with --twice if the key has leaked\n"
        )
    );
    assert_eq!(secrets.labeled(LABELS), before);
    assert_eq!(status["token_ttl_seconds"], 86_400);
    // A day and five minutes after the rotation.
    let since = &secrets.versions.lock().unwrap()[1];
    let since_ms = (since.created_s * 1_000.0) as i64;
    let next_ms =
        aws_smithy_types::DateTime::from_str(next, aws_smithy_types::date_time::Format::DateTime);
    let next_ms = next_ms.unwrap().to_millis().unwrap();
    assert!(
        (next_ms - since_ms - 86_700_000).abs() <= 1,
        "{next_ms} {since_ms}"
    );
}

#[tokio::test]
async fn a_rotation_is_free_again_when_the_longest_token_has_expired() {
    let stack = OwnStack::start().await;
    let (secrets, url) = Secrets::start(200_000, 1).await;
    let tool = tool(&stack, &url);
    tool.run(&["rotate-key"]).await.assert(0);
    let [current, _] = secrets.labeled(LABELS);
    for version in &mut *secrets.versions.lock().unwrap() {
        version.created_s -= 86_701.0;
    }

    tool.run(&["rotate-key"]).await.assert(0);

    assert_eq!(secrets.labeled(LABELS)[1], current);
}

#[tokio::test]
async fn a_leaked_key_is_rotated_away_at_once() {
    let stack = OwnStack::start().await;
    let (secrets, url) = Secrets::start(100, 1).await;
    let tool = tool(&stack, &url);
    tool.run(&["rotate-key"]).await.assert(0);
    let before = secrets.labeled(LABELS).map(Option::unwrap);

    let unconfirmed = tool.run(&["rotate-key", "--twice"]).await;
    unconfirmed.assert_failed(6, "error: log everybody out needs --yes");
    assert_eq!(secrets.labeled(LABELS).map(Option::unwrap), before);

    tool.run(&["rotate-key", "--twice", "--yes"])
        .await
        .assert(0);

    let after = secrets.labeled(LABELS).map(Option::unwrap);
    assert!(after.iter().all(|id| !before.contains(id)), "{after:?}");
}

#[tokio::test]
async fn of_two_operators_at_once_one_rotates() {
    let stack = OwnStack::start().await;
    let (secrets, url) = Secrets::start(100, 2).await;
    let tool = tool(&stack, &url);

    let (first, second) = tokio::join!(tool.run(&["rotate-key"]), tool.run(&["rotate-key"]));

    let mut codes = [first.code, second.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 4], "{first:?} {second:?}");
    assert_eq!(secrets.labeled(LABELS)[1].as_deref(), Some("first"));
}

#[tokio::test]
async fn a_dry_run_rotates_nothing() {
    let stack = OwnStack::start().await;
    let (secrets, url) = Secrets::start(100, 1).await;

    tool(&stack, &url)
        .run(&["rotate-key", "--dry-run"])
        .await
        .assert(0);

    assert_eq!(secrets.versions.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_local_service_has_no_secret_to_rotate() {
    let stack = OwnStack::start().await;

    let ran = Tool::of(&stack).run(&["rotate-key"]).await;

    ran.assert_failed(
        4,
        "error: a local service has no secret to rotate: delete jwt_secret in its data folder and start it again",
    );
}
