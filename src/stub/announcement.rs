//! What a stub DC is told of its clients.

use crate::proxy_protocol::{
    Announced, COUNTRY, DC, EDGE, Header, LISTENER, Parsed, Transport, Version, parse,
};
use std::io;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The longest header that is read.
const LONGEST: usize = 4096;

/// What a PROXY header said; `None` of what it did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Announcement {
    /// Its version, 1 or 2.
    pub version: u8,
    /// The sender spoke for itself.
    pub is_local: bool,
    /// It is said to be of datagrams.
    pub is_datagram: bool,
    /// Where the client comes from.
    pub source: Option<SocketAddr>,
    /// What it asked for.
    pub destination: Option<SocketAddr>,
    /// What its session is called.
    pub unique_id: Option<String>,
    /// Its country.
    pub country: Option<String>,
    /// The DC that it was given to.
    pub dc: Option<u16>,
    /// The listener that it came to.
    pub listener: Option<String>,
    /// The edge that it came to.
    pub edge: Option<String>,
}

impl From<Header<'_>> for Announcement {
    fn from(header: Header<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (source, destination) = match header.announced {
            Announced::Client { source, destination } => (Some(source), Some(destination)),
            Announced::Nobody | Announced::Neighbour => (None, None),
        };
        Self {
            version: match header.version {
                Version::One => 1,
                Version::Two => 2,
            },
            is_local: header.announced == Announced::Neighbour,
            is_datagram: header.transport == Some(Transport::Datagram),
            source,
            destination,
            unique_id: header.unique_id().map(text),
            country: header.tlv(COUNTRY).map(text),
            dc: header.tlv(DC).and_then(|it| it.try_into().ok()).map(u16::from_be_bytes),
            listener: header.tlv(LISTENER).map(text),
            edge: header.tlv(EDGE).map(text),
        }
    }
}

/// Takes the header off the stream and nothing behind it; `None` if there is none.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<Announcement>> {
    let mut seen = Vec::new();
    let mut more = [0; LONGEST];
    while seen.len() < LONGEST {
        let taken = seen.len();
        let peeked = stream.peek(&mut more[taken..]).await?;
        seen.extend_from_slice(&more[taken..taken + peeked]);
        let (header, whole) = match parse(&seen) {
            Parsed::Whole(length, header) => (Some(header.into()), length),
            // At the end of the stream there is nothing to take, which is an error.
            Parsed::Partial => (None, seen.len().max(taken + 1)),
            Parsed::Malformed => return Ok(None),
        };
        stream.read_exact(&mut more[taken..whole]).await?;
        if header.is_some() {
            return Ok(header);
        }
    }
    Ok(None)
}

/// The header of a datagram, and what the client has sent; `None` if there is no header.
pub(super) fn split(datagram: &[u8]) -> Option<(Announcement, &[u8])> {
    match parse(datagram) {
        Parsed::Whole(length, header) if header.version == Version::Two => {
            Some((header.into(), &datagram[length..]))
        }
        Parsed::Whole(..) | Parsed::Partial | Parsed::Malformed => None,
    }
}
