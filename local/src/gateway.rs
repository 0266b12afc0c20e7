//! Stands in for API Gateway and CloudFront: turns HTTP requests into the events of a REST API,
//! hands them to the endpoints through `lambda_http`'s own decoding, and serves the avatars. What
//! only developers look at, the frontend and the API's reference, is served beside that.

use std::{collections::BTreeMap, convert::Infallible, future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use aws_sdk_s3::{Client, error::SdkError, operation::get_object::GetObjectError};
use aws_types::SdkConfig;
use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use create_user::CreateUser;
use get_profile::GetProfile;
use lambda_http::{
    Adapter, Context, LambdaEvent, Request as LambdaHttpRequest, Response as LambdaHttpResponse,
    Service as _, aws_lambda_events::apigw::ApiGatewayProxyResponse, request::LambdaRequest,
    service_fn,
};
use obtain_token::ObtainToken;
use serde_json::{Value, json};
use shared::{
    env::Env,
    http::{ApiError, Edge, Form, Origins},
    user::AvatarKey,
};
use tokio::net::TcpListener;
use update_profile::UpdateProfile;

use crate::{guard::Guard, site::Site, swagger::ApiReference};

/// Maximum size of a body that API Gateway takes: 10 MB.
const MAX_BODY_BYTES: usize = 10 << 20;

/// Maximum size of an event that Lambda takes: 6 MB.
const MAX_EVENT_BYTES: usize = 6 << 20;

/// The endpoints by path, and the resources that only the gateway has.
#[derive(Debug)]
pub(crate) struct Gateway {
    create_user: CreateUser,
    obtain_token: ObtainToken,
    update_profile: UpdateProfile,
    get_profile: GetProfile,
    avatars: Client,
    bucket: String,
    /// The edge of the gateway's own responses.
    edge: Edge,
    site: Site,
    reference: ApiReference,
    address: SocketAddr,
}

impl Gateway {
    /// Makes the endpoints of `env`, which reach the engines through `aws`, and their gateway at
    /// `address`.
    ///
    /// # Errors
    ///
    /// Fails if a variable is missing or has a bad value.
    pub(crate) async fn new(
        env: &Env,
        aws: &SdkConfig,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            create_user: CreateUser::from_env(env, aws)?,
            obtain_token: ObtainToken::from_env(env, aws).await?,
            update_profile: UpdateProfile::from_env(env, aws).await?,
            get_profile: GetProfile::from_env(env, aws).await?,
            avatars: Client::new(aws),
            bucket: env.required("AVATARS_BUCKET")?.to_owned(),
            edge: Edge::new("gateway", &[], Origins::from_env(env)?),
            site: Site::new(
                address,
                env.optional("PASSWORD_POLICY").unwrap_or("documented"),
            ),
            reference: ApiReference::new()?,
            address,
        })
    }

    /// Number of Argon2 runs by log-ins. For tests.
    pub(crate) fn log_in_hash_runs(&self) -> u64 {
        self.obtain_token.hash_runs()
    }

    /// Responds to requests until `stopped`, and then to those that are in flight.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let guard = Guard::new(self.address.ip());
        let router = Router::new().fallback(answer).with_state(self);
        axum::serve(listener, guard.refuse_other_hosts(router))
            .with_graceful_shutdown(stopped)
            .await
            .context("the gateway failed")
    }

    async fn route(&self, request: Request) -> Result<Response, ApiError> {
        let path = request.uri().path().to_owned();
        if let Some(key) = path.strip_prefix('/').and_then(AvatarKey::parse) {
            return self.avatar(request.method(), &key).await;
        }
        if matches!(*request.method(), Method::GET | Method::HEAD)
            && let Some(response) = self.site.at(&path).or_else(|| self.reference.at(&path))
        {
            return Ok(response);
        }
        match path.strip_suffix('/').unwrap_or(&path) {
            "/create_user" => {
                self.invoke(request, |event| self.create_user.respond(event))
                    .await
            }
            "/obtain_token" => {
                self.invoke(request, |event| self.obtain_token.respond(event))
                    .await
            }
            "/update_profile" => {
                self.invoke(request, |event| self.update_profile.respond(event))
                    .await
            }
            "/get_profile" => {
                self.invoke(request, |event| self.get_profile.respond(event))
                    .await
            }
            _ => Err(ApiError::NotFound),
        }
    }

    /// Runs an endpoint as Lambda would: a JSON event in, a JSON response out.
    async fn invoke<'a, F>(
        &self,
        request: Request,
        respond: impl Fn(LambdaHttpRequest) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = LambdaHttpResponse<lambda_http::Body>> + Send + 'a,
    {
        let (parts, body) = request.into_parts();
        let body = body::to_bytes(body, MAX_BODY_BYTES)
            .await
            .map_err(|_| ApiError::TooLarge)?;
        let event = self.event(&parts, &body).to_string();
        if event.len() > MAX_EVENT_BYTES {
            return Err(ApiError::TooLarge);
        }
        let event: LambdaRequest = serde_json::from_str(&event).map_err(internal)?;
        let event = LambdaEvent::new(event, Context::default());
        let service = service_fn(|event| {
            let response = respond(event);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let Ok(answer) = Adapter::from(service).call(event).await;
        let answer = serde_json::to_value(&answer).map_err(internal)?;
        let answer: ApiGatewayProxyResponse = serde_json::from_value(answer).map_err(internal)?;
        response(answer)
    }

    /// The event of a REST API's proxy integration (payload format 1.0).
    fn event(&self, parts: &Parts, body: &[u8]) -> Value {
        // The template lists the same types as `BinaryMediaTypes`. API Gateway converts any other
        // body to text, and replaces bytes that are not UTF-8.
        let is_binary = Form::MEDIA_TYPES.contains(&media_type(&parts.headers).as_str());
        let text = if is_binary {
            STANDARD.encode(body)
        } else {
            String::from_utf8_lossy(body).into_owned()
        };
        let path = parts.uri.path();
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &parts.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers
                .entry(name.as_str().to_owned())
                .or_default()
                .push(value);
        }
        // API Gateway puts its own name there, too.
        headers.insert("host".to_owned(), vec![self.address.to_string()]);
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            query
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        json!({
            "resource": path.trim_end_matches('/'),
            "path": path,
            "httpMethod": parts.method.as_str(),
            "headers": last_values(&headers),
            "multiValueHeaders": headers,
            "queryStringParameters": last_values(&query),
            "multiValueQueryStringParameters": query,
            "pathParameters": null,
            "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": self.address.to_string(),
                "httpMethod": parts.method.as_str(),
                "identity": { "sourceIp": "127.0.0.1" },
                "path": path,
                "protocol": "HTTP/1.1",
                "resourcePath": path.trim_end_matches('/'),
                "stage": "$default",
            },
            "body": (!body.is_empty()).then_some(text),
            "isBase64Encoded": is_binary,
        })
    }

    /// Serves an object as it was stored.
    async fn avatar(&self, method: &Method, key: &AvatarKey) -> Result<Response, ApiError> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(ApiError::NotFound);
        }
        let object = self
            .avatars
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await;
        let object = object.map_err(|error| match error {
            SdkError::ServiceError(refusal)
                if matches!(refusal.err(), GetObjectError::NoSuchKey(_)) =>
            {
                ApiError::NotFound
            }
            error => shared::aws::AwsError::new("GetObject", &error).into(),
        })?;
        let headers = [
            (header::CONTENT_TYPE, object.content_type),
            (header::CACHE_CONTROL, object.cache_control),
            (header::ETAG, object.e_tag),
        ];
        let bytes = object.body.collect().await.map_err(internal)?.into_bytes();
        let mut response = Response::new(Body::from(bytes));
        for (name, value) in headers {
            let value = value
                .map(HeaderValue::try_from)
                .transpose()
                .map_err(internal)?;
            response
                .headers_mut()
                .extend(value.map(|value| (name, value)));
        }
        // CloudFront adds both by its response headers policy. With the second one a page of any origin
        // may draw an avatar on a canvas.
        response.headers_mut().extend([
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
            (
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                HeaderValue::from_static("*"),
            ),
        ]);
        Ok(response)
    }
}

/// Responds on a task of its own: a client that hangs up stops no function on Lambda either, and a
/// panic ends that task alone.
async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let asked = head(&request);
    let task = {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.route(request).await })
    };
    match task.await.unwrap_or_else(|error| Err(internal(error))) {
        Ok(response) => response,
        Err(error) => {
            let response = gateway.edge.respond(&asked, async { Err(error) }).await;
            response.map(|body| Body::from(body.to_vec()))
        }
    }
}

/// The part of `request` that the response's headers depend on. Its method is dropped, so `OPTIONS` on an
/// unknown path is a 404.
fn head(request: &Request) -> LambdaHttpRequest {
    let mut head = LambdaHttpRequest::default();
    *head.headers_mut() = request.headers().clone();
    head
}

/// The single-value form of `values`, in which the last one counts.
fn last_values(values: &BTreeMap<String, Vec<String>>) -> Value {
    values
        .iter()
        .map(|(name, values)| (name.clone(), json!(values.last())))
        .collect()
}

/// Returns the media type of a body, in lower case and without its parameters.
fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let content_type = String::from_utf8_lossy(content_type);
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

fn response(answer: ApiGatewayProxyResponse) -> Result<Response, ApiError> {
    let body = answer.body.map(|body| body.to_vec()).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    let status = u16::try_from(answer.status_code).map_err(internal)?;
    *response.status_mut() = StatusCode::from_u16(status).map_err(internal)?;
    *response.headers_mut() = answer.multi_value_headers;
    Ok(response)
}

fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ApiError {
    ApiError::Internal(error.into())
}
