//! Who may ask what: by their token, by the user they are on a Unix socket, or by being on this machine.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use prometheus::IntCounter;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::asked::Peer;
use super::credentials::Credentials;
use super::endpoint::Access;
use super::failures::Failures;
use super::operations::Author;
use super::reply::{self, Reply};
use crate::config::tokens::{Role, TokenHolder, Tokens};
use crate::routing::ClientAddr;

/// Lists that are read into memory at a time: each may have 16 MiB.
const UPLOADS: usize = 4;

/// How long one more waits for its turn.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(20);

/// The user whom kernels let do everything.
const ROOT: u32 = 0;

/// The gate of the admin side.
pub struct Gate {
    credentials: Arc<Credentials>,
    /// The user of this process.
    owner: u32,
    failures: Failures,
    /// What is kept of wrong tokens tells nobody what they were.
    hashes: RandomState,
    failed: IntCounter,
    uploads: Semaphore,
}

/// Who stands at the gate, as far as the connection and the request tell.
#[derive(Clone, Copy)]
pub(super) struct Knock<'a> {
    pub(super) peer: Peer,
    /// The subject of the certificate that was shown.
    pub(super) certificate: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

/// Why somebody was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// There was no token.
    NoToken,
    /// There was one that nobody has, or that is none.
    WrongToken,
    /// The holder of this name only reads.
    MayOnlyRead(Arc<str>),
    /// Nobody has a token, and only tokens would do.
    NoTokens,
    /// It is another user of this machine.
    OtherUser(u32),
    /// A web page asks.
    CrossSite,
    /// Too many wrong tokens came from there.
    Wait(Duration),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("this needs a token: Authorization: Bearer TOKEN"),
            Self::WrongToken => f.write_str("the token is none of admin.tokens_file"),
            Self::MayOnlyRead(name) => {
                write!(f, "the token of {name} has role read, and this needs one of role write")
            }
            Self::NoTokens => f.write_str(
                "this needs a token, and there are none: set admin.tokens_file, or ask at a Unix \
                 socket (admin.bind: unix:/PATH) as the daemon's user or root",
            ),
            Self::OtherUser(uid) => write!(
                f,
                "uid {uid} is neither the daemon's user nor root, and has no token \
                 (admin.tokens_file)"
            ),
            Self::CrossSite => f.write_str("no web page may change anything"),
            Self::Wait(time) => {
                write!(f, "too many wrong tokens; the next one is heard in {} s", seconds(*time))
            }
        }
    }
}

impl std::error::Error for Denied {}

impl Denied {
    /// The name of who was not let in, if it is known.
    pub(super) fn who(&self) -> &str {
        match self {
            Self::MayOnlyRead(name) => name,
            Self::NoToken
            | Self::WrongToken
            | Self::NoTokens
            | Self::OtherUser(_)
            | Self::CrossSite
            | Self::Wait(_) => "",
        }
    }

    /// What they are told.
    pub(super) fn reply(&self) -> Reply {
        let (status, hint) = match self {
            // RFC 9110, 11.6.1.
            Self::NoToken | Self::WrongToken => {
                let bearer = HeaderValue::from_static("Bearer");
                (StatusCode::UNAUTHORIZED, Some((header::WWW_AUTHENTICATE, bearer)))
            }
            Self::MayOnlyRead(_) | Self::NoTokens | Self::OtherUser(_) | Self::CrossSite => {
                (StatusCode::FORBIDDEN, None)
            }
            Self::Wait(time) => {
                let hint = (header::RETRY_AFTER, HeaderValue::from(seconds(*time)));
                (StatusCode::TOO_MANY_REQUESTS, Some(hint))
            }
        };
        let mut reply = reply::error(status, self.to_string());
        reply.headers_mut().extend(hint);
        reply
    }
}

impl Gate {
    /// A gate that goes by these credentials, for the user of this process.
    #[must_use]
    pub fn new(credentials: Arc<Credentials>, failed: IntCounter) -> Self {
        let owner = rustix::process::geteuid().as_raw();
        let (failures, uploads) = (Failures::default(), Semaphore::new(UPLOADS));
        Self { credentials, owner, failures, hashes: RandomState::new(), failed, uploads }
    }

    /// Lets somebody in who may ask for this, under the name they have.
    ///
    /// # Errors
    /// When they may not.
    pub(super) fn admit(
        &self,
        access: Access,
        knock: Knock<'_>,
        now: Instant,
    ) -> Result<Author, Denied> {
        if access == Access::Public {
            return Ok(knock.author(None));
        }
        if access == Access::Write && comes_from_a_page(knock.headers) {
            return Err(Denied::CrossSite);
        }
        let tokens = self.credentials.tokens();
        let holder = match &tokens {
            Some(tokens) => self.holder(tokens, knock, now)?,
            None => None,
        };
        let needed = match access {
            Access::Public => None,
            Access::Local => (!knock.peer.is_local()).then_some(Role::Read),
            Access::Read => Some(Role::Read),
            Access::Write => Some(Role::Write),
        };
        let is_master = knock.peer.uid().is_some_and(|uid| [self.owner, ROOT].contains(&uid));
        match (needed, &holder) {
            (None, _) => {}
            (Some(_), _) if is_master => {}
            (Some(needed), Some(holder)) if holder.role >= needed => {}
            (Some(_), Some(holder)) => return Err(Denied::MayOnlyRead(Arc::clone(&holder.name))),
            (Some(_), None) => {
                return Err(match (knock.peer, tokens) {
                    (Peer::Unix { uid, .. }, None) => Denied::OtherUser(uid),
                    (Peer::Tcp(_), None) => Denied::NoTokens,
                    (Peer::Unix { .. } | Peer::Tcp(_), Some(_)) => Denied::NoToken,
                });
            }
        }
        Ok(knock.author(holder.as_ref()))
    }

    /// A place for a list that is to be read, once there is one; `None` when that takes too long. Who waits
    /// has not sent it: only the head of the request is here.
    pub(super) async fn upload(&self) -> Option<SemaphorePermit<'_>> {
        timeout(UPLOAD_PATIENCE, self.uploads.acquire()).await.ok()?.ok()
    }

    /// Who has the token that was shown, if one was.
    fn holder(
        &self,
        tokens: &Tokens,
        knock: Knock<'_>,
        now: Instant,
    ) -> Result<Option<TokenHolder>, Denied> {
        let mut shown = knock.headers.get_all(header::AUTHORIZATION).iter();
        let token = match (shown.next(), shown.next()) {
            (None, _) => return Ok(None),
            (Some(only), None) => bearer(only),
            (Some(_), Some(_)) => None,
        };
        let guess = || tokens.holder(token?).cloned();
        // Whoever shares this machine must not be able to lock its operator out.
        if knock.peer.is_local()
            && let Some(holder) = guess()
        {
            return Ok(Some(holder));
        }
        let all: Vec<&HeaderValue> = knock.headers.get_all(header::AUTHORIZATION).iter().collect();
        let tried = self.hashes.hash_one(all);
        let guessed = self.failures.attempt((knock.peer.neighbourhood(), tried), now, guess);
        match guessed.map_err(Denied::Wait)? {
            Some(holder) => Ok(Some(holder)),
            None => {
                self.failed.inc();
                Err(Denied::WrongToken)
            }
        }
    }
}

impl Knock<'_> {
    fn author(&self, holder: Option<&TokenHolder>) -> Author {
        let name = match (holder, self.peer) {
            (Some(holder), _) => holder.name.to_string(),
            (None, Peer::Unix { uid: ROOT, .. }) => "root".to_owned(),
            (None, Peer::Unix { uid, .. }) => format!("uid {uid}"),
            (None, Peer::Tcp(_)) => String::new(),
        };
        Author { name, from: self.from() }
    }

    /// The other end, for the record.
    pub(super) fn from(&self) -> String {
        match self.certificate {
            Some(subject) => format!("{} certificate {subject}", self.peer),
            None => self.peer.to_string(),
        }
    }
}

impl Peer {
    /// Whether it is on this machine.
    fn is_local(self) -> bool {
        match self {
            // A socket of IPv6 has IPv4 addresses in other clothes.
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix { .. } => true,
        }
    }

    fn uid(self) -> Option<u32> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix { uid, .. } => Some(uid),
        }
    }

    /// Whose failures count together: those of an IPv4 address, an IPv6 /64, a user.
    fn neighbourhood(self) -> u64 {
        match self {
            Self::Tcp(address) => ClientAddr::new(address.ip()).prefix(),
            // A user whose number is that of an address shares its failures, which costs a wait.
            Self::Unix { uid, .. } => u64::from(uid),
        }
    }
}

/// Whether a browser says that a page asks. A page of any site can send its visitors' browsers here, and
/// a browser adds these headers by itself (Fetch Standard, 3.1; Fetch Metadata): no page of ours writes,
/// and no tool of operators sends them.
fn comes_from_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != "none")
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Whole seconds that are not too few.
fn seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
