//! A PROXY header: what first bytes come to never depends on their pieces, what was heard can be said again,
//! and no damage is believed.
//!
//! An input is: what is read (one byte), which is the rest of the input, or with the highest bit a header that
//! the rest describes. A header is described by where it is damaged and how (two bytes), its addresses
//! (36 bytes, as version 2 has them), the DC (two bytes), and its texts, half of what is left each.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use nearpoint::proxy_protocol::{
    Announced, CRC32C, DC, Details, EDGE, Header, LONGEST_UNIQUE_ID, Parsed, Transport, Version,
    parse, v1, v2,
};

const DESCRIBES_A_HEADER: u8 = 0x80;
const IS_DATAGRAM: u8 = 0x40;

/// What a header has before the type of what follows its addresses: 16 bytes, and those.
const ADDRESSES_END: [usize; 2] = [16 + 12, 16 + 36];

/// Panics if something is wrong.
pub(crate) fn check(input: &[u8]) {
    let [what, rest @ ..] = input else { return };
    match what & DESCRIBES_A_HEADER {
        0 => read(rest),
        _ => {
            let transport = match what & IS_DATAGRAM {
                0 => Transport::Stream,
                _ => Transport::Datagram,
            };
            describe(transport, rest);
        }
    }
}

/// Any bytes.
fn read(bytes: &[u8]) {
    let whole = parse(bytes);
    let length = match whole {
        Parsed::Whole(length, header) => {
            assert_eq!(parse(&bytes[..length]), whole, "what follows is nothing to it");
            say_again(&header);
            length
        }
        Parsed::Partial => bytes.len(),
        Parsed::Malformed => return,
    };
    for have in 0..length {
        assert_eq!(parse(&bytes[..have]), Parsed::Partial, "{have} of {length} bytes");
    }
}

/// In both versions.
fn say_again(heard: &Header<'_>) {
    let unique_id = heard.unique_id().unwrap_or_default();
    assert!(unique_id.len() <= LONGEST_UNIQUE_ID);
    let details = Details { unique_id, ..Details::default() };
    let transport = heard.transport.unwrap_or(Transport::Stream);
    let said = v2(transport, &heard.announced, Some(&details));
    let Parsed::Whole(length, again) = parse(&said) else { panic!("{said:?}") };
    assert_eq!((length, again.version), (said.len(), Version::Two));
    assert_eq!(canonical(again.announced), canonical(heard.announced));
    if heard.announced != Announced::Neighbour {
        assert_eq!(again.unique_id().unwrap_or_default(), unique_id);
    }
    let line = v1(&heard.announced);
    let Parsed::Whole(length, again) = parse(&line) else { panic!("{line:?}") };
    assert_eq!((length, again.version), (line.len(), Version::One));
    match heard.announced {
        Announced::Client { .. } => {
            assert_eq!(canonical(again.announced), canonical(heard.announced));
        }
        Announced::Nobody | Announced::Neighbour => assert_eq!(again.announced, Announced::Nobody),
    }
}

/// A header of ours, and what becomes of it on a bad day.
fn describe(transport: Transport, description: &[u8]) -> Option<()> {
    let ([at, flipped], rest) = description.split_first_chunk()?;
    let (source, rest) = address(rest)?;
    let (destination, rest) = address(rest)?;
    let (dc, rest) = rest.split_first_chunk()?;
    let (unique_id, edge) = rest.split_at(rest.len() / 2);
    let edge = String::from_utf8_lossy(edge);
    let dc = u16::from_be_bytes(*dc);
    let (country, listener) = (Some("NL"), "clients");
    let announced = Announced::Client { source, destination };
    let details = Details { unique_id, country, dc, listener, edge: &edge };
    let mut header = v2(transport, &announced, Some(&details));
    let Parsed::Whole(length, heard) = parse(&header) else { panic!("{header:?}") };
    assert_eq!((length, heard.transport), (header.len(), Some(transport)));
    assert_eq!(canonical(heard.announced), canonical(announced));
    let heard_of_id = heard.unique_id().unwrap_or_default();
    assert!(unique_id.starts_with(heard_of_id));
    assert_eq!(heard_of_id.len(), unique_id.len().min(LONGEST_UNIQUE_ID));
    assert_eq!(heard.tlv(DC), Some(&dc.to_be_bytes()[..]));
    let heard_of_edge = heard.tlv(EDGE).unwrap_or_default();
    assert!(edge.as_bytes().starts_with(heard_of_edge));
    say_again(&heard);

    let at = usize::from(*at) % header.len();
    header[at] ^= flipped;
    read(&header);
    // What says what is there may say that there is no checksum.
    let is_covered = *flipped != 0 && at >= 16 && !is_of_checksum(&header, at);
    if is_covered {
        assert_eq!(parse(&header), Parsed::Malformed, "byte {at}");
    }
    Some(())
}

/// Whether this is the byte that says that a checksum follows.
fn is_of_checksum(header: &[u8], at: usize) -> bool {
    ADDRESSES_END.contains(&at) && header[at] != CRC32C
}

fn address(description: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (ip, rest) = description.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    let ip = IpAddr::V6(Ipv6Addr::from(*ip));
    Some((SocketAddr::new(ip, u16::from_be_bytes(*port)), rest))
}

/// The same, with each address in its shorter form.
fn canonical(announced: Announced) -> Announced {
    let shorter = |it: SocketAddr| SocketAddr::new(it.ip().to_canonical(), it.port());
    match announced {
        Announced::Client { source, destination } => {
            Announced::Client { source: shorter(source), destination: shorter(destination) }
        }
        Announced::Nobody | Announced::Neighbour => announced,
    }
}
