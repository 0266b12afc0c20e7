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

use crate::{JWT_SECRET, OwnStack, engines::ENGINES};

/// A fault of a call to AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is not carried out, and the connection is closed without a response.
    HangUp,
    /// The call is not carried out, and the response never comes.
    Silence,
    /// The call is not carried out; the response has this status and body.
    Refusal(u16, &'static str),
    /// The call is carried out; the response comes 0.3 s later.
    Delay,
    /// The call is carried out, and the connection is closed without a response.
    LostResponse,
    /// The call is carried out, and the connection is closed in the middle of the response's body, or
    /// without a response if its body is empty.
    CutResponse,
    /// The call is carried out, and the response never comes.
    LateResponse,
    /// The call is carried out as soon as another call with this fault has arrived.
    Meeting,
}

/// A fault of some calls of an operation.
struct Plan {
    operation: &'static str,
    spared: usize,
    failing: usize,
    fault: Fault,
}

/// A proxy between the SDK and the engines that injects faults and records calls.
///
/// It is also a stand-in for Secrets Manager, for which there is no engine.
pub struct Proxy {
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

/// A bound port that refuses connections until a proxy listens there.
pub struct Down(TcpSocket);

impl Down {
    /// Binds any free port.
    #[expect(clippy::new_without_default, reason = "each one has a port of its own")]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self(socket)
    }

    /// The configuration of a client whose connections are refused.
    pub fn aws(&self) -> SdkConfig {
        aws(self.0.local_addr().unwrap())
    }

    /// Starts a proxy at the port.
    pub fn up(self) -> Proxy {
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
    /// Starts one at any free port.
    pub fn start() -> Self {
        Down::new().up()
    }

    /// The configuration of a client that reaches the engines through the proxy.
    pub fn aws(&self) -> SdkConfig {
        aws(self.address)
    }

    /// Plans `fault` for `failing` calls of `operation`, after the first `spared` ones.
    ///
    /// Plans for one operation are used up in their order.
    pub fn plan(&self, operation: &'static str, spared: usize, failing: usize, fault: Fault) {
        self.state.plans.lock().unwrap().push(Plan {
            operation,
            spared,
            failing,
            fault,
        });
    }

    /// Drops all plans and returns the number of faults that were planned and did not happen.
    pub fn heal(&self) -> usize {
        let plans = self.state.plans.lock().unwrap().split_off(0);
        plans.iter().map(|plan| plan.failing).sum()
    }

    /// Returns the calls since the last time, in alphabetical order: an operation with its table, or a
    /// transaction with its actions and their tables.
    pub fn calls(&self) -> Vec<String> {
        let mut calls = self.state.calls.lock().unwrap().split_off(0);
        calls.sort();
        calls
    }

    /// Waits until a call with [`Fault::LateResponse`] has been carried out.
    pub async fn late_response(&self) {
        self.state.carried_out.notified().await;
    }
}

/// The configuration of a client whose calls go to `address`.
fn aws(address: SocketAddr) -> SdkConfig {
    let mut builder = OwnStack::aws()
        .into_builder()
        .endpoint_url(format!("http://{address}"))
        // The SDK keeps one retry quota for all clients in a region. Other tests must not use up this
        // one's.
        .region(Region::new(format!("test-{}", Uuid::new_v4().simple())));
    // Otherwise the URLs of the engines, one for each service, take precedence.
    builder.insert_origin("endpoint_url", Origin::shared_config());
    builder.build()
}

/// The URL of the engine that `service` names as in the SDK's variables.
fn engine_url(service: &str) -> String {
    let name = format!("AWS_ENDPOINT_URL_{service}");
    let variables = ENGINES.variables();
    let url = variables.iter().find(|(variable, _)| *variable == name);
    url.unwrap().1.clone()
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
            // It returns an error for every planned hang-up.
            tokio::spawn(connection);
        }
    }

    /// Responds to `request`. An error closes the connection.
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
                    let path = request.uri().path_and_query().unwrap();
                    let url = engine_url(engine) + path.as_str();
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

    /// Returns the fault of this call of `operation`, and counts the call.
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

/// Describes a call.
fn call(operation: &str, body: &[u8]) -> String {
    // The body of an object is not JSON.
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let actions = body["TransactItems"].as_array().into_iter().flatten();
    let actions = actions.filter_map(Value::as_object).flatten();
    let words = actions.flat_map(|(action, item)| [Some(action.as_str()), table(item)]);
    let words = [Some(operation), table(&body)].into_iter().chain(words);
    words.flatten().collect::<Vec<_>>().join(" ")
}

/// The last word in the name of a table.
fn table(item: &Value) -> Option<&str> {
    item["TableName"].as_str()?.rsplit('-').next()
}

fn refusal(status: u16, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap();
    response
}

/// Responds as Secrets Manager, with a secret whose only version is the key of the tests.
async fn secret(request: Request) -> Response {
    let body = body::to_bytes(request.into_body(), usize::MAX).await;
    let asked: Value = serde_json::from_slice(&body.unwrap()).unwrap();
    if asked["VersionStage"] != "AWSCURRENT" {
        return refusal(400, r#"{"__type":"ResourceNotFoundException"}"#);
    }
    let secret = json!({ "VersionId": "version", "SecretString": JWT_SECRET });
    Response::new(Body::from(secret.to_string()))
}
