//! How texts and numbers of a document become values, and what is said of those that do not.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::node::Node;
use crate::routing::ClientAddr;

/// A value, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, String>;

pub(super) const TIME_UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

pub(super) const SIZE_UNITS: &[(&str, u64)] =
    &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Text as it is told back: quoted, with control characters escaped, cut after 60 characters.
pub(in crate::config) fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Text that is not empty.
pub(super) fn text(node: &Node) -> Parsed<&str> {
    match node {
        Node::Text(text) if text.is_empty() => Err("is empty".to_owned()),
        Node::Text(text) => Ok(text),
        Node::Integer(_) | Node::Float(_) | Node::Bool(_) => {
            Err(format!("is {}, not text; quote it", node.kind()))
        }
        Node::Null | Node::List(_) | Node::Map(_) => Err(format!("is {}, not text", node.kind())),
    }
}

/// A number with or without a fraction.
pub(super) fn real(node: &Node) -> Parsed<f64> {
    match node {
        Node::Integer(number) => Ok(*number as f64),
        Node::Float(number) => Ok(*number),
        other => Err(format!("is {}, not a number", other.kind())),
    }
}

/// A whole number, `3` or `3.0`, which JSON does not tell apart.
pub(super) fn integer(node: &Node) -> Parsed<i128> {
    match node {
        Node::Integer(number) => Ok(*number),
        Node::Float(number) if number.fract() == 0.0 && number.is_finite() => Ok(*number as i128),
        Node::Float(number) => Err(format!("{number} is not a whole number")),
        other => Err(format!("is {}, not a number", other.kind())),
    }
}

/// A duration the way it is written, in the largest unit that divides it.
pub(in crate::config) fn spoken(duration: Duration) -> String {
    spoken_in(TIME_UNITS, duration.as_millis() as u64)
}

/// A size the way it is written, in the largest unit that divides it.
pub(in crate::config) fn spoken_size(bytes: u64) -> String {
    spoken_in(SIZE_UNITS, bytes)
}

fn spoken_in(units: &[(&str, u64)], amount: u64) -> String {
    let largest = units.iter().rev().find(|(_, scale)| amount > 0 && amount.is_multiple_of(*scale));
    let (unit, scale) = largest.or(units.first()).expect("there are units");
    format!("{}{unit}", amount / scale)
}

/// An address with a port, `127.0.0.1:443` or `[::1]:443`.
pub(super) fn socket_address(given: &str) -> Parsed<SocketAddr> {
    let address: SocketAddr =
        given.parse().map_err(|_| format!("{} is not an address with a port", shown(given)))?;
    if address.ip().is_multicast() {
        return Err(format!("{address} is a multicast address"));
    }
    plain(address.ip())?;
    Ok(address)
}

/// A network, `10.0.0.0/8`; a single address is a network of one.
pub(super) fn network(given: &str) -> Parsed<IpNet> {
    let address = given.split_once('/').map_or(given, |(address, _)| address);
    // With a length alone, `010.0.0.0/8` would be read as decimal, which some take for octal.
    let ip: Option<IpAddr> = address.parse().ok();
    let parsed = ip.and_then(|ip| match address == given {
        true => Some(ip.into()),
        false => given.parse::<IpNet>().ok(),
    });
    let network = parsed.ok_or_else(|| format!("{} is not a network", shown(given)))?;
    plain(network.addr())?;
    match network.trunc() {
        whole if whole == network => Ok(network),
        whole => Err(format!("{network} has bits beyond its length; the network is {whole}")),
    }
}

/// A network of clients, as [`network`]; one that no client's address lies in is refused.
pub(in crate::config) fn client_network(given: &str) -> Parsed<IpNet> {
    let network = network(given)?;
    // All of it lies where addresses are IPv4 ones in other clothes: NAT64, 6to4, Teredo.
    let carries_v4 = |ip| ClientAddr::new(ip).ip() != ip;
    match carries_v4(network.network()) && carries_v4(network.broadcast()) {
        true => Err(format!(
            "{network} matches nobody: its addresses carry IPv4 addresses, and clients are \
             looked up by those; name the IPv4 network"
        )),
        false => Ok(network),
    }
}

/// Refuses an IPv4 address in IPv6 clothes: sockets here are of one family.
pub(super) fn plain(ip: IpAddr) -> Parsed<()> {
    match ip.to_canonical() {
        same if same == ip => Ok(()),
        v4 => Err(format!("{ip} is the IPv4 address {v4}; write it as one")),
    }
}

/// What is said of a value beyond its range.
pub(super) fn outside(given: impl Display, least: impl Display, most: impl Display) -> String {
    format!("{given} is outside {least}..{most}")
}

/// A whole number with its unit, in the smallest unit.
pub(super) fn quantity(node: &Node, what: &str, units: &[(&str, u64)]) -> Parsed<u64> {
    let names: Vec<&str> = units.iter().map(|(unit, _)| *unit).collect();
    let takes = format!("{what} with its unit ({})", names.join(" "));
    let given = match node {
        Node::Text(text) => text.trim_matches(' '),
        Node::Integer(number) => {
            let example = names.get(1).or(names.first()).unwrap_or(&"");
            return Err(format!(
                "{number} has no unit; write {takes}, such as `{number}{example}`"
            ));
        }
        other => return Err(format!("is {}, not {takes}", other.kind())),
    };
    let digits = given.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = given.split_at(digits);
    let scale = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '));
    match (number.parse::<u64>(), scale) {
        (Ok(number), Some((_, scale))) => {
            number.checked_mul(*scale).ok_or_else(|| format!("{} is too large", shown(given)))
        }
        (Ok(_), None) | (Err(_), _) => Err(format!("{} is not {takes}", shown(given))),
    }
}

/// A range that serde's types can hold.
pub(super) fn within<T: PartialOrd + Display>(value: T, range: RangeInclusive<T>) -> Parsed<T> {
    match range.contains(&value) {
        true => Ok(value),
        false => Err(outside(&value, range.start(), range.end())),
    }
}
