//! The reference frontend of `frontend/`. No function serves it, and it is never deployed.

use std::net::SocketAddr;

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

/// Includes each file under its name.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../frontend/", $name)))),*]
    };
}

/// Each file's name and content.
const FILES: [(&str, &str); 13] = files![
    "index.html" "style.css" "rosette.svg" "api.js" "app.js" "avatar.js" "config.js" "forms.js"
    "language.js" "messages.js" "picture.js" "session.js" "views.js"
];

/// The file at `path`, from a gateway at `address`. `None` where nothing is.
pub(crate) fn at(path: &str, address: SocketAddr) -> Option<Response> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let (_, content) = FILES.into_iter().find(|file| file.0 == name)?;
    let media_type = match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
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
