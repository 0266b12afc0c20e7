//! A proxy between the SDK and the engines that lets calls fail as it is told.

use std::{
    future, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::config::Region;
use aws_types::{SdkConfig, origin::Origin};
use axum::{
    body::{self, Body},
    extract::Request,
    response::Response,
};
use futures_util::stream;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Barrier, Notify},
    time,
};
use uuid::Uuid;

use crate::client::{Api, JWT_SECRET};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not carried out, and the connection is closed without an response.
    HangUp,
    /// It is not carried out, and there is no response for as long as anybody waits.
    Silence,
    /// It is not carried out but answered with this status and body.
    Refusal(u16, &'static str),
    /// It is carried out, and answered somewhat later.
    Delay,
    /// It is carried out, and the connection is closed without an response.
    LostResponse,
    /// It is carried out, and the connection is closed in the middle of the response's body, or
    /// before the response if that has none.
    CutResponse,
    /// It is carried out, and there is no response for as long as anybody waits.
    LateResponse,
    /// It is carried out once another call that has this fault has arrived.
    Meeting,
}

/// Which calls fail, and how.
struct Plan {
    operation: &'static str,
    spared: usize,
    failing: usize,
    fault: Fault,
}

/// A proxy on a port of its own. It also stands in for Secrets Manager, which no engine does.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    calls: Mutex<Vec<String>>,
    plans: Mutex<Vec<Plan>>,
    meeting: Barrier,
    carried_out: Notify,
    http: Client<HttpConnector, Body>,
}

/// A port at which connections are refused until the proxy listens there.
pub(crate) struct Down(TcpSocket);

impl Down {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self(socket)
    }

    /// How the SDK reaches what is not there yet.
    pub(crate) fn aws(&self) -> SdkConfig {
        aws(self.0.local_addr().unwrap())
    }

    pub(crate) fn up(self) -> Proxy {
        let listener = self.0.listen(1_024).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            calls: Mutex::default(),
            plans: Mutex::default(),
            meeting: Barrier::new(2),
            carried_out: Notify::new(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        });
        tokio::spawn(Arc::clone(&state).serve(listener));
        Proxy { address, state }
    }
}

impl Proxy {
    pub(crate) fn start() -> Self {
        Down::new().up()
    }

    /// How the SDK reaches the engines through the proxy.
    pub(crate) fn aws(&self) -> SdkConfig {
        aws(self.address)
    }

    /// Lets the next `failing` calls of `operation`, but for the first `spared`, fail by `fault`,
    /// after those that have been planned before.
    pub(crate) fn plan(
        &self,
        operation: &'static str,
        spared: usize,
        failing: usize,
        fault: Fault,
    ) {
        self.state.plans.lock().unwrap().push(Plan {
            operation,
            spared,
            failing,
            fault,
        });
    }

    /// Lets no more calls fail, and returns how many more would have.
    pub(crate) fn heal(&self) -> usize {
        let plans = self.state.plans.lock().unwrap().split_off(0);
        plans.iter().map(|plan| plan.failing).sum()
    }

    /// The calls that have arrived since this was last asked, in the order of the alphabet: each
    /// operation with the tables that it is about, a transaction with what it does to each.
    pub(crate) fn calls(&self) -> Vec<String> {
        let mut calls = self.state.calls.lock().unwrap().split_off(0);
        calls.sort();
        calls
    }

    /// Waits until a call has been carried out whose response nobody will get.
    pub(crate) async fn late_response(&self) {
        self.state.carried_out.notified().await;
    }
}

/// The configuration of a client whose calls go to `address`.
fn aws(address: SocketAddr) -> SdkConfig {
    let mut builder = Api::aws()
        .into_builder()
        .endpoint_url(format!("http://{address}"))
        // Clients in one region share the allowance of retries that the SDK keeps; those of other
        // tests must not use up this one's.
        .region(Region::new(format!("test-{}", Uuid::new_v4().simple())));
    // Before the addresses of the engines.
    builder.insert_origin("endpoint_url", Origin::shared_config());
    builder.build()
}

impl State {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let state = Arc::clone(&self);
            let service = service_fn(move |request: hyper::Request<_>| {
                let state = Arc::clone(&state);
                async move { state.respond(request.map(Body::new)).await }
            });
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(connection), service);
            // It fails where it is meant to.
            tokio::spawn(connection);
        }
    }

    /// Answers `request`; an error closes the connection.
    async fn respond(&self, request: Request) -> io::Result<Response> {
        let (head, body) = request.into_parts();
        let body = body::to_bytes(body, usize::MAX).await;
        let body = body.map_err(io::Error::other)?;
        let mut request = Request::from_parts(head, Body::from(body.clone()));
        let target = request.headers().get("x-amz-target");
        let target = target.and_then(|target| target.to_str().unwrap().split_once('.'));
        let (engine, operation) = match target {
            Some(("secretsmanager", operation)) => (None, operation.to_owned()),
            Some((_, operation)) => (Some("DYNAMODB"), operation.to_owned()),
            None => {
                let method = request.method().as_str();
                let operation = format!("{}{}Object", &method[..1], method[1..].to_lowercase());
                (Some("S3"), operation)
            }
        };
        self.calls.lock().unwrap().push(call(&operation, &body));
        let fault = self.fault(&operation);
        let carry_out = async {
            match engine {
                None => secret(request).await,
                Some(engine) => {
                    let url =
                        Api::engine(engine) + request.uri().path_and_query().unwrap().as_str();
                    *request.uri_mut() = url.parse().unwrap();
                    self.http.request(request).await.unwrap().map(Body::new)
                }
            }
        };
        let hang_up = io::Error::from(io::ErrorKind::ConnectionReset);
        match fault {
            None => Ok(carry_out.await),
            Some(Fault::HangUp) => Err(hang_up),
            Some(Fault::Silence) => future::pending().await,
            Some(Fault::Refusal(status, body)) => Ok(refusal(status, body)),
            Some(Fault::Delay) => {
                let response = carry_out.await;
                time::sleep(Duration::from_millis(300)).await;
                Ok(response)
            }
            Some(Fault::LostResponse) => {
                carry_out.await;
                Err(hang_up)
            }
            Some(Fault::CutResponse) => {
                let (head, body) = carry_out.await.into_parts();
                let body = body::to_bytes(body, usize::MAX).await.unwrap();
                if body.is_empty() {
                    return Err(hang_up);
                }
                let half = [Ok(body.slice(..body.len() / 2)), Err(hang_up)];
                Ok(Response::from_parts(
                    head,
                    Body::from_stream(stream::iter(half)),
                ))
            }
            Some(Fault::LateResponse) => {
                carry_out.await;
                self.carried_out.notify_one();
                future::pending().await
            }
            Some(Fault::Meeting) => {
                self.meeting.wait().await;
                Ok(carry_out.await)
            }
        }
    }

    /// What happens to the next call of `operation`.
    fn fault(&self, operation: &str) -> Option<Fault> {
        let mut plans = self.plans.lock().unwrap();
        let plan = plans
            .iter_mut()
            .find(|plan| plan.operation == operation && plan.failing > 0)?;
        if plan.spared > 0 {
            plan.spared -= 1;
            return None;
        }
        plan.failing -= 1;
        Some(plan.fault)
    }
}

/// A call in words.
fn call(operation: &str, body: &[u8]) -> String {
    // That of an object is none.
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let actions = body["TransactItems"].as_array().into_iter().flatten();
    let actions = actions.filter_map(Value::as_object).flatten();
    let words = actions.flat_map(|(action, item)| [Some(action.as_str()), table(item)]);
    let words = [Some(operation), table(&body)].into_iter().chain(words);
    words.flatten().collect::<Vec<_>>().join(" ")
}

/// What comes last in the name of a table.
fn table(item: &Value) -> Option<&str> {
    item["TableName"].as_str()?.rsplit('-').next()
}

fn refusal(status: u16, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap();
    response
}

/// What Secrets Manager says of a secret whose one version is the key of the tests.
async fn secret(request: Request) -> Response {
    let body = body::to_bytes(request.into_body(), usize::MAX).await;
    let asked: Value = serde_json::from_slice(&body.unwrap()).unwrap();
    if asked["VersionStage"] != "AWSCURRENT" {
        return refusal(400, r#"{"__type":"ResourceNotFoundException"}"#);
    }
    let secret = json!({ "VersionId": "version", "SecretString": JWT_SECRET });
    Response::new(Body::from(secret.to_string()))
}
