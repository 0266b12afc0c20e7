//! A value of `Authorization`, or the header and the claims of a token on a line each: nobody gets in
//! without the key, and with it by no other claims than those of a token.

#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use aws_types::SdkConfig;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fuzz::{SECRET, TOKENS};
use lambda_http::{
    Request,
    http::{HeaderValue, header::AUTHORIZATION},
};
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use serde_json::Value;
use shared::http::{ApiError, Authenticator};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(fuzz::runtime);
static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    RUNTIME
        .block_on(Authenticator::from_env(
            &fuzz::env(),
            &SdkConfig::builder().build(),
        ))
        .expect("it starts")
});

/// When it is: in 2027, after the expiry of one of the sample events' tokens and before that of the
/// others.
const NOW_SECONDS: u64 = 1_800_000_000;

/// Whether somebody with `authorization` gets in. That nobody does is a 401.
fn is_let_in(authorization: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(authorization) else {
        return false;
    };
    let mut request = Request::default();
    request.headers_mut().insert(AUTHORIZATION, value);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_SECONDS);
    match RUNTIME.block_on(AUTHENTICATOR.claims(&request, now)) {
        Ok(_) => true,
        Err(error @ ApiError::Unauthenticated(_)) => {
            assert_eq!(error.into_response().status(), 401);
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(2, |&byte| byte == b'\n');
    let (Some(header), Some(claims)) = (lines.next(), lines.next()) else {
        if is_let_in(input) {
            let token = str::from_utf8(input).expect("a token is text");
            let token = token.split_ascii_whitespace().nth(1);
            assert!(token.is_some_and(|token| TOKENS.contains(&token)));
        }
        return;
    };
    let message = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let sign = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        format!("JWT {message}.{signature}")
    };
    assert!(!is_let_in(
        sign("another key, as long as it has to be").as_bytes()
    ));
    if is_let_in(sign(SECRET).as_bytes()) {
        let header: Value = serde_json::from_slice(header).expect("a header is JSON");
        let claims: Value = serde_json::from_slice(claims).expect("claims are JSON");
        assert_eq!(
            (header["alg"].as_str(), header["kid"].as_str()),
            (Some("HS256"), Some("local"))
        );
        assert!(claims["exp"].as_u64() > Some(NOW_SECONDS));
        assert!(
            ["user_id", "username", "email"]
                .iter()
                .all(|name| claims[name].is_string())
        );
    }
});
