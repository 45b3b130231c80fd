//! The check of the Host header: a page of a foreign name that resolves to this machine (DNS
//! rebinding) must not read the API through an operator's browser.

use std::fmt;
use std::net::IpAddr;

use hyper::header;
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// Why a request is refused by its Host header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HostError {
    /// HTTP/1.1 demands exactly one (RFC 9112, 3.2).
    NotOne,
    /// It is no host name or address.
    Malformed,
    /// It is not in `admin.allowed_hosts`.
    Foreign(String),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => f.write_str("a request has exactly one Host header"),
            Self::Malformed => f.write_str("the Host header holds no host"),
            Self::Foreign(host) => {
                write!(f, "host {host} is not listed in admin.allowed_hosts")
            }
        }
    }
}

impl std::error::Error for HostError {}

/// Whether the request names one of the `allowed` hosts, which are compared without port, brackets
/// and case, and addresses by what they mean: `[0:0::1]` is `::1`. HTTP/1.0 may leave the header out: load balancers do, browsers never.
///
/// # Errors
/// When it does not.
pub(super) fn check(request: &Request<()>, allowed: &[String]) -> Result<(), HostError> {
    let mut headers = request.headers().get_all(header::HOST).iter();
    let host = match (headers.next(), headers.next()) {
        (Some(host), None) => host,
        (None, None) if request.version() == Version::HTTP_10 => return Ok(()),
        (None, None) | (_, Some(_)) => return Err(HostError::NotOne),
    };
    let authority = Authority::try_from(host.as_bytes()).map_err(|_| HostError::Malformed)?;
    // An absolute target overrides the header (RFC 9112, 3.2.2): both have to be ours.
    let target = request.uri().authority();
    match std::iter::once(&authority)
        .chain(target)
        .map(|it| bare(it.host()))
        .find(|host| !allowed.iter().any(|it| is_same(bare(it), host)))
    {
        None => Ok(()),
        Some(foreign) => Err(HostError::Foreign(foreign.to_owned())),
    }
}

fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

fn is_same(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        (_, _) => a.eq_ignore_ascii_case(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(hosts: &[&str]) -> Result<(), HostError> {
        let mut request = Request::builder().uri("/livez");
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let request = request.body(()).expect("a request of the test");
        check(&request, &["localhost".into(), "::1".into()])
    }

    #[test]
    fn listed_hosts_pass_with_and_without_port_in_any_case() {
        for host in [
            "localhost",
            "LocalHost:9900",
            "[::1]",
            "[::1]:9900",
            "[0:0::1]",
            "[0:0:0:0:0:0:0:1]:9900",
        ] {
            assert_eq!(checked(&[host]), Ok(()), "{host}");
        }
    }

    #[test]
    fn foreign_missing_double_and_malformed_hosts_are_refused() {
        assert_eq!(checked(&["evil.example:9900"]), Err(HostError::Foreign("evil.example".into())));
        assert_eq!(checked(&[]), Err(HostError::NotOne));
        assert_eq!(checked(&["localhost", "localhost"]), Err(HostError::NotOne));
        for host in ["", "local host", "[::1"] {
            assert_eq!(checked(&[host]), Err(HostError::Malformed), "{host}");
        }
    }

    #[test]
    fn an_absolute_target_is_checked_too() {
        let request = Request::builder()
            .uri("http://evil.example/v1/status")
            .header(header::HOST, "localhost")
            .body(())
            .expect("a request of the test");
        let refused = check(&request, &["localhost".into()]);
        assert_eq!(refused, Err(HostError::Foreign("evil.example".into())));
    }

    #[test]
    fn http_1_0_may_leave_the_header_out() {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_10;
        assert_eq!(check(&request, &[]), Ok(()));
    }
}
