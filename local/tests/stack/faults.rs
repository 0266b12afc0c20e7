//! Every fault at every call to AWS of every endpoint.

use std::{sync::Arc, time::UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use support::{
    Fault, OwnStack, Person, Proxy, Response,
    messages::{CREATED, TAKEN, UNAVAILABLE},
    pictures::{jpeg, photograph},
    send,
};
use tokio::task::JoinSet;
use uuid::Uuid;

const INTERNAL: Fault = Fault::Refusal(
    500,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}"#,
);
const OUT_OF_CAPACITY: Fault = Fault::Refusal(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#,
);
const THROTTLED: Fault = Fault::Refusal(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#,
);
const ITEM_CONFLICT: Fault = Fault::Refusal(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException"}"#,
);
const TRANSACTION_CONFLICT: Fault = Fault::Refusal(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"},{"Code":"None"}]}"#,
);
const TRANSACTION_IN_PROGRESS: Fault = Fault::Refusal(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionInProgressException"}"#,
);
const S3_INTERNAL: Fault = Fault::Refusal(500, "<Error><Code>InternalError</Code></Error>");
const SLOW_DOWN: Fault = Fault::Refusal(503, "<Error><Code>SlowDown</Code></Error>");
/// A response of a load balancer in front of the service.
const BAD_GATEWAY: Fault = Fault::Refusal(503, "<html>");

/// A request whose calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    SignUp,
    LogIn,
    /// After five failures, whose delay has passed.
    LogInAfterDelay,
    /// With an outdated hash, which is then replaced.
    LogInByOldHash,
    Show,
    Rename,
    Upload,
    /// Without a field.
    UpdateNothing,
}

/// The policy of a call, which decides the status of the response if the call fails.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// The SDK repeats it: one fault does not show, a lasting one is a 503.
    Retried,
    /// Like [`Retried`](Self::Retried), but if the first count was carried out and its response was
    /// lost, the repeated one cannot tell it from another attempt's and refuses with a 429.
    Counted,
    /// The SDK repeats it only if it was throttled. If its response was lost, the service looks up
    /// the outcome.
    AtMostOnce,
    /// A failure is only logged.
    BestEffort,
}

/// Each call that each request makes: its operation, the number of calls of that operation before it,
/// and its policy.
const CALLS: [(Request, &str, usize, Expect); 13] = [
    (Request::SignUp, "TransactWriteItems", 0, Expect::Retried),
    (Request::LogIn, "GetItem", 0, Expect::Retried),
    (Request::LogIn, "UpdateItem", 0, Expect::Retried),
    (Request::LogIn, "DeleteItem", 0, Expect::Retried),
    (Request::LogInAfterDelay, "UpdateItem", 1, Expect::Counted),
    (
        Request::LogInByOldHash,
        "TransactWriteItems",
        0,
        Expect::BestEffort,
    ),
    (Request::Show, "GetItem", 0, Expect::Retried),
    (Request::Rename, "UpdateItem", 0, Expect::Retried),
    (Request::Upload, "GetItem", 0, Expect::Retried),
    (Request::Upload, "PutObject", 0, Expect::Retried),
    (Request::Upload, "UpdateItem", 0, Expect::AtMostOnce),
    (Request::Upload, "DeleteObject", 0, Expect::BestEffort),
    (Request::UpdateNothing, "GetItem", 0, Expect::Retried),
];

/// Returns the faults that calls of `operation` can have. Those that take seconds are alone in their
/// group.
fn faults(operation: &str) -> Vec<Vec<Fault>> {
    let mut fast = vec![
        Fault::HangUp,
        Fault::Delay,
        Fault::LostResponse,
        Fault::CutResponse,
    ];
    fast.extend(match operation {
        "PutObject" | "DeleteObject" => vec![S3_INTERNAL, SLOW_DOWN],
        "TransactWriteItems" => vec![
            INTERNAL,
            BAD_GATEWAY,
            OUT_OF_CAPACITY,
            THROTTLED,
            TRANSACTION_CONFLICT,
            TRANSACTION_IN_PROGRESS,
        ],
        "GetItem" => vec![INTERNAL, BAD_GATEWAY, OUT_OF_CAPACITY, THROTTLED],
        _ => vec![
            INTERNAL,
            BAD_GATEWAY,
            OUT_OF_CAPACITY,
            THROTTLED,
            ITEM_CONFLICT,
        ],
    });
    vec![fast, vec![Fault::Silence], vec![Fault::LateResponse]]
}

/// A request, and a fault of one of its calls.
#[derive(Clone, Copy, Debug)]
struct Case {
    request: Request,
    operation: &'static str,
    spared: usize,
    expect: Expect,
    fault: Fault,
    failing: usize,
}

impl Case {
    /// The status that the response has to have.
    fn status(self) -> u16 {
        let once = self.failing == 1;
        let is_carried_out = matches!(
            self.fault,
            Fault::LostResponse | Fault::CutResponse | Fault::LateResponse
        );
        let succeeds = match self.expect {
            _ if self.fault == Fault::Delay => true,
            Expect::BestEffort => true,
            Expect::AtMostOnce if is_carried_out => true,
            Expect::AtMostOnce => once && matches!(self.fault, OUT_OF_CAPACITY | THROTTLED),
            Expect::Counted if is_carried_out && once => return 429,
            // The SDK does not repeat a write that a transaction is in the way of.
            Expect::Retried | Expect::Counted => once && self.fault != ITEM_CONFLICT,
        };
        if !succeeds {
            503
        } else if self.request == Request::SignUp {
            201
        } else {
            200
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_fault_at_any_call_leaves_the_old_state_or_the_new_one() {
    let (mut slow, mut fast) = (JoinSet::new(), Vec::new());
    for (request, operation, spared, expect) in CALLS {
        for faults in faults(operation) {
            let faulty = FaultyStack::start().await;
            let is_slow = faults.len() == 1;
            let run = async move {
                for fault in faults {
                    for failing in [1, usize::MAX] {
                        let case = Case {
                            request,
                            operation,
                            spared,
                            expect,
                            fault,
                            failing,
                        };
                        faulty.run(case).await;
                    }
                }
            };
            if is_slow {
                slow.spawn(run);
            } else {
                fast.push(run);
            }
        }
    }
    // Four at a time: with more, calls on a busy machine would time out without a fault.
    stream::iter(fast).for_each_concurrent(4, |run| run).await;
    slow.join_all().await;
}

/// A stack that reaches the engines through a proxy, and a person who is registered there.
struct FaultyStack {
    proxy: Proxy,
    api: OwnStack,
    member: Person,
    token: String,
}

impl FaultyStack {
    async fn start() -> Self {
        let proxy = Proxy::start();
        let api = OwnStack::through(&proxy.aws(), &[]).await;
        let member = Person {
            password: "12345".to_owned(),
            ..Person::new()
        };
        api.create_user(&member.sign_up())
            .await
            .assert(201, CREATED);
        let token = api.log_in(&member).await;
        Self {
            proxy,
            api,
            member,
            token,
        }
    }

    async fn run(&self, case: Case) {
        match case.request {
            Request::SignUp => self.sign_up(case).await,
            Request::LogIn | Request::LogInAfterDelay | Request::LogInByOldHash => {
                self.log_in(case).await;
            }
            Request::Show => {
                let before = self.profile().await;
                let request = self.authorized(Method::GET, "/get_profile/");
                let response = self.ask(case, request).await;
                if response.status == 200 {
                    assert_eq!(response.json(), before, "{case:?}");
                }
            }
            Request::Rename | Request::Upload | Request::UpdateNothing => self.update(case).await,
        }
    }

    /// Sends `request` while calls fail, asserts the status and returns the response.
    async fn ask(&self, case: Case, request: RequestBuilder) -> Response {
        let Case {
            operation,
            spared,
            failing,
            fault,
            ..
        } = case;
        self.proxy.plan(operation, spared, failing, fault);
        let response = send(request).await;
        assert!(self.proxy.heal() < failing, "no such call: {case:?}");
        let text = response.text();
        assert_eq!(response.status, case.status(), "{case:?}: {text}");
        if response.status == 503 {
            response.assert_detail(503, UNAVAILABLE);
            assert_eq!(response.header("retry-after"), Some("5"));
        }
        response
    }

    /// Signs up, repeats a failed sign-up once the calls work, and asserts that the person can log in.
    async fn sign_up(&self, case: Case) {
        let ada = Person::new();
        let request = self.api.request(Method::POST, "/create_user/");

        let response = self.ask(case, request.json(&ada.sign_up())).await;

        if response.status == 503 {
            let again = self.api.create_user(&ada.sign_up()).await;
            match again.status {
                201 => {}
                _ => again.assert(400, TAKEN),
            }
        }
        self.api.log_in(&ada).await;
    }

    /// Logs in, repeats a failed log-in once the calls work, and asserts that no attempt stays counted.
    async fn log_in(&self, case: Case) {
        let stored = self.api.stored();
        match case.request {
            Request::LogInAfterDelay => {
                stored.put_failures(&self.member.email, 5, UNIX_EPOCH).await;
            }
            Request::LogInByOldHash => stored.import_hashes().await,
            _ => {}
        }
        let request = self.api.request(Method::POST, "/obtain_token/");

        let response = self.ask(case, request.json(&self.member.log_in())).await;

        if response.status == 429 {
            assert_eq!(response.header("retry-after"), Some("2"), "{case:?}");
        }
        if response.status != 200 {
            if case.request == Request::LogInAfterDelay {
                stored.clear("ATTEMPTS_TABLE", "login").await;
            }
            self.api.log_in(&self.member).await;
        }
        assert!(stored.items("ATTEMPTS_TABLE").await.is_empty(), "{case:?}");
    }

    /// Updates, and asserts that the profile is the old one or the new one and that its avatar exists.
    async fn update(&self, case: Case) {
        if case.request == Request::Upload && self.profile().await["avatar"].is_null() {
            let avatar = jpeg(&photograph(64, 64));
            assert_eq!(self.api.upload(&self.token, avatar).await.status, 200);
        }
        let before = self.profile().await;
        let objects = self.api.stored().avatars().await.len();
        let request = self.authorized(Method::PUT, "/update_profile/");
        let name = format!("Ada {}", Uuid::new_v4());
        let request = match case.request {
            Request::Rename => request.json(&json!({ "first_name": name })),
            Request::Upload => {
                let avatar = multipart::Part::bytes(jpeg(&photograph(64, 64))).file_name("me.jpg");
                let form = multipart::Form::new().text("first_name", name.clone());
                request.multipart(form.part("avatar", avatar))
            }
            _ => request.json(&json!({})),
        };

        let response = self.ask(case, request).await;

        let after = self.profile().await;
        match response.status {
            200 => assert_eq!(after, response.json(), "{case:?}"),
            _ if after["first_name"] == name => {}
            _ => assert_eq!(after, before, "{case:?}"),
        }
        let stored = self.api.stored().avatars().await;
        if case.request == Request::Upload {
            let is_new = after["first_name"] == name;
            assert_eq!(after["avatar"] != before["avatar"], is_new, "{case:?}");
            assert!(stored.len() <= objects + 1, "{case:?}");
        }
        if !after["avatar"].is_null() {
            assert_eq!(self.api.avatar(&after).await.status, 200, "{case:?}");
        }
    }

    async fn profile(&self) -> Value {
        self.api.get_profile(&self.token).await.json()
    }

    fn authorized(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.api.request(method, path);
        request.header("Authorization", format!("JWT {}", self.token))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_commit_was_not_heard_undoes_no_later_one() {
    let faulty = Arc::new(FaultyStack::start().await);
    faulty.proxy.plan("UpdateItem", 0, 1, Fault::LateResponse);
    let first = tokio::spawn({
        let faulty = Arc::clone(&faulty);
        async move {
            faulty
                .api
                .upload(&faulty.token, jpeg(&photograph(64, 64)))
                .await
        }
    });
    faulty.proxy.late_response().await;

    let second = faulty
        .api
        .upload(&faulty.token, jpeg(&photograph(65, 64)))
        .await;
    let first = first.await.unwrap();

    let profile = faulty.profile().await;
    assert_eq!(faulty.api.avatar(&profile).await.status, 200);
    assert_eq!((second.status, second.json()), (200, profile));
    first.assert_detail(503, UNAVAILABLE);
    assert_eq!(faulty.api.stored().avatars().await.len(), 1);
}

#[tokio::test]
async fn a_sign_up_whose_commit_was_not_heard_succeeds() {
    let faulty = FaultyStack::start().await;
    for next in [TRANSACTION_CONFLICT, TRANSACTION_IN_PROGRESS, INTERNAL] {
        let ada = Person::new();
        faulty
            .proxy
            .plan("TransactWriteItems", 0, 1, Fault::LostResponse);
        faulty.proxy.plan("TransactWriteItems", 0, 1, next);

        faulty
            .api
            .create_user(&ada.sign_up())
            .await
            .assert(201, CREATED);

        assert_eq!(faulty.proxy.heal(), 0);
        faulty.api.log_in(&ada).await;
    }
}

#[tokio::test]
async fn an_upload_whose_outcome_cannot_be_found_out_keeps_its_avatar() {
    let faulty = FaultyStack::start().await;
    faulty.proxy.plan("UpdateItem", 0, 1, Fault::LostResponse);
    // The first one reads the account before its picture is converted.
    faulty.proxy.plan("GetItem", 1, usize::MAX, INTERNAL);

    let upload = jpeg(&photograph(64, 64));
    let response = faulty.api.upload(&faulty.token, upload).await;

    response.assert_detail(503, UNAVAILABLE);
    faulty.proxy.heal();
    let profile = faulty.profile().await;
    assert_eq!(faulty.api.avatar(&profile).await.status, 200);
}
