//! TLS, Unix sockets, and what requests may cost.

use arc_swap::ArcSwap;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::admin::tls::{TlsFiles, server_config};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n";

/// Answers who asks, and how long the body is.
async fn who(asked: Asked) -> Reply {
    let Asked { peer, certificate, body, .. } = asked;
    let read = body.read(1000).await.map(|bytes| bytes.len());
    Response::new(Full::new(format!("{peer:?} {certificate:?} {read:?}").into()))
}

fn serve_who(bounds: Bounds, doorway: Doorway) -> JoinHandle<()> {
    tokio::spawn(serve_within(bounds, doorway, who, std::future::pending()))
}

/// Whoever issues certificates.
struct Issuer(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Pair(String, String);

impl Issuer {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn issue(&self, name: &str) -> Pair {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Pair(certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }
}

fn server(pair: &Pair, client_ca: Option<&Issuer>) -> ServerConfig {
    let issuer = client_ca.map(Issuer::pem);
    let files = TlsFiles {
        cert: pair.0.as_bytes(),
        key: pair.1.as_bytes(),
        client_ca: issuer.as_deref().map(str::as_bytes),
    };
    server_config(&files).expect("a server")
}

/// Asks over TLS, and reads to the end.
async fn ask(at: SocketAddr, trusted: &Issuer, shown: Option<&Pair>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let der = CertificateDer::from_pem_slice(trusted.pem().as_bytes()).expect("PEM");
    roots.add(der).expect("an issuer");
    let provider = rustls::crypto::ring::default_provider();
    let builder = ClientConfig::builder_with_provider(provider.into());
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = builder.with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(Pair(certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
    };
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn tls_door(config: ServerConfig) -> (Doorway, SocketAddr, Arc<ArcSwap<ServerConfig>>) {
    let tls = Arc::new(ArcSwap::from_pointee(config));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let doorway = Doorway::bind(any, Some(Arc::clone(&tls))).await.expect("a free port");
    let address = doorway.local_addr().expect("it is bound").expect("an address");
    (doorway, address, tls)
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_shown_from_then_on() {
    let (first, second) = (Issuer::new(), Issuer::new());
    let (doorway, at, tls) = tls_door(server(&first.issue("edge"), None)).await;
    let served = serve_who(BOUNDS, doorway);
    let answer = ask(at, &first, None).await.expect("an answer");
    assert!(answer.contains("None Ok(0)"), "no certificate of ours: {answer}");
    assert!(ask(at, &second, None).await.is_err(), "not its issuer yet");
    tls.store(Arc::new(server(&second.issue("edge"), None)));
    assert!(ask(at, &second, None).await.is_ok());
    assert!(ask(at, &first, None).await.is_err());
    served.abort();
}

#[tokio::test]
async fn with_issuers_only_those_are_served_who_have_a_certificate_of_theirs() {
    let (ours, theirs, other) = (Issuer::new(), Issuer::new(), Issuer::new());
    let (doorway, at, _) = tls_door(server(&ours.issue("edge"), Some(&theirs))).await;
    let served = serve_who(BOUNDS, doorway);
    let answer = ask(at, &ours, Some(&theirs.issue("ann pc"))).await.expect("an answer");
    assert!(answer.contains(r#"Some("ann?pc")"#), "{answer}");
    assert!(ask(at, &ours, None).await.is_err(), "none at all");
    assert!(ask(at, &ours, Some(&other.issue("ann"))).await.is_err(), "another issuer's");
    served.abort();
}

#[tokio::test]
async fn who_does_not_shake_hands_loses_its_place() {
    let issuer = Issuer::new();
    let (doorway, at, _) = tls_door(server(&issuer.issue("edge"), None)).await;
    let hasty = Bounds { connections: 1, patience: Duration::from_millis(200), ..BOUNDS };
    let served = serve_who(hasty, doorway);
    let mut silent = TcpStream::connect(at).await.expect("it listens");
    // It waits for the only place until the silent one has lost it.
    assert!(ask(at, &issuer, None).await.is_ok());
    let mut nothing = Vec::new();
    // A reset is an end as well.
    let _ = silent.read_to_end(&mut nothing).await;
    assert_eq!(nothing, b"");
    let mut plain = TcpStream::connect(at).await.expect("it listens");
    plain.write_all(REQUEST).await.expect("a request in clear");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    served.abort();
}

#[tokio::test]
async fn the_kernel_says_who_asks_at_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    let doorway = Doorway::bind_unix(&path).expect("a socket");
    assert_eq!(doorway.local_addr().expect("it is bound"), None);
    let served = serve_who(BOUNDS, doorway);
    let mut stream = UnixStream::connect(&path).await.expect("it listens");
    stream.write_all(REQUEST).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let uid = rustix::process::geteuid().as_raw();
    let expected = format!("Unix {{ uid: {uid}, pid: Some({}) }}", std::process::id());
    assert!(answer.contains(&expected), "{answer}");
    served.abort();
    let _ = served.await;
    assert!(!path.exists(), "the file goes with the server");
}

/// Serves on a plain port, sends this, and reads to the end.
async fn converse_plainly(bounds: Bounds, request: &[u8]) -> String {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let doorway = Doorway::bind(any, None).await.expect("a free port");
    let at = doorway.local_addr().expect("it is bound").expect("an address");
    let served = serve_who(bounds, doorway);
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    stream.write_all(request).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    served.abort();
    answer
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let hasty = Bounds { body: Duration::from_millis(50), ..BOUNDS };
    let request = b"PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc";
    let answer = converse_plainly(hasty, request).await;
    assert!(answer.contains("Err(TooSlow(50ms))"), "{answer}");
}

#[tokio::test]
async fn a_body_is_read_up_to_a_bound_however_its_length_is_told() {
    let whole = |length: usize| {
        let head =
            format!("PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), &vec![b'x'; length]].concat()
    };
    assert!(converse_plainly(BOUNDS, &whole(1000)).await.contains("Ok(1000)"));
    assert!(converse_plainly(BOUNDS, &whole(1001)).await.contains("Err(TooLarge(1000))"));
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let chunked = format!(
        "PUT / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    let answer = converse_plainly(BOUNDS, chunked.as_bytes()).await;
    assert!(answer.contains("Err(TooLarge(1000))"), "{answer}");
}

#[tokio::test]
async fn headers_without_number_are_refused() {
    let headers = |count: usize| {
        let lines: String = (0..count).map(|n| format!("X-{n}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nConnection: close\r\n{lines}\r\n")
    };
    let few = converse_plainly(BOUNDS, headers(HEADERS - 1).as_bytes()).await;
    assert!(few.starts_with("HTTP/1.1 200"), "{few}");
    let many = converse_plainly(BOUNDS, headers(HEADERS).as_bytes()).await;
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
}
