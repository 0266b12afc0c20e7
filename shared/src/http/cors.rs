use lambda_http::http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
    },
};

use crate::env::{Env, EnvError};

/// The origins whose pages may read the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All.
    Any,
    /// These, each as a browser sends it (`https://app.example.com`).
    Listed(Vec<HeaderValue>),
}

impl Origins {
    /// Reads `ALLOWED_ORIGINS`: `*` (the default) or a comma-separated list.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Invalid`]: an item is no `scheme://host[:port]`.
    pub fn from_env(env: &Env) -> Result<Self, EnvError> {
        const NAME: &str = "ALLOWED_ORIGINS";
        let value = env.optional(NAME).unwrap_or("*").trim();
        if value == "*" {
            return Ok(Self::Any);
        }
        let parse = |origin: &str| {
            let (scheme, host) = origin.split_once("://")?;
            let well_formed = matches!(scheme, "http" | "https")
                && !host.is_empty()
                && !host
                    .contains(|c: char| c.is_whitespace() || matches!(c, '/' | '*' | '?' | '#'));
            well_formed.then(|| HeaderValue::from_str(origin).ok())?
        };
        value
            .split(',')
            .map(|origin| parse(origin.trim()))
            .collect::<Option<Vec<_>>>()
            .map(Self::Listed)
            .ok_or(EnvError::Invalid {
                name: NAME,
                rule: "`*` or a comma-separated list of origins like `https://app.example.com`",
            })
    }

    /// Lets the page that sent `request` read the answer whose headers are `response`.
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

/// Adds to the answer of a preflight what may be sent. The headers are those that
/// django-cors-headers allows, so that a frontend written for it needs no change.
pub(super) fn describe(headers: &mut HeaderMap, methods: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with",
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
        assert!(origins("https://a.example, http://localhost:5173").is_ok());
        for value in [
            "a.example",
            "https://",
            "https://a.example/",
            "https://*.example",
            "https://a.example,",
            "ftp://a",
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
