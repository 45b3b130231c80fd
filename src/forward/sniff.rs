//! What a client says first, on listeners that route by it.
//!
//! Its first bytes are looked at and stay where they are: the DC gets all of them, and all of them can be
//! spliced. One look is enough for a client whose header comes in one piece.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::peek::peek;
use crate::config;
use crate::metrics::Metrics;
use crate::metrics::handles::SniffMetrics;
use crate::mtproto::{FirstBytes, HEADER, Header, Secret, Sniffed, sniff};
use crate::net;
use crate::routing::SniffResult;
use crate::routing::topology::NamedDc;

/// What clients of a listener are asked by, with its counters resolved.
pub(super) struct Sniffer {
    secrets: Box<[Secret]>,
    timeout: Duration,
    metrics: SniffMetrics,
}

/// What was heard of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A header, which names this DC.
    Header(NamedDc),
    /// A transport without a header.
    Plain,
    /// A request of HTTP.
    Http,
    /// The beginning of a TLS handshake.
    Tls,
    /// Nothing that is known.
    Unrecognised,
    /// Something, and then no more: in time, or ever.
    TooLittle,
    /// Nothing at all, in time or ever. Or it has gone.
    Nothing,
}

impl Sniffer {
    /// How the listener of this name sniffs.
    pub(super) fn new(sniffing: &config::Sniffing, listener: &str, metrics: &Metrics) -> Self {
        let read = |secret: &config::ListenerSecret| {
            Secret::new(secret.bytes()).expect("configuration has checked its form")
        };
        Self {
            secrets: sniffing.secrets.iter().map(read).collect(),
            timeout: sniffing.timeout,
            metrics: SniffMetrics::resolve(metrics, listener),
        }
    }

    /// Waits until it can be told what a client is.
    pub(super) async fn hear(&self, stream: &TcpStream) -> Heard {
        let mut buffer = [0; HEADER];
        let heard = timeout(self.timeout, self.until_enough(stream, &mut buffer)).await;
        // A busy worker may not have seen yet what came in time.
        heard.unwrap_or_else(|_late| match net::peek(stream, &mut buffer) {
            Ok(there) => self.judge(&buffer[..there]).unwrap_or(Heard::TooLittle),
            Err(_) => Heard::Nothing,
        })
    }

    async fn until_enough(&self, stream: &TcpStream, buffer: &mut [u8; HEADER]) -> Heard {
        let mut wanted = 1;
        loop {
            let Ok(there) = peek(stream, buffer, wanted).await else { return Heard::Nothing };
            match self.judge(&buffer[..there]) {
                Ok(heard) => return heard,
                Err(_) if there < wanted => return Heard::TooLittle,
                Err(more) => wanted = more,
            }
        }
    }

    /// What these bytes come to, or how many it takes to tell.
    fn judge(&self, bytes: &[u8]) -> Result<Heard, usize> {
        match sniff(bytes, &self.secrets) {
            Sniffed::Decided(first) => Ok(first.into()),
            Sniffed::NeedMore(_) if bytes.is_empty() => Ok(Heard::Nothing),
            Sniffed::NeedMore(bytes) => Err(bytes),
        }
    }

    /// Counts what was heard of a client.
    pub(super) fn count(&self, heard: Heard) {
        self.metrics.sniffed(heard.result()).inc();
    }
}

impl Heard {
    /// The DC that the client names, if it names one.
    pub(super) fn named_dc(self) -> Option<NamedDc> {
        match self {
            Self::Header(named) => Some(named),
            Self::Plain
            | Self::Http
            | Self::Tls
            | Self::Unrecognised
            | Self::TooLittle
            | Self::Nothing => None,
        }
    }

    /// Whether it is the beginning of what a DC answers. Scanners begin otherwise, and clients that stop in
    /// the middle: a DC that waits for more of them, or closes, is not ill.
    pub(super) fn is_answerable(self) -> bool {
        match self {
            Self::Header(_) | Self::Plain => true,
            Self::Http | Self::Tls | Self::Unrecognised | Self::TooLittle | Self::Nothing => false,
        }
    }

    /// In the words of the metric.
    pub(super) fn result(self) -> SniffResult {
        match self {
            Self::Header(NamedDc { proved: true, .. }) => SniffResult::Proved,
            Self::Header(NamedDc { proved: false, .. }) => SniffResult::Hint,
            Self::Plain => SniffResult::Plain,
            Self::Http => SniffResult::Http,
            Self::Tls => SniffResult::Tls,
            Self::Unrecognised => SniffResult::Unrecognised,
            Self::TooLittle | Self::Nothing => SniffResult::Short,
        }
    }
}

impl From<FirstBytes> for Heard {
    fn from(first: FirstBytes) -> Self {
        match first {
            FirstBytes::Obfuscated(Header { transport: _, dc, secret }) => {
                Self::Header(NamedDc { id: dc, proved: secret.is_some() })
            }
            FirstBytes::Plain(_) => Self::Plain,
            FirstBytes::Http => Self::Http,
            FirstBytes::Tls => Self::Tls,
            FirstBytes::Unrecognised => Self::Unrecognised,
        }
    }
}

#[cfg(test)]
mod tests;
