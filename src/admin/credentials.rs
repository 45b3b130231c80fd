//! The files by which it is known who asks, and by which we are known: in force, and watched. What is in
//! them changes without a restart; bad contents leave the last good ones in force.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use sha2::{Digest, Sha256};
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::tls::{TlsFiles, server_config};
use crate::config::tokens::{Tokens, is_readable_by_others};
use crate::config::{Admin, AdminTls, read_at_most};

/// Between looks. Contents count once they were the same twice, so that nothing is taken half-written.
const PAUSE: Duration = Duration::from_millis(500);

/// The largest file that is read.
const LIMIT: usize = 1 << 20;

/// Files that cannot be used: all that is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError(Vec<String>);

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for CredentialsError {}

/// Tokens and certificates of the admin side.
#[derive(Default)]
pub struct Credentials {
    tokens: Option<InForce<Tokens>>,
    tls: Option<InForce<ServerConfig>>,
}

/// What was made of some files, and which contents it was tried with last.
struct InForce<T> {
    files: Vec<PathBuf>,
    make: Make<T>,
    now: Arc<ArcSwap<T>>,
    tried: ContentsHash,
}

/// What is made of files, in the order of their paths and contents; or all that is wrong with them.
type Make<T> = fn(&[PathBuf], &[Vec<u8>]) -> Result<T, Vec<String>>;

/// What files hold, or that they cannot be read; secrets are not kept.
type ContentsHash = [u8; 32];

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(admin: &Admin) -> Result<Self, CredentialsError> {
        let tokens = admin.tokens_file.iter().cloned().collect::<Vec<_>>();
        let tls = admin.tls.as_ref().map(|AdminTls { cert, key, client_ca }| {
            [cert, key].into_iter().chain(client_ca).cloned().collect()
        });
        let tokens = (!tokens.is_empty()).then(|| InForce::load(tokens, make_tokens));
        let tls = tls.map(|files| InForce::load(files, make_tls));
        Ok(Self { tokens: tokens.transpose()?, tls: tls.transpose()? })
    }

    /// The tokens in force, if there are any to be had.
    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.as_ref().map(|tokens| tokens.now.load_full())
    }

    /// The TLS in force, from now on.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ArcSwap<ServerConfig>>> {
        self.tls.as_ref().map(|tls| Arc::clone(&tls.now))
    }

    /// Puts what the files hold into force when it changes, for ever.
    pub async fn watch(self: Arc<Self>) {
        let tokens = async {
            match &self.tokens {
                Some(tokens) => tokens.watch("tokens").await,
                None => std::future::pending().await,
            }
        };
        let tls = async {
            match &self.tls {
                Some(tls) => tls.watch("certificates").await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(tokens, tls);
    }
}

impl<T: Send + Sync + 'static> InForce<T> {
    fn load(files: Vec<PathBuf>, make: Make<T>) -> Result<Self, CredentialsError> {
        let (tried, contents) = read(&files);
        let made = contents.and_then(|contents| make(&files, &contents));
        let now = Arc::new(ArcSwap::from_pointee(made.map_err(CredentialsError)?));
        Ok(Self { files, make, now, tried })
    }

    async fn watch(&self, what: &'static str) {
        let (mut tried, mut before) = (self.tried, self.tried);
        loop {
            sleep(PAUSE).await;
            let files = self.files.clone();
            // The disk may be far away. A task that panicked has aborted the process.
            let looked = tokio::task::spawn_blocking(move || read(&files)).await;
            let Ok((seen, contents)) = looked else { return };
            let is_still = std::mem::replace(&mut before, seen) == seen;
            if seen == tried || !is_still {
                continue;
            }
            tried = seen;
            match contents.and_then(|contents| (self.make)(&self.files, &contents)) {
                Ok(made) => {
                    self.now.store(Arc::new(made));
                    info!(what, "admin: read again");
                    let open = |file: &&PathBuf| what == "tokens" && is_readable_by_others(file);
                    for file in self.files.iter().filter(open) {
                        warn!(file = %file.display(), "admin: can be read by others");
                    }
                }
                Err(problems) => {
                    error!(what, ?problems, "admin: cannot be used; the last good ones stay");
                }
            }
        }
    }
}

/// The contents of files, and their hash.
fn read(files: &[PathBuf]) -> (ContentsHash, Result<Vec<Vec<u8>>, Vec<String>>) {
    let (mut hash, mut contents, mut problems) = (Sha256::new(), Vec::new(), Vec::new());
    for file in files {
        let read = read_at_most(file, LIMIT).map_err(|error| error.to_string());
        match read {
            Ok(bytes) => {
                hash.update(bytes.len().to_le_bytes());
                hash.update(&bytes);
                contents.push(bytes);
            }
            Err(why) => {
                hash.update(u64::MAX.to_le_bytes());
                hash.update(&why);
                problems.push(format!("{}: {why}", file.display()));
            }
        }
    }
    let contents = if problems.is_empty() { Ok(contents) } else { Err(problems) };
    (hash.finalize().into(), contents)
}

fn make_tokens(files: &[PathBuf], contents: &[Vec<u8>]) -> Result<Tokens, Vec<String>> {
    let file = files.first().map_or(Path::new(""), PathBuf::as_path);
    let bytes = contents.first().map_or(&[][..], Vec::as_slice);
    let parsed = Tokens::parse(file, bytes);
    parsed.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn make_tls(_: &[PathBuf], contents: &[Vec<u8>]) -> Result<ServerConfig, Vec<String>> {
    let content = |at: usize| contents.get(at).map(Vec::as_slice);
    let files = TlsFiles {
        cert: content(0).unwrap_or_default(),
        key: content(1).unwrap_or_default(),
        client_ca: content(2),
    };
    server_config(&files).map_err(|error| vec![format!("admin.tls: {error}")])
}

#[cfg(test)]
mod tests;
