//! Refuses requests of foreign web pages in a developer's browser to this machine's services.

use std::net::IpAddr;

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, HOST, ORIGIN},
        uri::Authority,
    },
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

/// Checks the requests to a service that listens on an address of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    address: IpAddr,
}

impl Guard {
    /// The guard of a service that listens on `address`.
    pub(crate) fn new(address: IpAddr) -> Self {
        Self { address }
    }

    /// Lets only those requests reach `service` whose `Host` is this machine.
    ///
    /// A page can point its own name at 127.0.0.1 (DNS rebinding), and is then of the same origin as
    /// the service, but its requests still carry that name.
    pub(crate) fn refuse_other_hosts(self, service: Router) -> Router {
        service.layer(middleware::from_fn_with_state(self, check_host))
    }

    /// Like [`refuse_other_hosts`](Self::refuse_other_hosts), and also refuses requests with an
    /// `Origin`: only pages send one, and no page needs an engine.
    pub(crate) fn refuse_pages(self, service: Router) -> Router {
        self.refuse_other_hosts(service.layer(middleware::from_fn(check_origin)))
    }

    /// Returns whether the only `Host` is `localhost`, a loopback address or the address that the
    /// service listens on. A service on all addresses of this machine takes each of them, but no
    /// name: only a name can be pointed elsewhere.
    fn allows(self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let Ok(authority) = Authority::try_from(host.as_bytes()) else {
            return false;
        };
        let name = authority.host();
        let name = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(name);
        name.eq_ignore_ascii_case("localhost")
            || name.parse().is_ok_and(|address: IpAddr| {
                address.is_loopback() || address == self.address || self.address.is_unspecified()
            })
    }
}

async fn check_host(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.allows(request.headers()) {
        next.run(request).await
    } else {
        let detail = "This service answers to localhost and its own address alone.";
        refusal(StatusCode::MISDIRECTED_REQUEST, detail)
    }
}

async fn check_origin(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        refusal(StatusCode::FORBIDDEN, "Web pages cannot use this engine.")
    } else {
        next.run(request).await
    }
}

fn refusal(status: StatusCode, detail: &str) -> Response {
    let body = json!({ "detail": detail }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(address: &str, host: &str) -> bool {
        let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
        Guard::new(address.parse().unwrap()).allows(&headers)
    }

    #[test]
    fn this_machine_is_allowed() {
        for host in [
            "127.0.0.1:3000",
            "127.0.0.1",
            "localhost:3000",
            "LOCALHOST",
            "[::1]:3000",
            "172.17.0.1:3000",
        ] {
            assert!(allows("172.17.0.1", host), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_refused() {
        for host in [
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "172.17.0.2:3000",
            "0.0.0.0:3000",
            "",
            "127.0.0.1:3000, evil.example",
        ] {
            assert!(!allows("172.17.0.1", host), "{host}");
        }
    }

    #[test]
    fn a_service_on_all_addresses_takes_each_but_no_name() {
        assert!(allows("0.0.0.0", "192.168.1.7:3000"));
        assert!(allows("::", "[fd00::7]:3000"));
        assert!(!allows("0.0.0.0", "evil.example:3000"));
    }

    #[test]
    fn there_is_exactly_one_host() {
        let guard = Guard::new(IpAddr::from([127, 0, 0, 1]));
        let mut headers = HeaderMap::new();
        assert!(!guard.allows(&headers));

        headers.append(HOST, "127.0.0.1".parse().unwrap());
        assert!(guard.allows(&headers));

        headers.append(HOST, "evil.example".parse().unwrap());
        assert!(!guard.allows(&headers));
    }
}
