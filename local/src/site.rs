//! The reference frontend of `frontend/`. No function serves it, and it is never deployed.

use std::{borrow::Cow, net::SocketAddr};

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

/// Each file's name and content, but for `config.js`.
const FILES: [(&str, &str); 12] = files![
    "index.html" "style.css" "rosette.svg" "api.js" "app.js" "avatar.js" "forms.js" "language.js"
    "messages.js" "picture.js" "session.js" "views.js"
];

/// The frontend as one gateway serves it.
#[derive(Debug)]
pub(crate) struct Site {
    /// The content of `config.js`.
    config: String,
    content_security_policy: String,
}

impl Site {
    /// Configures the frontend for a gateway at `address` whose `PASSWORD_POLICY` is `password_policy`.
    pub(crate) fn new(address: SocketAddr, password_policy: &str) -> Self {
        let config = include_str!("../../frontend/config.js");
        Self {
            config: config.replace(r#""documented""#, &format!("{password_policy:?}")),
            // The page may load its own files, a picture before its upload (`blob:`), and avatars,
            // whose URLs name the address even if the page was opened as `localhost`. The browser never
            // submits its forms itself, and the page never turns text into markup or code.
            content_security_policy: format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                 img-src 'self' blob: http://{address}; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
            ),
        }
    }

    /// Returns the file at `path`, if there is one.
    pub(crate) fn at(&self, path: &str) -> Option<Response> {
        let name = match path.strip_prefix('/')? {
            "" => "index.html",
            name => name,
        };
        let content = if name == "config.js" {
            Cow::from(self.config.clone())
        } else {
            let (_, content) = FILES.into_iter().find(|file| file.0 == name)?;
            content.into()
        };
        let media_type = match name.rsplit('.').next()? {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        let headers = [
            (header::CONTENT_TYPE, media_type),
            (
                header::CONTENT_SECURITY_POLICY,
                &self.content_security_policy,
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            // Another version of the page may use this port later, so caches must not keep this
            // one.
            (header::CACHE_CONTROL, "no-cache"),
        ];
        Some((headers, content).into_response())
    }
}
