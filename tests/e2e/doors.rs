//! The admin side behind a Unix socket, behind tokens and behind TLS, asked by the real command line.

use std::os::unix::fs::PermissionsExt;

use nearpoint::app::App;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::support::lab::{Lab, TOKEN};
use crate::support::process::output;
use crate::support::{eventually, within};

/// Exit code and everything said of `nearpoint status` with these arguments.
async fn status(arguments: &[&str]) -> (Option<i32>, String) {
    let arguments: Vec<&str> = ["status"].iter().chain(arguments).copied().collect();
    let output = output(&arguments).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_unix_socket_is_asked_by_its_owner_and_gone_after_the_end() {
    let lab = Lab::new(1);
    let socket = lab.path("admin.sock");
    let url = format!("unix:{}", socket.display());
    lab.configure(&[("admin", &format!("{{bind: '{url}'}}"))]);
    let app = within("the start", App::start(&lab.main())).await.expect("a daemon");
    assert_eq!(app.admin, None);
    let mode = std::fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, said) = status(&["--admin", &url]).await;
    assert_eq!(code, Some(0), "{said}");
    let refused = App::start(&lab.main()).await.err().map(|error| error.to_string());
    assert!(refused.is_some_and(|why| why.contains("somebody listens there")));
    app.shut_down().await;
    assert!(!socket.exists());
    let (code, said) = status(&["--admin", &url]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nothing listens at unix:/"), "{said}");
}

#[tokio::test]
async fn tokens_are_given_by_file_and_read_again_when_they_change() {
    let lab = Lab::new(1);
    lab.write("mine", format!("# of ann\n{TOKEN}\n"));
    let edge = lab.start().await;
    let url = format!("http://{}", edge.doors.admin);
    let mine = lab.path("mine").display().to_string();
    let with_token = ["--admin", &url, "--token-file", &mine];
    let (code, said) = status(&with_token).await;
    assert_eq!(code, Some(0), "{said}");
    lab.write("tokens", "ann write another-token-0123456789\n");
    eventually("the token is none any more", async || {
        let (code, said) = status(&with_token).await;
        assert!(!said.contains(TOKEN), "{said}");
        (code == Some(4) && said.contains("(401)")).then_some(())
    })
    .await;
    let (code, said) = status(&["--admin", &url, "--token-file", "/nowhere"]).await;
    assert_eq!(code, Some(64), "{said}");
}

/// Writes a certificate of `issuer` and its key.
fn issue(lab: &Lab, issuer: &CertifiedIssuer<'_, KeyPair>, name: &str) {
    let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(hosts).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    lab.write(&format!("{name}.pem"), certificate.pem());
    lab.write(&format!("{name}.key"), key.serialize_pem());
}

fn issuer(lab: &Lab, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    lab.write(name, issuer.as_ref().pem());
    issuer
}

#[tokio::test]
async fn tls_believes_those_who_have_a_certificate_and_nobody_else() {
    let lab = Lab::new(1);
    let ca = issuer(&lab, "ca.pem");
    issue(&lab, &ca, "edge");
    issue(&lab, &ca, "ann");
    let tls = "{bind: '127.0.0.1:0', tls: {cert: edge.pem, key: edge.key, client_ca: ca.pem}}";
    lab.configure(&[("admin", tls)]);
    let edge = lab.start().await;
    let url = format!("https://{}", edge.doors.admin);
    let file = |name: &str| lab.path(name).display().to_string();
    let (ca_file, cert, key) = (file("ca.pem"), file("ann.pem"), file("ann.key"));
    let whole = ["--admin", &url, "--ca", &ca_file, "--cert", &cert, "--key", &key];
    let (code, said) = status(&whole).await;
    assert_eq!(code, Some(0), "{said}");
    for (arguments, expected, why) in [
        (&["--admin", &url, "--ca", &ca_file][..], 1, "breaks off"),
        (&["--admin", &url], 64, "https needs --ca FILE"),
        (&["--admin", &url, "--ca", &key], 64, "holds no certificate in PEM"),
    ] {
        let (code, said) = status(arguments).await;
        assert!(code == Some(expected) && said.contains(why), "{arguments:?}: {code:?} {said}");
    }
    // Another issuer's, in place of the first: the file is watched.
    let other = issuer(&lab, "other.pem");
    issue(&lab, &other, "edge");
    let other_file = file("other.pem");
    let whole = ["--admin", &url, "--ca", &other_file, "--cert", &cert, "--key", &key];
    eventually("the new certificate is shown", async || {
        (status(&whole).await.0 == Some(0)).then_some(())
    })
    .await;
    within("the end", edge.app.shut_down()).await;
}

#[tokio::test]
async fn a_daemon_does_not_start_with_certificates_that_do_not_fit() {
    let lab = Lab::new(1);
    let ca = issuer(&lab, "ca.pem");
    issue(&lab, &ca, "edge");
    issue(&lab, &ca, "ann");
    lab.configure(&[("admin", "{bind: '127.0.0.1:0', tls: {cert: edge.pem, key: ann.key}}")]);
    let started = within("a start in vain", App::start(&lab.main())).await;
    let why = started.err().map(|error| error.to_string());
    assert!(why.is_some_and(|why| why.starts_with("admin.tls: `cert` and `key` do not fit")));
}
