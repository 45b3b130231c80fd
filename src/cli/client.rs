//! Asks the admin API of a daemon: one request after the other, each bounded in time and size.

mod dial;
mod error;
mod identity;
mod url;

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::args::DaemonArgs;
use crate::admin::view::ErrorView;
use dial::dial;
pub(super) use error::FetchError;
use identity::{Identity, IdentityError};
pub(super) use url::AdminUrl;

/// For a whole answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Bytes of an answer: 10,000 access points take about a fifth of this.
const BODY: usize = 16 << 20;

/// Gets a view. `target` is a path with its query, encoded.
///
/// # Errors
/// See [`FetchError`]; after 13 seconds at the latest.
pub(super) async fn fetch<T: DeserializeOwned>(
    daemon: &DaemonArgs,
    target: &str,
) -> Result<T, FetchError> {
    Conversation::new(daemon).fetch(target).await
}

/// Requests to one daemon, over one connection while the daemon keeps it.
pub(super) struct Conversation {
    url: AdminUrl,
    /// What files and the environment say; told when something is asked.
    identity: Result<Identity, IdentityError>,
    connection: Option<Connection>,
    /// For a whole answer.
    patience: Duration,
}

/// Something to ask for.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// A path with its query, encoded.
    pub(super) target: &'a str,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Bytes,
}

impl<'a> Call<'a> {
    /// To look at something.
    pub(super) fn get(target: &'a str) -> Self {
        Self { method: Method::GET, target, headers: Vec::new(), body: Bytes::new() }
    }
}

/// An answer that is no error.
pub(super) struct Answered {
    status: StatusCode,
    pub(super) body: Vec<u8>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    carried: JoinHandle<Result<(), hyper::Error>>,
}

impl Conversation {
    /// Connects at the first request.
    pub(super) fn new(daemon: &DaemonArgs) -> Self {
        let identity = Identity::of(daemon);
        Self { url: daemon.admin.clone(), identity, connection: None, patience: ANSWER }
    }

    /// The same, with requests that the daemon may answer so much later.
    pub(super) fn waiting(daemon: &DaemonArgs, wait: Duration) -> Self {
        Self { patience: ANSWER + wait, ..Self::new(daemon) }
    }

    /// Gets a view. `target` is a path with its query, encoded.
    ///
    /// # Errors
    /// As those of [`fetch`].
    pub(super) async fn fetch<T: DeserializeOwned>(
        &mut self,
        target: &str,
    ) -> Result<T, FetchError> {
        self.send(&Call::get(target)).await
    }

    /// Asks for something, and gets the view that tells of it.
    ///
    /// # Errors
    /// As those of [`fetch`].
    pub(super) async fn send<T: DeserializeOwned>(
        &mut self,
        call: &Call<'_>,
    ) -> Result<T, FetchError> {
        let answered = self.answer(call).await?;
        serde_json::from_slice(&answered.body)
            .map_err(|error| FetchError::Unexpected(self.url.clone(), error))
    }

    /// Asks for something, and gets the answer as it comes.
    ///
    /// # Errors
    /// As those of [`fetch`].
    pub(super) async fn answer(&mut self, call: &Call<'_>) -> Result<Answered, FetchError> {
        let answered = match self.connection.take() {
            // What changes something is sent once, over a connection that is not about to be ended.
            Some(kept) if !kept.sender.is_closed() && call.method == Method::GET => {
                match self.ask(kept, call).await {
                    // The daemon may have ended a connection of some age just now.
                    Err(FetchError::Http(..)) => self.ask_anew(call).await?,
                    answered => answered?,
                }
            }
            Some(_) | None => self.ask_anew(call).await?,
        };
        if answered.status.is_success() {
            return Ok(answered);
        }
        let (message, problems) = match serde_json::from_slice(&answered.body) {
            Ok(ErrorView { error, problems }) => (error, problems),
            Err(_) => (format!("{} refuses", self.url), Vec::new()),
        };
        Err(FetchError::Refused(answered.status, message, problems))
    }

    async fn ask_anew(&mut self, call: &Call<'_>) -> Result<Answered, FetchError> {
        let identity =
            self.identity.as_ref().map_err(|error| FetchError::Identity(error.clone()))?;
        let stream = dial(&self.url, identity.tls.as_ref(), identity.token.as_ref()).await?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) =
            shaken.map_err(|error| FetchError::Http(self.url.clone(), error))?;
        let carried = tokio::spawn(connection);
        self.ask(Connection { sender, carried }, call).await
    }

    /// Asks, and keeps the connection if all went well.
    async fn ask(
        &mut self,
        mut connection: Connection,
        call: &Call<'_>,
    ) -> Result<Answered, FetchError> {
        let token = self.identity.as_ref().ok().and_then(|identity| identity.token.as_ref());
        let asked = converse(&mut connection.sender, &self.url, token, call);
        let answered = timeout(self.patience, asked).await;
        let answered = answered.map_err(|_| FetchError::Timeout(self.url.clone()))?;
        if answered.is_ok() {
            self.connection = Some(connection);
        }
        answered
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.carried.abort();
    }
}

/// Encodes a value for a query: everything but letters, digits and `-._~:` (RFC 3986, 3.4).
pub(super) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

async fn converse(
    sender: &mut SendRequest<Full<Bytes>>,
    url: &AdminUrl,
    token: Option<&HeaderValue>,
    call: &Call<'_>,
) -> Result<Answered, FetchError> {
    let failed = |error| FetchError::Http(url.clone(), error);
    let mut request =
        Request::builder().method(&call.method).uri(call.target).header(header::HOST, url.host());
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token);
    }
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let body = Full::new(call.body.clone());
    let request = request.body(body).map_err(FetchError::Request)?;
    sender.ready().await.map_err(failed)?;
    let reply = sender.send_request(request).await.map_err(failed)?;
    let (head, body) = reply.into_parts();
    let body = read(url, body).await?;
    Ok(Answered { status: head.status, body })
}

async fn read(url: &AdminUrl, mut body: Incoming) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Http(url.clone(), error))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > BODY {
            return Err(FetchError::TooLarge(url.clone()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
