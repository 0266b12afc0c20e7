use std::convert::Infallible;

use aws_types::SdkConfig;
use create_user::CreateUser;
use get_profile::GetProfile;
use lambda_http::{
    Adapter, Body, Context, LambdaEvent, Request, Response, Service as _, request::LambdaRequest,
    service_fn,
};
use obtain_token::ObtainToken;
use serde_json::{Value, json};
use update_profile::UpdateProfile;

use crate::OwnStack;

/// The endpoints of a stack, without its gateway.
pub struct Functions {
    create_user: CreateUser,
    obtain_token: ObtainToken,
    update_profile: UpdateProfile,
    get_profile: GetProfile,
}

impl Functions {
    /// Builds them with the variables of `stack`.
    pub async fn of(stack: &OwnStack) -> Self {
        Self::through(&OwnStack::aws(), stack).await
    }

    /// Like [`of`](Self::of), but they reach the engines through `aws`.
    pub async fn through(aws: &SdkConfig, stack: &OwnStack) -> Self {
        let env = stack.stack().env();
        Self {
            create_user: CreateUser::from_env(env, aws).unwrap(),
            obtain_token: ObtainToken::from_env(env, aws).await.unwrap(),
            update_profile: UpdateProfile::from_env(env, aws).await.unwrap(),
            get_profile: GetProfile::from_env(env, aws).await.unwrap(),
        }
    }

    /// Invokes `function` with `event` and returns the status and the body of its response.
    ///
    /// Event and response are decoded and encoded as on Lambda.
    pub async fn invoke(&self, function: &str, event: Value) -> (u64, Value) {
        let event: LambdaRequest = serde_json::from_value(event).unwrap();
        let event = LambdaEvent::new(event, Context::default());
        let mut adapter = Adapter::from(service_fn(async |request| {
            Ok::<_, Infallible>(self.respond(function, request).await)
        }));
        let Ok(response) = adapter.call(event).await;
        let response = serde_json::to_value(&response).unwrap();
        let body = match response["body"].as_str() {
            None | Some("") => Value::Null,
            Some(body) => serde_json::from_str(body).unwrap(),
        };
        (response["statusCode"].as_u64().unwrap(), body)
    }

    async fn respond(&self, function: &str, request: Request) -> Response<Body> {
        match function {
            "create_user" => self.create_user.respond(request).await,
            "obtain_token" => self.obtain_token.respond(request).await,
            "update_profile" => self.update_profile.respond(request).await,
            "get_profile" => self.get_profile.respond(request).await,
            _ => panic!("there is no function {function}"),
        }
    }
}

/// Returns an event of an HTTP API (payload format 2.0).
pub fn http_api_event(method: &str, path: &str, headers: Value, body: Option<&str>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test" },
            "requestId": "1",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}
