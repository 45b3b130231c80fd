//! Headers as they arrive.

use std::net::{IpAddr, SocketAddr};

use ppp::{PartialResult, v1, v2};

use super::checksum::checksum;
use super::tlv::{self, CRC32C, Damaged, LONGEST_UNIQUE_ID, UNIQUE_ID};
use super::{Announced, Transport, Version};

/// What the first bytes of a connection, or a datagram, come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// The first so many bytes are this header.
    Whole(usize, Header<'a>),
    /// They may be the beginning of one.
    Partial,
    /// They are none, or a damaged one.
    Malformed,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its form.
    pub version: Version,
    /// What the client sends; `None` where that is not said.
    pub transport: Option<Transport>,
    /// Who.
    pub announced: Announced,
    /// What version 2 says beside the addresses; what cannot be read is not here.
    tlvs: &'a [u8],
}

impl<'a> Header<'a> {
    /// What was said under this type, the first time.
    #[must_use]
    pub fn tlv(&self, kind: u8) -> Option<&'a [u8]> {
        let tlvs = tlv::walk(self.tlvs).map_while(Result::ok);
        tlvs.filter(|it| it.kind == kind).map(|it| it.value).next()
    }

    /// What names the session wherever it is heard of; [`LONGEST_UNIQUE_ID`] bytes at most.
    #[must_use]
    pub fn unique_id(&self) -> Option<&'a [u8]> {
        self.tlv(UNIQUE_ID).filter(|id| !id.is_empty())
    }
}

/// The bytes of version 2 before those that its length counts.
const HEAD: usize = 16;

/// Reads a header that begins with the first of these bytes. What follows it is nothing to it.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let may_be = |beginning: &[u8]| bytes.iter().zip(beginning).all(|(a, b)| a == b);
    if may_be(v2::PROTOCOL_PREFIX) {
        local(bytes).unwrap_or_else(|| parse_v2(bytes))
    } else if may_be(b"PROXY ") {
        parse_v1(bytes)
    } else {
        Parsed::Malformed
    }
}

/// A line. Its parser is given whole ones only: it takes one that was cut within a number for a damaged one.
fn parse_v1(bytes: &[u8]) -> Parsed<'_> {
    const LONGEST_LINE: usize = 107;
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return match bytes.len() < LONGEST_LINE {
            true => Parsed::Partial,
            false => Parsed::Malformed,
        };
    };
    let length = end + 2;
    match &bytes[end..] {
        [b'\r'] if length <= LONGEST_LINE => Parsed::Partial,
        [b'\r', b'\n', ..] => match v1::Header::try_from(&bytes[..length]) {
            Ok(header) => {
                let announced = announced_v1(&header.addresses);
                let transport = (announced != Announced::Nobody).then_some(Transport::Stream);
                let said = Header { version: Version::One, transport, announced, tlvs: &[] };
                Parsed::Whole(length, said)
            }
            Err(_) => Parsed::Malformed,
        },
        _ => Parsed::Malformed,
    }
}

fn parse_v2(bytes: &[u8]) -> Parsed<'_> {
    match v2::Header::try_from(bytes) {
        Ok(header) => {
            let transport = match header.protocol {
                v2::Protocol::Unspecified => None,
                v2::Protocol::Stream => Some(Transport::Stream),
                v2::Protocol::Datagram => Some(Transport::Datagram),
            };
            whole_v2(&bytes[..header.len()], transport, &header.addresses)
        }
        Err(error) if error.is_incomplete() => Parsed::Partial,
        Err(_) => Parsed::Malformed,
    }
}

/// A header of who speaks for itself, of which nothing else is looked at: whatever its family and addresses
/// are, it is valid.
fn local(bytes: &[u8]) -> Option<Parsed<'_>> {
    const LOCAL: u8 = 0x20;
    let rest = bytes.strip_prefix(v2::PROTOCOL_PREFIX)?;
    let [LOCAL, _, high, low, behind @ ..] = rest else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Some(match behind.len() >= length {
        true => {
            let announced = Announced::Neighbour;
            let said = Header { version: Version::Two, transport: None, announced, tlvs: &[] };
            Parsed::Whole(HEAD + length, said)
        }
        false => Parsed::Partial,
    })
}

/// Of one that announces a client.
fn whole_v2<'a>(
    header: &'a [u8],
    transport: Option<Transport>,
    addresses: &v2::Addresses,
) -> Parsed<'a> {
    let begin = HEAD + addresses.len();
    let announced = announced_v2(addresses);
    let tlvs = match (check_tlvs(header, begin), addresses) {
        (Ok(()), _) => &header[begin..],
        // How long addresses are that nobody specified, nobody knows.
        (Err(_), v2::Addresses::Unspecified) => &[],
        (Err(_), v2::Addresses::IPv4(_) | v2::Addresses::IPv6(_) | v2::Addresses::Unix(_)) => {
            return Parsed::Malformed;
        }
    };
    Parsed::Whole(header.len(), Header { version: Version::Two, transport, announced, tlvs })
}

/// Looks at all that begins there: what is too long, and a checksum that is wrong, damage it too.
fn check_tlvs(header: &[u8], begin: usize) -> Result<(), Damaged> {
    for tlv in tlv::walk(&header[begin..]) {
        let tlv = tlv?;
        let is_sound = match tlv.kind {
            UNIQUE_ID => tlv.value.len() <= LONGEST_UNIQUE_ID,
            CRC32C => <[u8; 4]>::try_from(tlv.value).is_ok_and(|stated| {
                let field = begin + tlv.range.start..begin + tlv.range.end;
                checksum(header, field) == u32::from_be_bytes(stated)
            }),
            _ => true,
        };
        if !is_sound {
            return Err(Damaged);
        }
    }
    Ok(())
}

fn announced_v1(addresses: &v1::Addresses) -> Announced {
    match addresses {
        v1::Addresses::Unknown => Announced::Nobody,
        v1::Addresses::Tcp4(it) => client(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v1::Addresses::Tcp6(it) => client(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
    }
}

fn announced_v2(addresses: &v2::Addresses) -> Announced {
    match addresses {
        v2::Addresses::IPv4(it) => client(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v2::Addresses::IPv6(it) => client(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => Announced::Nobody,
    }
}

fn client(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Announced {
    let [source, destination] = [source, destination].map(|(ip, port)| SocketAddr::new(ip, port));
    Announced::Client { source, destination }
}
