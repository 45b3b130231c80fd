//! The PROXY header of a session, on the client's side.
//!
//! The header is looked at without being taken until it is whole, then exactly it is taken: every
//! byte behind it is still in the socket and can be spliced.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::peek::peek;
use crate::config::ProxyProtocol;
use crate::net;
use crate::proxy_protocol::{Announced, Parsed, parse};

/// The longest header that is waited for: a version 2 header of addresses and a fair number of TLVs.
/// (The format allows 64 KiB; HAProxy takes what fits into its buffer of 16.)
const LONGEST: usize = 4096;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Introduction {
    /// Who is connecting.
    pub(super) announced: Announced,
    /// What the session is called already.
    pub(super) unique_id: Option<Box<[u8]>>,
}

/// Why a header was refused.
#[derive(Debug)]
pub(super) enum HeaderError {
    /// Not a PROXY header, or a damaged one.
    Malformed,
    /// Longer than anybody needs.
    TooLong,
    /// Not whole in time.
    Late,
    /// The neighbour left before it was whole.
    Ended,
    /// Reading failed.
    Read(io::Error),
}

impl std::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("no valid PROXY header"),
            Self::TooLong => write!(f, "a PROXY header of more than {LONGEST} bytes"),
            Self::Late => f.write_str("no whole PROXY header in time"),
            Self::Ended => f.write_str("the connection ended within the PROXY header"),
            Self::Read(error) => write!(f, "reading the PROXY header: {error}"),
        }
    }
}

/// Whether `neighbour` has to send a header.
pub(super) fn is_required(policy: &ProxyProtocol, neighbour: SocketAddr) -> bool {
    let ip = neighbour.ip().to_canonical();
    policy.accept_from.iter().any(|network| network.contains(&ip))
}

/// Takes the header off the stream and says what it says.
///
/// # Errors
/// When there is none, or it is damaged, late or too long. The stream is of no use then.
pub(super) async fn read(
    stream: &TcpStream,
    policy: &ProxyProtocol,
) -> Result<Introduction, HeaderError> {
    timeout(policy.timeout, read_whole(stream)).await.map_err(|_| HeaderError::Late)?
}

async fn read_whole(stream: &TcpStream) -> Result<Introduction, HeaderError> {
    let mut buffer = [0; LONGEST];
    let mut seen = 0;
    loop {
        let peeked = peek(stream, &mut buffer, seen + 1).await.map_err(HeaderError::Read)?;
        match parse(&buffer[..peeked]) {
            Parsed::Whole(len, header) => {
                let unique_id = header.unique_id().map(Box::from);
                let introduction = Introduction { announced: header.announced, unique_id };
                let mut taken = 0;
                while taken < len {
                    let rest = &mut buffer[taken..len];
                    taken += net::receive(stream, rest).map_err(HeaderError::Read)?;
                }
                return Ok(introduction);
            }
            Parsed::Malformed => return Err(HeaderError::Malformed),
            Parsed::Partial if peeked == LONGEST => return Err(HeaderError::TooLong),
            Parsed::Partial if peeked == seen => return Err(HeaderError::Ended),
            Parsed::Partial => seen = peeked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::fixture::pair;
    use crate::proxy_protocol::{Details, Transport, UNIQUE_ID, v1, v2};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn announced() -> Announced {
        let at = |address: &str| address.parse().expect("an address of the test");
        let (source, destination) = (at("203.0.113.7:50000"), at("192.0.2.1:443"));
        Announced::Client { source, destination }
    }

    fn policy(timeout: Duration) -> ProxyProtocol {
        ProxyProtocol { accept_from: vec!["127.0.0.0/8".parse().expect("a network")], timeout }
    }

    #[tokio::test]
    async fn a_header_in_pieces_is_taken_and_not_a_byte_more() {
        let (mut neighbour, mut stream) = pair().await;
        neighbour.set_nodelay(true).expect("set");
        let details = Details { unique_id: &[7; 128], listener: "clients", ..Details::default() };
        let header = v2(Transport::Stream, &announced(), Some(&details));
        let sent = [header.as_slice(), b"payload"].concat();
        let policy = policy(Duration::from_secs(30));
        let write = async {
            for piece in sent.chunks(9) {
                neighbour.write_all(piece).await.expect("written");
                tokio::task::yield_now().await;
            }
        };
        let (introduction, ()) = tokio::join!(read(&stream, &policy), write);
        let unique_id = Some([7; 128].into());
        let said = Introduction { announced: announced(), unique_id };
        assert_eq!(introduction.expect("a header"), said);
        let mut payload = [0; 7];
        stream.read_exact(&mut payload).await.expect("read");
        assert_eq!(&payload, b"payload");
    }

    #[tokio::test]
    async fn a_header_that_does_not_come_is_late_and_one_that_ends_is_refused() {
        let (mut neighbour, stream) = pair().await;
        neighbour.write_all(&v1(&announced())[..20]).await.expect("written");
        let late = read(&stream, &policy(Duration::from_millis(50))).await;
        assert!(matches!(late, Err(HeaderError::Late)));
        drop(neighbour);
        let ended = read(&stream, &policy(Duration::from_secs(3600))).await;
        assert!(matches!(ended, Err(HeaderError::Ended)), "{ended:?}");
    }

    #[tokio::test]
    async fn a_header_longer_than_anybody_needs_is_refused_and_so_is_a_damaged_one() {
        let policy = policy(Duration::from_secs(30));
        let of = |length: u16| {
            let mut header = v2(Transport::Stream, &announced(), None);
            header[14..16].copy_from_slice(&length.to_be_bytes());
            header
        };
        let (mut neighbour, stream) = pair().await;
        neighbour.write_all(&[of(u16::MAX), vec![0; LONGEST]].concat()).await.expect("written");
        let refused = read(&stream, &policy).await;
        assert!(matches!(refused, Err(HeaderError::TooLong)), "{refused:?}");
        let (mut neighbour, stream) = pair().await;
        let long_id = [&of(12 + 3 + 129)[..], &[UNIQUE_ID, 0, 129], &[7; 129]].concat();
        neighbour.write_all(&long_id).await.expect("written");
        let refused = read(&stream, &policy).await;
        assert!(matches!(refused, Err(HeaderError::Malformed)), "{refused:?}");
    }

    #[test]
    fn only_trusted_networks_are_asked_for_a_header() {
        let policy = policy(Duration::from_secs(3));
        let from = |address: &str| address.parse().expect("an address of the test");
        assert!(is_required(&policy, from("127.5.6.7:1")));
        assert!(is_required(&policy, from("[::ffff:127.0.0.1]:1")));
        assert!(!is_required(&policy, from("192.0.2.1:1")));
    }
}
