//! `admin`: where operators ask, and how it is known who asks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::{Finding, Findings};
use super::key_path::KeyPath;
use super::node::Node;
use super::read::read_at_most;
use super::tokens::{Tokens, is_readable_by_others};
use super::tree;
use super::value::{AdminAddress, FilePath, Host};

/// The largest file of certificates that is read.
const PEM_LIMIT: usize = 1 << 20;

/// The HTTP side door. Scope: the process. Needs a restart; the contents of its files do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens. Default 127.0.0.1:9900.
    pub bind: AdminBind,
    /// The file of tokens ([`Tokens`]). Default none.
    pub tokens_file: Option<PathBuf>,
    /// Default none: plain HTTP.
    pub tls: Option<AdminTls>,
    /// Host headers that are answered, in lower case and without a port; others may be a web page
    /// in the operator's browser. Default localhost, 127.0.0.1. The address of `bind` is always one of
    /// them, as it is written without brackets: a foreign page comes by a name.
    pub allowed_hosts: Vec<Arc<str>>,
}

/// Where the side door is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminBind {
    /// At this address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// At a Unix socket of this path.
    Unix(Arc<Path>),
    /// Nowhere: `none`.
    Off,
}

/// The files of TLS, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTls {
    /// Its certificate and those between it and its issuer.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The issuers of the certificates of those who ask, if they need one.
    pub client_ca: Option<PathBuf>,
}

impl Admin {
    /// `base` is where relative paths begin. Returns what is wrong with the content of the files as well,
    /// by the files' own names.
    pub(super) fn new(
        tree: &tree::Admin,
        base: &Path,
        node: Option<&Node>,
        (problems, notes): (&Findings, &Findings),
    ) -> (Self, Vec<Finding>) {
        let path = KeyPath::default().key("admin");
        let tree::Admin { bind, tokens_file, tls, allowed_hosts } = tree;
        let bind = match bind.value() {
            Some(AdminAddress::Tcp(address)) => AdminBind::Tcp(*address),
            Some(AdminAddress::Unix(socket)) => AdminBind::Unix(Arc::clone(socket)),
            None => AdminBind::Off,
        };
        let mut hosts: Vec<Arc<str>> = allowed_hosts.iter().map(Host::get).collect();
        if let AdminBind::Tcp(address) = bind {
            let own: Arc<str> = address.ip().to_string().into();
            if !hosts.contains(&own) {
                hosts.push(own);
            }
        }
        let tls = tls.value().and_then(|tls| {
            let path = path.key("tls");
            let node = node.and_then(|node| node.entry("tls"));
            AdminTls::new(tls, base, (&path, node), problems)
        });
        let tokens_file = tokens_file.value().map(|file| file.beside(base));
        let admin = Self { bind, tokens_file, tls, allowed_hosts: hosts };
        admin.check_openness(&path, node, (problems, notes));
        let bad = admin.check_tokens(&path, notes);
        (admin, bad)
    }

    /// Checks that nobody changes anything from elsewhere who is not known.
    fn check_openness(
        &self,
        path: &KeyPath,
        node: Option<&Node>,
        (problems, notes): (&Findings, &Findings),
    ) {
        let bind = path.key("bind");
        match &self.bind {
            AdminBind::Tcp(address) if !address.ip().is_loopback() => {
                // A bad value of the key has been told.
                if node.and_then(|node| node.entry("tokens_file")).is_none_or(is_none) {
                    let text = format!("{address} is outside loopback, which needs `tokens_file`");
                    problems.add(&bind, text);
                } else if self.tls.is_none() {
                    let text = format!(
                        "{address} is outside loopback: without `tls` tokens and answers travel in clear"
                    );
                    notes.add(&bind, text);
                }
                if address.ip().is_unspecified() {
                    let text = "answers only hosts of `allowed_hosts`: list the names and addresses \
                                that it is asked by";
                    notes.add(&bind, text);
                }
            }
            AdminBind::Unix(_) if self.tls.is_some() => {
                problems.add(&path.key("tls"), "means nothing on a Unix socket");
            }
            AdminBind::Tcp(_) | AdminBind::Unix(_) | AdminBind::Off => {}
        }
    }

    /// What is wrong with the tokens.
    fn check_tokens(&self, path: &KeyPath, notes: &Findings) -> Vec<Finding> {
        let Some(file) = &self.tokens_file else { return Vec::new() };
        if is_readable_by_others(file) {
            let text = format!("{} can be read by others than its owner", file.display());
            notes.add(&path.key("tokens_file"), text);
        }
        Tokens::read(file).err().unwrap_or_default()
    }
}

impl AdminTls {
    fn new(
        tree: &tree::AdminTls,
        base: &Path,
        (path, node): (&KeyPath, Option<&Node>),
        problems: &Findings,
    ) -> Option<Self> {
        let tree::AdminTls { cert, key, client_ca } = tree;
        for (name, given) in [("cert", cert), ("key", key)] {
            if given.get().is_none() {
                problems.need(path, node, name);
            }
        }
        let file = |name: &'static str, file: Option<&FilePath>| {
            let file = file?.beside(base);
            if let Err(error) = read_at_most(&file, PEM_LIMIT) {
                problems.add(&path.key(name), format!("{} {error}", file.display()));
            }
            Some(file)
        };
        let (cert, key) = (file("cert", cert.get()), file("key", key.get()));
        let client_ca = file("client_ca", client_ca.value());
        Some(Self { cert: cert?, key: key?, client_ca })
    }
}

/// Whether a key says that there is none.
fn is_none(node: &Node) -> bool {
    matches!(node, Node::Text(word) if word == "none") || *node == Node::Null
}
