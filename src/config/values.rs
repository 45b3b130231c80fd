//! Single values: durations, sizes, shares, numbers, names, addresses. Each reader says what it
//! takes and, in words for the operator, why it refuses.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::node::Node;

/// A value, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, String>;

const TIME_UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZE_UNITS: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Text as it is told back: quoted, with control characters escaped, cut after 60 characters.
pub(super) fn shown(text: &str) -> String {
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

/// A name of an edge, a DC, a site, a listener: fit for a metric label and a log line.
pub(super) fn name(node: &Node) -> Parsed<Arc<str>> {
    let name = text(node)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= 64 && name.chars().all(fits) {
        return Ok(name.into());
    }
    Err(format!("{} is not a name: up to 64 letters, digits, `-`, `_` and `.`", shown(name)))
}

/// One of a few words, each with its value.
pub(super) fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Node) -> Parsed<T> {
    move |node| {
        let given = match node {
            Node::Text(text) => text.as_str(),
            Node::Bool(true) => "true",
            Node::Bool(false) => "false",
            other => return Err(format!("is {}, not {}", other.kind(), listed(words))),
        };
        let found = words.iter().find(|(word, _)| *word == given);
        found
            .map(|(_, value)| *value)
            .ok_or_else(|| format!("{} is not {}", shown(given), listed(words)))
    }
}

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Parsed<bool> {
    match node {
        Node::Bool(value) => Ok(*value),
        other => Err(format!("is {}, not `true` or `false`", other.kind())),
    }
}

/// A whole number within a range.
pub(super) fn count(range: RangeInclusive<u32>) -> impl Fn(&Node) -> Parsed<u32> {
    move |node| {
        let number = integer(node)?;
        let fitting = u32::try_from(number).ok().filter(|n| range.contains(n));
        fitting.ok_or_else(|| outside(number, range.start(), range.end()))
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

/// A whole number.
pub(super) fn integer(node: &Node) -> Parsed<i128> {
    match node {
        Node::Integer(number) => Ok(*number),
        Node::Float(number) => Err(format!("{number} is not a whole number")),
        other => Err(format!("is {}, not a number", other.kind())),
    }
}

/// A time with its unit: `300ms`, `3s`, `10m`, `1h`, `7d`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Node) -> Parsed<Duration> {
    move |node| {
        let time = Duration::from_millis(quantity(node, "a time", TIME_UNITS)?);
        let (least, most) = (spoken(*range.start()), spoken(*range.end()));
        match range.contains(&time) {
            true => Ok(time),
            false => Err(outside(spoken(time), &least, &most)),
        }
    }
}

/// A duration the way it is written, in the largest unit that divides it.
pub(super) fn spoken(duration: Duration) -> String {
    let millis = duration.as_millis() as u64;
    let unit = TIME_UNITS.iter().rev();
    match unit.into_iter().find(|(_, scale)| millis.is_multiple_of(*scale)) {
        Some((unit, scale)) if millis > 0 => format!("{}{unit}", millis / scale),
        Some(_) | None => format!("{millis}ms"),
    }
}

/// A size in bytes with its unit: `64KiB`, `48MiB`, `1GiB`.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Fn(&Node) -> Parsed<u64> {
    move |node| {
        let bytes = quantity(node, "a size", SIZE_UNITS)?;
        match range.contains(&bytes) {
            true => Ok(bytes),
            false => {
                let (least, most) = (spoken_size(*range.start()), spoken_size(*range.end()));
                Err(outside(spoken_size(bytes), &least, &most))
            }
        }
    }
}

/// A size the way it is written, in the largest unit that divides it.
pub(super) fn spoken_size(bytes: u64) -> String {
    let unit = SIZE_UNITS.iter().rev();
    match unit.into_iter().find(|(_, scale)| bytes.is_multiple_of(*scale)) {
        Some((unit, scale)) if bytes > 0 => format!("{}{unit}", bytes / scale),
        Some(_) | None => format!("{}KiB", bytes / 1024),
    }
}

/// A share: `0%` to `100%`.
pub(super) fn percent(node: &Node) -> Parsed<u8> {
    let share = quantity(node, "a share", &[("%", 1)])?;
    let fitting = u8::try_from(share).ok().filter(|share| *share <= 100);
    fitting.ok_or_else(|| outside(format!("{share}%"), &"0%", &"100%"))
}

/// An address to listen at, `127.0.0.1:443` or `[::1]:443`; port 0 lets the system choose.
pub(super) fn socket_address(node: &Node) -> Parsed<SocketAddr> {
    let given = text(node)?;
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
    let parsed = given.parse::<IpNet>().or_else(|_| given.parse::<IpAddr>().map(IpNet::from));
    let network = parsed.map_err(|_| format!("{} is not a network", shown(given)))?;
    plain(network.addr())?;
    match network.trunc() {
        whole if whole == network => Ok(network),
        whole => Err(format!("{network} has bits beyond its length; the network is {whole}")),
    }
}

/// Refuses an IPv4 address in IPv6 clothes: sockets here are of one family.
pub(super) fn plain(ip: IpAddr) -> Parsed<()> {
    match ip.to_canonical() {
        same if same == ip => Ok(()),
        v4 => Err(format!("{ip} is the IPv4 address {v4}; write it as one")),
    }
}

fn listed<T>(words: &[(&str, T)]) -> String {
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    quoted.join(" or ")
}

fn outside(given: impl Display, least: &impl Display, most: &impl Display) -> String {
    format!("{given} is outside {least}..{most}")
}

/// A whole number with its unit, in the smallest unit.
fn quantity(node: &Node, what: &str, units: &[(&str, u64)]) -> Parsed<u64> {
    let names: Vec<&str> = units.iter().map(|(unit, _)| *unit).collect();
    let takes = format!("{what} with its unit ({})", names.join(" "));
    let given = match node {
        Node::Text(text) => text.trim(),
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
    let scale = units.iter().find(|(name, _)| *name == unit.trim_start());
    match (number.parse::<u64>(), scale) {
        (Ok(number), Some((_, scale))) => {
            number.checked_mul(*scale).ok_or_else(|| format!("{} is too large", shown(given)))
        }
        (Ok(_), None) | (Err(_), _) => Err(format!("{} is not {takes}", shown(given))),
    }
}

#[cfg(test)]
mod tests;
