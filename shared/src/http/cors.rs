use lambda_http::http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
    },
};

use url::Url;

use crate::env::{Env, EnvError};

/// The origins whose pages may read responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every origin.
    Any,
    /// These alone, each as a browser sends it: `https://app.example.com`.
    Listed(Vec<HeaderValue>),
}

impl Origins {
    /// Reads `ALLOWED_ORIGINS`: `*` (the default) or a comma-separated list.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Invalid`]: an item is not an origin as a browser sends it. It would never match.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        const NAME: &str = "ALLOWED_ORIGINS";
        let value = env.optional(NAME).unwrap_or("*").trim();
        if value == "*" {
            return Ok(Self::Any);
        }
        value
            .split(',')
            .map(|origin| parse(origin.trim()))
            .collect::<Option<Vec<_>>>()
            .map(Self::Listed)
            .ok_or(EnvError::Invalid {
                name: NAME,
                rule: "`*` or a comma-separated list of origins like `https://app.example.com`, \
                       each as a browser sends it: in lower case, without a default port",
            })
    }

    /// Lets the page that sent `request` read the response with the headers `response`.
    pub(super) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        match self {
            Self::Any => {
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::Listed(origins) => {
                response.insert(VARY, HeaderValue::from_static("Origin"));
                let origin = request
                    .get(ORIGIN)
                    .filter(|origin| origins.contains(origin));
                let Some(origin) = origin else {
                    return;
                };
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            }
        }
        let readable = HeaderValue::from_static("Retry-After, WWW-Authenticate");
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, readable);
    }
}

/// Parses an origin that is written as a browser does (the URL standard's serialization of an origin):
/// `http` or `https`, a host in lower case and as A-labels, a port if it is not the scheme's own.
fn parse(origin: &str) -> Option<HeaderValue> {
    let url = Url::parse(origin).ok()?;
    let is_serialized =
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == origin;
    if is_serialized && !origin.contains('*') {
        HeaderValue::from_str(origin).ok()
    } else {
        None
    }
}

/// Adds to the response to a preflight the headers that a page may send: those that django-cors-headers
/// allows, so that a frontend written for it needs no change, and `*`, because tracing libraries add
/// their own. `*` does not cover `Authorization`, and nothing at all in some older browsers.
pub(super) fn describe(headers: &mut HeaderMap, methods: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with, *",
        ),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(value: &str) -> Result<Origins, EnvError> {
        Origins::from_env(&Env::from_iter([("ALLOWED_ORIGINS", value)]))
    }

    #[test]
    fn are_all_by_default() {
        assert_eq!(origins("").unwrap(), Origins::Any);
        assert_eq!(origins("*").unwrap(), Origins::Any);
    }

    #[test]
    fn are_a_list_of_origins() {
        for value in [
            "https://a.example, http://localhost:5173",
            "https://xn--e1afmkfd.xn--p1ai",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://a.example:80",
        ] {
            assert!(origins(value).is_ok(), "{value}");
        }
        for value in [
            "a.example",
            "https://",
            "https://a.example/",
            "https://*.example",
            "https://a.example,",
            "ftp://a",
            "HTTPS://a.example",
            "https://App.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example:",
            "https://a.example:08443",
            "https://a.example:99999",
            "https://ada@a.example",
            "https://ada:secret@a.example",
            "https://пример.рф",
            "https://a.example?x",
            "https://a.example#x",
            "https://a b.example",
            "https://127.1",
            "https://a.example\\",
            "null",
        ] {
            assert!(origins(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_listed_origin_is_echoed_and_no_other() {
        let listed = origins("https://a.example,https://b.example").unwrap();
        let allowed = |origin: Option<&'static str>| {
            let request = origin
                .map(|origin| (ORIGIN, HeaderValue::from_static(origin)))
                .into_iter()
                .collect();
            let mut response = HeaderMap::new();
            listed.allow(&request, &mut response);
            assert_eq!(response[VARY], "Origin");
            response.remove(ACCESS_CONTROL_ALLOW_ORIGIN)
        };

        assert_eq!(
            allowed(Some("https://b.example")).unwrap(),
            "https://b.example"
        );
        assert_eq!(allowed(Some("https://c.example")), None);
        assert_eq!(allowed(Some("null")), None);
        assert_eq!(allowed(None), None);
    }
}
