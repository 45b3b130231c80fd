//! TLS of the admin side.

mod subject;

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};

pub(super) use subject::subject;

/// The contents of the files of `admin.tls`.
pub(super) struct TlsFiles<'a> {
    pub(super) cert: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) client_ca: Option<&'a [u8]>,
}

/// Why files of TLS cannot be used. Says nothing of the key but that it is none.
#[derive(Debug)]
pub(super) enum TlsError {
    /// The file of the certificate holds none, or a broken one.
    Certificate,
    /// The file of the key holds none, or a broken one.
    Key,
    /// The file of the issuers holds none, or a broken one.
    ClientCa,
    /// Certificate and key do not fit, or are of a kind that is not spoken.
    Unfit(rustls::Error),
    /// The issuers cannot be used.
    Issuers(VerifierBuilderError),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => f.write_str("`cert` holds no certificate in PEM"),
            Self::Key => f.write_str("`key` holds no private key in PEM"),
            Self::ClientCa => f.write_str("`client_ca` holds no certificate in PEM"),
            Self::Unfit(error) => write!(f, "`cert` and `key` do not fit: {error}"),
            Self::Issuers(error) => write!(f, "`client_ca` cannot be used: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificate | Self::Key | Self::ClientCa => None,
            Self::Unfit(error) => Some(error),
            Self::Issuers(error) => Some(error),
        }
    }
}

/// TLS 1.2 and 1.3 with these files; with issuers nobody is served who shows no certificate of theirs.
///
/// # Errors
/// See [`TlsError`].
pub(super) fn server_config(files: &TlsFiles<'_>) -> Result<ServerConfig, TlsError> {
    let chain = certificates(files.cert).ok_or(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(files.key).map_err(|_| TlsError::Key)?;
    let provider: Arc<CryptoProvider> = ring::default_provider().into();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Unfit)?;
    let builder = match files.client_ca {
        None => builder.with_no_client_auth(),
        Some(issuers) => {
            let mut roots = RootCertStore::empty();
            for issuer in certificates(issuers).ok_or(TlsError::ClientCa)? {
                roots.add(issuer).map_err(|_| TlsError::ClientCa)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(TlsError::Issuers)?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates of a file, at least one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    all.ok().filter(|all| !all.is_empty())
}
