//! The PROXY protocol on the client's side (HAProxy's `proxy-protocol.txt`, versions 1 and 2).
//!
//! The header is looked at without being taken until it is whole, then exactly it is taken: every
//! byte behind it is still in the socket and can be spliced.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::peek::peek;
use crate::config::ProxyProtocol;
use crate::net;

/// The longest header that is waited for: a version 2 header of addresses and a fair number of TLVs.
/// (The format allows 64 KiB; HAProxy takes what fits into its buffer of 16.)
const LONGEST: usize = 4096;

/// Who a header says is connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// This client.
    Client(SocketAddr),
    /// A client whose address the neighbour does not know (`UNKNOWN` in version 1, a family other
    /// than the internet's in version 2).
    Nobody,
    /// The neighbour itself, to see whether we live (`LOCAL`).
    Neighbour,
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

/// Takes the header off the stream and says who it announces.
///
/// # Errors
/// When there is none, or it is damaged, late or too long. The stream is of no use then.
pub(super) async fn read(
    stream: &TcpStream,
    policy: &ProxyProtocol,
) -> Result<Announced, HeaderError> {
    timeout(policy.timeout, read_whole(stream)).await.map_err(|_| HeaderError::Late)?
}

async fn read_whole(stream: &TcpStream) -> Result<Announced, HeaderError> {
    let mut buffer = [0; LONGEST];
    let mut seen = 0;
    loop {
        let peeked = peek(stream, &mut buffer, seen + 1).await.map_err(HeaderError::Read)?;
        match parse(&buffer[..peeked]) {
            Parsed::Whole(len, announced) => {
                let mut taken = 0;
                while taken < len {
                    let rest = &mut buffer[taken..len];
                    taken += net::receive(stream, rest).map_err(HeaderError::Read)?;
                }
                return Ok(announced);
            }
            Parsed::Malformed => return Err(HeaderError::Malformed),
            Parsed::Partial if peeked == LONGEST => return Err(HeaderError::TooLong),
            Parsed::Partial if peeked == seen => return Err(HeaderError::Ended),
            Parsed::Partial => seen = peeked,
        }
    }
}

enum Parsed {
    Whole(usize, Announced),
    Partial,
    Malformed,
}

fn parse(bytes: &[u8]) -> Parsed {
    let result = HeaderResult::parse(bytes);
    let partial = result.is_incomplete();
    match result {
        HeaderResult::V1(Ok(header)) => {
            Parsed::Whole(header.header.len(), announced_v1(&header.addresses))
        }
        HeaderResult::V2(Ok(header)) => Parsed::Whole(header.len(), announced_v2(&header)),
        HeaderResult::V1(Err(_)) if is_unfinished_line(bytes) => Parsed::Partial,
        HeaderResult::V2(Err(_)) if partial => Parsed::Partial,
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Parsed::Malformed,
    }
}

/// Whether these bytes can still become a header of version 1: its parser takes a line that was cut
/// within a number for a damaged one, and waits for the end of a line whatever it begins with.
fn is_unfinished_line(bytes: &[u8]) -> bool {
    const LONGEST_LINE: usize = 107;
    let begins_well = bytes.iter().zip(b"PROXY ").all(|(a, b)| a == b);
    begins_well && bytes.len() < LONGEST_LINE && !bytes.contains(&b'\n')
}

fn announced_v1(addresses: &v1::Addresses) -> Announced {
    match addresses {
        v1::Addresses::Unknown => Announced::Nobody,
        v1::Addresses::Tcp4(it) => client(it.source_address.into(), it.source_port),
        v1::Addresses::Tcp6(it) => client(it.source_address.into(), it.source_port),
    }
}

fn announced_v2(header: &v2::Header<'_>) -> Announced {
    match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(it)) => {
            client(it.source_address.into(), it.source_port)
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(it)) => {
            client(it.source_address.into(), it.source_port)
        }
        (v2::Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => {
            Announced::Nobody
        }
        (v2::Command::Local, _) => Announced::Neighbour,
    }
}

fn client(ip: IpAddr, port: u16) -> Announced {
    Announced::Client(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::fixture::pair;
    use proptest::prelude::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n";
    const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    fn v2_header(source: &str, tlvs: usize) -> Vec<u8> {
        let source: SocketAddr = source.parse().expect("an address of the test");
        let there: SocketAddr = match source {
            SocketAddr::V4(_) => "192.0.2.1:443".parse().expect("an address"),
            SocketAddr::V6(_) => "[2001:db8::1]:443".parse().expect("an address"),
        };
        let addresses = (source, there);
        let command = v2::Version::Two | v2::Command::Proxy;
        let mut builder = v2::Builder::with_addresses(command, v2::Protocol::Stream, addresses);
        for _ in 0..tlvs {
            builder = builder.write_tlv(0xe0, &[0; 200]).expect("it fits");
        }
        builder.build().expect("a header")
    }

    fn announced(bytes: &[u8]) -> Option<(usize, Announced)> {
        match parse(bytes) {
            Parsed::Whole(len, announced) => Some((len, announced)),
            Parsed::Partial | Parsed::Malformed => None,
        }
    }

    fn policy(timeout: Duration) -> ProxyProtocol {
        ProxyProtocol { accept_from: vec!["127.0.0.0/8".parse().expect("a network")], timeout }
    }

    #[test]
    fn both_versions_announce_the_client() {
        let v4: SocketAddr = "203.0.113.7:50000".parse().expect("an address");
        assert_eq!(announced(V1), Some((V1.len(), Announced::Client(v4))));
        let header = v2_header("203.0.113.7:50000", 2);
        assert_eq!(announced(&header), Some((header.len(), Announced::Client(v4))));
        let header = v2_header("[2001:db8::7]:50000", 0);
        let v6 = "[2001:db8::7]:50000".parse().expect("an address");
        assert_eq!(announced(&header), Some((header.len(), Announced::Client(v6))));
    }

    #[test]
    fn local_announces_the_neighbour_and_an_address_that_is_unknown_nobody() {
        assert_eq!(announced(LOCAL), Some((16, Announced::Neighbour)));
        let unknown = b"PROXY UNKNOWN\r\n";
        assert_eq!(announced(unknown), Some((unknown.len(), Announced::Nobody)));
        let unspecified = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
        assert_eq!(announced(unspecified), Some((16, Announced::Nobody)));
    }

    #[test]
    fn every_cut_of_a_header_is_partial_and_garbage_is_refused_at_once() {
        for header in [V1.to_vec(), v2_header("203.0.113.7:1", 1), LOCAL.to_vec()] {
            for cut in 0..header.len() {
                assert!(matches!(parse(&header[..cut]), Parsed::Partial), "cut at {cut}");
            }
        }
        for garbage in [&b"GET / HTTP/1.1\r\n"[..], b"\xef", b"PROXY TCP4 x y z 1\r\n", b"PROXYTCP"]
        {
            assert!(matches!(parse(garbage), Parsed::Malformed), "{garbage:?}");
        }
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        assert!(matches!(parse(&endless), Parsed::Malformed));
    }

    #[tokio::test]
    async fn a_header_in_pieces_is_taken_and_not_a_byte_more() {
        let (mut neighbour, mut stream) = pair().await;
        neighbour.set_nodelay(true).expect("set");
        let header = v2_header("203.0.113.7:50000", 3);
        let sent = [header.as_slice(), b"payload"].concat();
        let policy = policy(Duration::from_secs(30));
        let write = async {
            for piece in sent.chunks(9) {
                neighbour.write_all(piece).await.expect("written");
                tokio::task::yield_now().await;
            }
        };
        let (announced, ()) = tokio::join!(read(&stream, &policy), write);
        assert!(matches!(announced, Ok(Announced::Client(_))));
        let mut payload = [0; 7];
        stream.read_exact(&mut payload).await.expect("read");
        assert_eq!(&payload, b"payload");
    }

    #[tokio::test]
    async fn a_header_that_does_not_come_is_late_and_one_that_ends_is_refused() {
        let (mut neighbour, stream) = pair().await;
        neighbour.write_all(&V1[..20]).await.expect("written");
        let late = read(&stream, &policy(Duration::from_millis(50))).await;
        assert!(matches!(late, Err(HeaderError::Late)));
        drop(neighbour);
        let ended = read(&stream, &policy(Duration::from_secs(3600))).await;
        assert!(matches!(ended, Err(HeaderError::Ended)), "{ended:?}");
    }

    #[tokio::test]
    async fn a_header_longer_than_anybody_needs_is_refused() {
        let (mut neighbour, stream) = pair().await;
        neighbour.write_all(&v2_header("203.0.113.7:1", 40)).await.expect("written");
        let refused = read(&stream, &policy(Duration::from_secs(30))).await;
        assert!(matches!(refused, Err(HeaderError::TooLong)), "{refused:?}");
    }

    #[test]
    fn only_trusted_networks_are_asked_for_a_header() {
        let policy = policy(Duration::from_secs(3));
        let from = |address: &str| address.parse().expect("an address of the test");
        assert!(is_required(&policy, from("127.5.6.7:1")));
        assert!(is_required(&policy, from("[::ffff:127.0.0.1]:1")));
        assert!(!is_required(&policy, from("192.0.2.1:1")));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), v2: bool) {
            let prefix: &[u8] = if v2 { v2::PROTOCOL_PREFIX } else { b"PROXY " };
            let whole = [prefix, &bytes].concat();
            for bytes in [&bytes, &whole] {
                if let Some((len, _)) = announced(bytes) {
                    prop_assert!(len <= bytes.len());
                }
            }
        }
    }
}
