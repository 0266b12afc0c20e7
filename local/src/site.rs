//! The reference frontend of `frontend/`. No function serves it, and it is never deployed.

use std::net::SocketAddr;

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Each file's path, media type and content.
const FILES: [(&str, &str, &str); 7] = [
    ("/", HTML, include_str!("../../frontend/index.html")),
    ("/api.js", JAVASCRIPT, include_str!("../../frontend/api.js")),
    ("/app.js", JAVASCRIPT, include_str!("../../frontend/app.js")),
    (
        "/config.js",
        JAVASCRIPT,
        include_str!("../../frontend/config.js"),
    ),
    (
        "/messages.js",
        JAVASCRIPT,
        include_str!("../../frontend/messages.js"),
    ),
    (
        "/rosette.svg",
        SVG,
        include_str!("../../frontend/rosette.svg"),
    ),
    ("/style.css", CSS, include_str!("../../frontend/style.css")),
];

/// The file at `path`, from a gateway at `address`. `None` where nothing is.
pub(crate) fn at(path: &str, address: SocketAddr) -> Option<Response> {
    let (_, media_type, content) = FILES.into_iter().find(|file| file.0 == path)?;
    // The page may load itself, a picture that is about to be uploaded (`blob:`), and avatars, whose
    // URLs name the address even where the page has been opened as `localhost`. The browser never
    // sends its forms by itself, and no text ever becomes markup or code.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' blob: http://{address}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another version of the page may be on this port tomorrow.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Some((headers, content).into_response())
}
