//! Headers as they are sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::checksum;
use super::tlv::{self, COUNTRY, CRC32C, DC, EDGE, LISTENER, LONGEST_UNIQUE_ID, UNIQUE_ID};
use super::{Announced, Details, Transport};

/// The longest name that is sent.
const LONGEST_NAME: usize = 255;

/// Where version 2 has its length, of what follows it.
const LENGTH: usize = 14;

const NO_CHECKSUM: [u8; 4] = [0; 4];

/// The line of version 1. It has no word for who speaks for itself: that is `UNKNOWN` too.
#[must_use]
pub fn v1(announced: &Announced) -> Vec<u8> {
    let line = match announced {
        Announced::Nobody | Announced::Neighbour => "PROXY UNKNOWN\r\n".to_owned(),
        Announced::Client { source, destination } => {
            let ports = (source.port(), destination.port());
            match ips(*source, *destination) {
                Ips::V4(from, to) => format!("PROXY TCP4 {from} {to} {} {}\r\n", ports.0, ports.1),
                Ips::V6(from, to) => format!(
                    "PROXY TCP6 {} {} {} {}\r\n",
                    spelled(from),
                    spelled(to),
                    ports.0,
                    ports.1
                ),
            }
        }
    };
    line.into_bytes()
}

/// The bytes of version 2. With details they have a checksum over all of them, before what else is said: no
/// damage of a length makes it part of another value.
#[must_use]
pub fn v2(transport: Transport, announced: &Announced, details: Option<&Details<'_>>) -> Vec<u8> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const UNSPECIFIED: u8 = 0x00;
    const INET: u8 = 0x10;
    const INET6: u8 = 0x20;
    let of = |family| match transport {
        Transport::Stream => family | 0x01,
        Transport::Datagram => family | 0x02,
    };
    let mut header = ppp::v2::PROTOCOL_PREFIX.to_vec();
    match announced {
        Announced::Neighbour => header.extend([LOCAL, UNSPECIFIED, 0, 0]),
        Announced::Nobody => header.extend([PROXY, UNSPECIFIED, 0, 0]),
        Announced::Client { source, destination } => {
            match ips(*source, *destination) {
                Ips::V4(from, to) => {
                    header.extend([PROXY, of(INET), 0, 0]);
                    header.extend([from, to].map(|ip| ip.octets()).as_flattened());
                }
                Ips::V6(from, to) => {
                    header.extend([PROXY, of(INET6), 0, 0]);
                    header.extend([from, to].map(|ip| ip.octets()).as_flattened());
                }
            }
            let ports = [source, destination].map(|it| it.port().to_be_bytes());
            header.extend(ports.as_flattened());
        }
    }
    let checksum_at = details.map(|details| write_details(details, &mut header));
    let length = header.len() - (LENGTH + 2);
    let length = u16::try_from(length).expect("all that a header has is bounded");
    header[LENGTH..LENGTH + 2].copy_from_slice(&length.to_be_bytes());
    if let Some(at) = checksum_at {
        let field = at..at + NO_CHECKSUM.len();
        let checksum = checksum(&header, field.clone());
        header[field].copy_from_slice(&checksum.to_be_bytes());
    }
    header
}

/// Appends room for the checksum, and what is said of the client. Returns where the checksum goes.
fn write_details(details: &Details<'_>, header: &mut Vec<u8>) -> usize {
    tlv::write(CRC32C, &NO_CHECKSUM, header);
    let checksum_at = header.len() - NO_CHECKSUM.len();
    let Details { unique_id, country, dc, listener, edge } = details;
    let values: [(u8, &[u8], usize); 5] = [
        (UNIQUE_ID, unique_id, LONGEST_UNIQUE_ID),
        (COUNTRY, country.unwrap_or_default().as_bytes(), LONGEST_NAME),
        (DC, &dc.to_be_bytes(), LONGEST_NAME),
        (LISTENER, listener.as_bytes(), LONGEST_NAME),
        (EDGE, edge.as_bytes(), LONGEST_NAME),
    ];
    for (kind, value, most) in values {
        if !value.is_empty() {
            tlv::write(kind, &value[..value.len().min(most)], header);
        }
    }
    checksum_at
}

/// The addresses of one connection, in one family.
enum Ips {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

/// IPv4 if both are, also as IPv6 has it; else IPv6, in which an IPv4 address is a mapped one.
fn ips(source: SocketAddr, destination: SocketAddr) -> Ips {
    match (source.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Ips::V4(source, destination),
        (source, destination) => Ips::V6(in_ipv6(source), in_ipv6(destination)),
    }
}

fn in_ipv6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// An address of IPv6 in hexadecimal digits and colons, as version 1 wants all of them: no dotted IPv4.
fn spelled(ip: Ipv6Addr) -> String {
    match ip.to_ipv4_mapped() {
        Some(_) => {
            let [.., high, low] = ip.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        None => ip.to_string(),
    }
}
