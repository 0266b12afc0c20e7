//! Verifies AWS Signature Version 4.

use std::time::SystemTime;

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_types::{DateTime, date_time::Format};
use axum::http::{header::AUTHORIZATION, request::Parts};

/// Returns whether `credentials` have signed the request: signs it once more, and compares.
///
/// Does not check the age of a signature: a program that can read a request on the loopback
/// interface can read the credentials, too.
pub(super) fn is_valid(parts: &Parts, body: &[u8], credentials: &Credentials) -> bool {
    signed_again(parts, body, credentials).is_some_and(|(sent, expected)| sent == expected)
}

/// Returns the signature of the request and the one that `credentials` make of it, or `None` if the
/// request has no signature, or one of other credentials.
fn signed_again<'a>(
    parts: &'a Parts,
    body: &[u8],
    credentials: &Credentials,
) -> Option<(&'a str, String)> {
    let header = |name: &str| parts.headers.get(name)?.to_str().ok();
    let authorization = header(AUTHORIZATION.as_str())?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| {
        let mut parts = authorization.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let mut scope = part("Credential")?.split('/');
    if scope.next()? != credentials.access_key_id() {
        return None;
    }
    let (_date, region, service) = (scope.next()?, scope.next()?, scope.next()?);
    let time = header("X-Amz-Date")?;
    // The signer adds the date itself.
    let signed_names = part("SignedHeaders")?.split(';');
    let signed_headers = signed_names
        .filter(|name| *name != "x-amz-date")
        .map(|name| Some((name, header(name)?)))
        .collect::<Option<Vec<_>>>()?;

    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(parse_time(time)?)
        .settings(settings)
        .build()
        .ok()?;
    let url = format!("http://{}{}", header("Host")?, parts.uri);
    let request = SignableRequest::new(
        parts.method.as_str(),
        url,
        signed_headers.into_iter(),
        SignableBody::Bytes(body),
    );
    let output = sign(request.ok()?, &params.into()).ok()?;
    Some((part("Signature")?, output.signature().to_owned()))
}

/// Parses the time of a signature, `20260131T235959Z`.
fn parse_time(time: &str) -> Option<SystemTime> {
    let (date, time) = time.split_once('T')?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    let time = format!("{year}-{month}-{day}T{hour}:{minute}:{second}");
    let time = DateTime::from_str(&time, Format::DateTime).ok()?;
    SystemTime::try_from(time).ok()
}

#[cfg(test)]
mod tests {
    use aws_sigv4::http_request::SigningInstructions;
    use axum::http::{HeaderValue, Request};

    use super::*;

    const BODY: &[u8] = br#"{"TableName":"users"}"#;

    fn credentials(secret_access_key: &str) -> Credentials {
        Credentials::new("access-key", secret_access_key, None, None, "test")
    }

    fn sign_with(credentials: Credentials, headers: &[(&str, &str)]) -> SigningInstructions {
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-north-1")
            .name("dynamodb")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let url = "http://127.0.0.1:8000/";
        let body = SignableBody::Bytes(BODY);
        let request = SignableRequest::new("POST", url, headers.iter().copied(), body).unwrap();
        sign(request, &params.into()).unwrap().into_parts().0
    }

    /// A request as an SDK with `secret_access_key` sends it.
    fn request(secret_access_key: &str) -> Parts {
        let headers = [
            ("host", "127.0.0.1:8000"),
            ("x-amz-target", "DynamoDB_20120810.DescribeTable"),
        ];
        let mut request = Request::post("/").body(()).unwrap();
        // An SDK does not sign this one.
        let user_agent = HeaderValue::from_static("an SDK");
        request.headers_mut().insert("user-agent", user_agent);
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        sign_with(credentials(secret_access_key), &headers).apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    fn is_valid_for_secret(parts: &Parts, body: &[u8]) -> bool {
        is_valid(parts, body, &credentials("secret"))
    }

    #[test]
    fn a_request_that_the_credentials_have_signed_is_valid() {
        assert!(is_valid_for_secret(&request("secret"), BODY));
    }

    #[test]
    fn a_request_that_another_secret_has_signed_is_not() {
        assert!(!is_valid_for_secret(&request("other"), BODY));
    }

    #[test]
    fn a_request_of_another_access_key_is_not() {
        let other = Credentials::new("other", "secret", None, None, "test");

        assert!(!is_valid(&request("secret"), BODY, &other));
    }

    #[test]
    fn a_changed_request_is_not() {
        assert!(!is_valid_for_secret(&request("secret"), b"{}"));

        for (name, value) in [
            ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
            ("x-amz-date", "20260101T000000Z"),
            ("x-amz-date", "yesterday"),
            ("host", "localhost:8000"),
        ] {
            let mut parts = request("secret");
            parts.headers.insert(name, HeaderValue::from_static(value));

            assert!(!is_valid_for_secret(&parts, BODY), "{name}: {value}");
        }

        let mut parts = request("secret");
        parts.uri = "/?x=1".parse().unwrap();
        assert!(!is_valid_for_secret(&parts, BODY));
    }

    #[test]
    fn a_request_without_a_whole_signature_is_not() {
        let parts = request("secret");
        let whole = parts.headers[AUTHORIZATION].to_str().unwrap();
        for authorization in [
            "",
            "JWT x",
            "AWS4-HMAC-SHA256 ",
            "AWS4-HMAC-SHA256 Credential=access-key, SignedHeaders=host, Signature=0",
            whole.split_once(", Signature").unwrap().0,
            &whole.replace("host;", "host;x-absent;"),
        ] {
            let mut parts = parts.clone();
            let authorization = authorization.parse().unwrap();
            parts.headers.insert(AUTHORIZATION, authorization);

            assert!(!is_valid_for_secret(&parts, BODY));
        }

        let mut parts = parts;
        parts.headers.remove(AUTHORIZATION);
        assert!(!is_valid_for_secret(&parts, BODY));
    }
}
