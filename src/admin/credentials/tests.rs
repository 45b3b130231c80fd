use std::fs;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::config::AdminBind;

const FIRST: &str = "first-token-0123456789";
const SECOND: &str = "second-token-0123456789";

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().expect("a folder"));
        files.write("tokens", &format!("ann write {FIRST}\n"));
        files.write_pair();
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    /// A certificate of its own, and its key.
    fn write_pair(&self) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["edge.example".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write("cert", &certificate.pem());
        self.write("key", &key.serialize_pem());
    }

    fn admin(&self, client_ca: bool) -> Admin {
        let file = |name| self.0.path().join(name);
        let client_ca = client_ca.then(|| file("cert"));
        Admin {
            bind: AdminBind::Off,
            tokens_file: Some(file("tokens")),
            tls: Some(AdminTls { cert: file("cert"), key: file("key"), client_ca }),
            allowed_hosts: Vec::new(),
        }
    }
}

fn holds(credentials: &Credentials, token: &str) -> bool {
    credentials.tokens().is_some_and(|tokens| tokens.holder(token.as_bytes()).is_some())
}

/// Waits for something that happens when files are looked at.
async fn until(what: impl Fn() -> bool) {
    while !what() {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn new_contents_come_into_force_and_bad_ones_do_not() {
    let files = Files::new();
    let credentials = Arc::new(Credentials::load(&files.admin(true)).expect("good files"));
    let tls = credentials.tls().expect("TLS");
    let first = tls.load_full();
    let watching = tokio::spawn(Arc::clone(&credentials).watch());
    // The certificate is never good here, the tokens become so after they were not.
    files.write("cert", "no certificate");
    files.write("tokens", "ann write short");
    sleep(4 * PAUSE).await;
    assert!(holds(&credentials, FIRST), "the last good ones stay");
    files.write("tokens", &format!("ann write {SECOND}\n"));
    until(|| holds(&credentials, SECOND)).await;
    assert!(!holds(&credentials, FIRST));
    assert!(Arc::ptr_eq(&first, &tls.load_full()), "the last good one stays");
    files.write_pair();
    until(|| !Arc::ptr_eq(&first, &tls.load_full())).await;
    fs::remove_file(files.0.path().join("tokens")).expect("it is there");
    sleep(4 * PAUSE).await;
    assert!(holds(&credentials, SECOND), "the last good ones stay");
    watching.abort();
}

#[test]
fn what_is_wrong_at_the_start_is_told() {
    let files = Files::new();
    let problem = |admin: &Admin| {
        let loaded = Credentials::load(admin).map(drop);
        loaded.map_err(|error| error.to_string()).expect_err("a problem")
    };
    let (cert, key) = ("cert", "key");
    let good: Vec<String> = [cert, key]
        .map(|name| fs::read_to_string(files.0.path().join(name)).expect("a file"))
        .into();
    for (name, text, told) in [
        (cert, "", "admin.tls: `cert` holds no certificate in PEM"),
        (cert, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "`cert` holds no"),
        (key, good[0].as_str(), "admin.tls: `key` holds no private key in PEM"),
    ] {
        files.write(name, text);
        let problem = problem(&files.admin(false));
        assert!(problem.contains(told), "{problem}");
        files.write(cert, &good[0]);
        files.write(key, &good[1]);
    }
    let other = KeyPair::generate().expect("a key");
    files.write(key, &other.serialize_pem());
    assert!(problem(&files.admin(false)).contains("`cert` and `key` do not fit"));
    let missing = AdminTls {
        cert: files.0.path().join("nothing"),
        key: files.0.path().join(key),
        client_ca: None,
    };
    let admin = Admin { tls: Some(missing), ..files.admin(false) };
    assert!(problem(&admin).contains("nothing: cannot be read"));
}
