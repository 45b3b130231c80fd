//! Who we are and whom we trust: the token and the certificates of a request.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper::header::HeaderValue;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::url::AdminUrl;
use crate::cli::args::DaemonArgs;
use crate::config::read_at_most;

/// The variable of the environment with a token.
pub(super) const TOKEN: &str = "NEARPOINT_TOKEN";

/// The largest file that is read.
const LIMIT: usize = 1 << 20;

/// What to show to a daemon.
#[derive(Clone, Default)]
pub(super) struct Identity {
    /// The whole header.
    pub(super) token: Option<HeaderValue>,
    /// Of an `https` URL.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// Why there is nothing to show. Never shows a secret.
#[derive(Clone, Debug)]
pub(in crate::cli) struct IdentityError(String);

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IdentityError {}

impl Identity {
    /// What the command line names, and the environment where it names no token.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(super) fn of(args: &DaemonArgs) -> Result<Self, IdentityError> {
        let said = std::env::var_os(TOKEN).filter(|token| !token.is_empty());
        let token = match (&args.token_file, said) {
            (Some(file), _) => Some(token_of(file)?),
            (None, Some(said)) => Some(said.into_string().map_err(|_| bad_token(&TOKEN))?),
            (None, None) => None,
        };
        let place = args.token_file.as_ref().map_or(TOKEN.into(), |file| file.to_string_lossy());
        let token = token.map(|token| {
            let header = HeaderValue::try_from(format!("Bearer {token}"));
            let mut header = header.map_err(|_| bad_token(&place))?;
            header.set_sensitive(true);
            Ok(header)
        });
        let tls = match &args.admin {
            AdminUrl::Https(_) => Some(Arc::new(tls(args)?)),
            AdminUrl::Http(_) | AdminUrl::Unix(_) => None,
        };
        Ok(Self { token: token.transpose()?, tls })
    }
}

/// The first line that is neither blank nor a comment, which is a token or ends with one: a line of
/// `admin.tokens_file` will do.
fn token_of(file: &Path) -> Result<String, IdentityError> {
    let bytes = read(file)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    match line.map(|line| line.split_ascii_whitespace().collect::<Vec<_>>()).as_deref() {
        Some([token] | [_, "read" | "write", token]) => Ok((*token).to_owned()),
        Some(_) | None => Err(bad_token(&file.display())),
    }
}

fn bad_token(place: &dyn fmt::Display) -> IdentityError {
    IdentityError(format!("{place} holds no token"))
}

fn tls(args: &DaemonArgs) -> Result<ClientConfig, IdentityError> {
    let Some(ca) = &args.ca else {
        let text = "https needs --ca FILE: the certificates of the issuers that are believed";
        return Err(IdentityError(text.to_owned()));
    };
    let unusable =
        |file: &Path, why: &dyn fmt::Display| IdentityError(format!("{}: {why}", file.display()));
    let mut roots = RootCertStore::empty();
    for issuer in certificates(ca)? {
        roots.add(issuer).map_err(|error| unusable(ca, &error))?;
    }
    let provider: Arc<CryptoProvider> = ring::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| unusable(ca, &error))?.with_root_certificates(roots);
    match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => {
            let private = PrivateKeyDer::from_pem_slice(&read(key)?);
            let private = private.map_err(|_| unusable(key, &"holds no private key in PEM"))?;
            let config = builder.with_client_auth_cert(certificates(cert)?, private);
            config.map_err(|error| unusable(cert, &error))
        }
        (_, _) => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let bytes = read(file)?;
    let all = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| IdentityError(format!("{} holds no certificate in PEM", file.display())))
}

fn read(file: &Path) -> Result<Vec<u8>, IdentityError> {
    let read = read_at_most(file, LIMIT).map_err(io::Error::other);
    read.map_err(|error| IdentityError(format!("{} {error}", file.display())))
}
