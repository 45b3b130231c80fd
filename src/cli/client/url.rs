//! Where a daemon is asked.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;

/// Where a daemon's admin listener is: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminUrl {
    /// At an address, in clear.
    Http(Authority),
    /// At an address, over TLS.
    Https(Authority),
    /// At a Unix socket of this path.
    Unix(PathBuf),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Why a text is no [`AdminUrl`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminUrlError;

impl fmt::Display for AdminUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected http://HOST:PORT, https://HOST:PORT or unix:/PATH, such as \
             http://127.0.0.1:9900",
        )
    }
}

impl std::error::Error for AdminUrlError {}

impl FromStr for AdminUrl {
    type Err = AdminUrlError;

    fn from_str(text: &str) -> Result<Self, AdminUrlError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.starts_with('/') {
                true => Ok(Self::Unix(path.into())),
                false => Err(AdminUrlError),
            };
        }
        let uri: Uri = text.parse().map_err(|_| AdminUrlError)?;
        let is_bare = uri.path() == "/" && uri.query().is_none();
        let (Some(host), Some(port), true) = (uri.host(), uri.port_u16(), is_bare) else {
            return Err(AdminUrlError);
        };
        let at = Authority { host: host.trim_matches(['[', ']']).to_owned(), port };
        match uri.scheme_str() {
            Some("http") => Ok(Self::Http(at)),
            Some("https") => Ok(Self::Https(at)),
            Some(_) | None => Err(AdminUrlError),
        }
    }
}

impl AdminUrl {
    /// What the Host header says.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Http(at) | Self::Https(at) => at.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for AdminUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(at) => write!(f, "http://{at}"),
            Self::Https(at) => write!(f, "https://{at}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_a_port_and_nothing_else_or_a_path() {
        for good in [
            "http://127.0.0.1:9900",
            "http://[::1]:9900",
            "http://localhost:1",
            "https://edge-1.example:9900",
            "unix:/run/nearpoint/admin.sock",
        ] {
            let url: AdminUrl = good.parse().expect(good);
            assert_eq!(url.to_string(), good);
        }
        for bad in [
            "127.0.0.1:9900",
            "http://localhost",
            "ftp://localhost:1",
            "http://localhost:1/x",
            "https://localhost:1?x",
            "unix:admin.sock",
            "unix:",
            "",
        ] {
            assert_eq!(bad.parse::<AdminUrl>(), Err(AdminUrlError), "{bad}");
        }
    }
}
