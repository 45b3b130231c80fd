//! A receiver of headers of version 2 that knows the specification, and nothing of nearpoint.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// `proxy-protocol.txt`, 2.2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_2_PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// `PP2_TYPE_CRC32C`.
const CRC32C: u8 = 0x03;

/// What a header says of a client.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// By type, without the checksum, which was right.
    pub(crate) values: HashMap<u8, Vec<u8>>,
}

/// The next connection that announces a client, and what is said of it. Probes announce none.
pub(crate) async fn next_client(listener: &TcpListener) -> (Told, TcpStream) {
    loop {
        let (mut stream, _) = listener.accept().await.expect("accepted");
        let header = match read(&mut stream).await {
            Ok(header) => header,
            // A probe that only connects.
            Err(_) => continue,
        };
        if header[12] == VERSION_2_PROXY {
            return (told(&header), stream);
        }
    }
}

/// Exactly one header.
async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = vec![0; 16];
    stream.read_exact(&mut header).await?;
    assert_eq!(header[..12], SIGNATURE);
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    header.resize(16 + length, 0);
    stream.read_exact(&mut header[16..]).await?;
    Ok(header)
}

fn told(header: &[u8]) -> Told {
    let said = &header[16..];
    let (source, destination, ports_at): (IpAddr, IpAddr, usize) = match header[13] {
        TCP_OVER_IPV4 => {
            let ip = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&said[at..at + 4]).expect("4"));
            (ip(0).into(), ip(4).into(), 8)
        }
        TCP_OVER_IPV6 => {
            let ip =
                |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&said[at..at + 16]).expect("16"));
            (ip(0).into(), ip(16).into(), 32)
        }
        other => panic!("{other:#x} is no family and protocol of TCP"),
    };
    let port = |at| u16::from_be_bytes([said[at], said[at + 1]]);
    Told {
        source: SocketAddr::new(source, port(ports_at)),
        destination: SocketAddr::new(destination, port(ports_at + 2)),
        values: values(header, 16 + ports_at + 4),
    }
}

/// Types, lengths and values from here on; the checksum is there and right.
fn values(header: &[u8], mut at: usize) -> HashMap<u8, Vec<u8>> {
    let mut values = HashMap::new();
    while at < header.len() {
        let length = usize::from(u16::from_be_bytes([header[at + 1], header[at + 2]]));
        let value = at + 3..at + 3 + length;
        if header[at] == CRC32C {
            let mut without = header.to_vec();
            without[value.clone()].fill(0);
            assert_eq!(header[value.clone()], crc32c(&without).to_be_bytes());
        }
        let former = values.insert(header[at], header[value.clone()].to_vec());
        assert_eq!(former, None, "each is said once");
        at = value.end;
    }
    assert!(values.remove(&CRC32C).is_some(), "{values:x?}");
    values
}

/// RFC 3720, appendix B.4: the polynomial of Castagnoli, bit by bit, the lowest first.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = register & 1;
            register >>= 1;
            register ^= 0x82f6_3b78 * carry;
        }
    }
    !register
}

/// The examples of RFC 3720.
pub(crate) fn check_crc32c() {
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
}
