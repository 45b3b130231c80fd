//! `dc_options`: the list of access points, in the shapes that dumps of Telegram's
//! `help.getConfig` have and that people write.
//!
//! A bare list of entries or an object with `dc_options: [...]`, whose other fields are ignored. An
//! entry has its flags as truth values or as the integer `flags` of the TL constructor
//! `dcOption#18b7a10d`.

mod merge;
mod secret;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::routing::DcId;
use crate::routing::topology::{AccessPointFlags, AccessPointSpec};

use super::dcs::{MOST_WEIGHT, WEIGHT, dc_id};
use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::reader::{Cursor, Section};
use super::values::{Parsed, count, flag, integer, plain, shown, text, word};

/// The largest file that is read.
pub(super) const LIMIT: usize = 16 << 20;

/// How the document's root is called, and the key of the list within a dumped `config`.
const LIST: &str = "dc_options";

/// One entry of the list.
struct DcOption {
    path: KeyPath,
    dc: DcId,
    address: SocketAddr,
    flags: AccessPointFlags,
    /// `None` when the entry does not say.
    weight: Option<u32>,
}

/// An access point and the DC it belongs to.
pub(super) type Listed = (DcId, AccessPointSpec);

/// The access points of a document, each (DC, address) once, by DC and address. Entries that repeat
/// one are merged and noted.
pub(super) fn read(root: &Node, problems: &Findings, notes: &Findings) -> Vec<Listed> {
    let Some(list) = find_list(root, problems) else {
        problems.add(&KeyPath::default(), format!("has no `{LIST}`"));
        return Vec::new();
    };
    if list.is_empty_list() {
        list.problem("has no entries");
    }
    let options = list.items().filter_map(|entry| read_entry(&entry, notes));
    let merged = merge::merge(options, notes).into_iter().map(|option| {
        let access_point = AccessPointSpec {
            address: option.address,
            flags: option.flags,
            weight: option.weight.unwrap_or(WEIGHT),
            offered_to: Arc::default(),
        };
        (option.dc, access_point)
    });
    merged.collect()
}

/// The list itself; `None` for an object without one. Paths read the same in both shapes.
fn find_list<'a>(root: &'a Node, problems: &'a Findings) -> Option<Cursor<'a>> {
    let Node::Map(entries) = root else {
        return Some(Cursor::root(root, KeyPath::root(LIST), problems));
    };
    let (_, list) = entries.iter().find(|(key, _)| key == LIST)?;
    Some(Cursor::root(list, KeyPath::default().key(LIST), problems))
}

fn read_entry(cursor: &Cursor<'_>, notes: &Findings) -> Option<DcOption> {
    cursor.section(|keys| {
        keys.or("_", (), word(&[("dcOption", ()), ("DcOption", ())]));
        let dc = keys.required("id", dc_id);
        let ip = read_ip(keys);
        let port = keys.required("port", port);
        let flags = read_flags(keys, ip, notes);
        keys.key("secret").read(secret::check);
        let weight = keys.key("weight").read(count(1..=MOST_WEIGHT));
        keys.key("protocols").list(word(&[("tcp", ())]));
        Some(DcOption {
            path: keys.path().clone(),
            dc: dc?,
            address: SocketAddr::new(ip?, port?),
            flags,
            weight,
        })
    })
}

/// `ip_address`, or `ip` for short.
fn read_ip(keys: &mut Section<'_>) -> Option<IpAddr> {
    let long = keys.key("ip_address");
    let short = keys.key("ip");
    match (long.node(), short.node()) {
        (Some(_), Some(_)) => {
            short.problem("repeats `ip_address`");
            None
        }
        (Some(_), None) => long.read(ip),
        (None, Some(_)) => short.read(ip),
        (None, None) => {
            keys.problem("needs `ip_address`");
            None
        }
    }
}

fn ip(node: &Node) -> Parsed<IpAddr> {
    let given = text(node)?;
    let ip: IpAddr = given.parse().map_err(|_| format!("{} is not an IP address", shown(given)))?;
    plain(ip)?;
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    match ip.is_unspecified() || ip.is_multicast() || broadcast {
        true => Err(format!("{ip} is not the address of a machine")),
        false => Ok(ip),
    }
}

fn port(node: &Node) -> Parsed<u16> {
    let number = integer(node)?;
    let port = u16::try_from(number).ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("{number} is not a port"))
}

/// The flags, as truth values or by their bits in TL. The address says of which family it is; an
/// `ipv6` that says otherwise is noted: no push should fail over what decides nothing.
fn read_flags(keys: &mut Section<'_>, ip: Option<IpAddr>, notes: &Findings) -> AccessPointFlags {
    let bits = keys.key("flags").read(flag_bits);
    let mut given = |key, bit: u32| {
        let named = keys.key(key).read(|node| match node {
            Node::Null => Ok(None),
            node => flag(node).map(Some),
        });
        let by_bit = bits.map(|bits| bits & (1 << bit) != 0);
        named.flatten().into_iter().chain(by_bit).reduce(|a, b| a || b)
    };
    let ipv6 = given("ipv6", 0);
    let flags = AccessPointFlags {
        media_only: given("media_only", 1).unwrap_or_default(),
        tcpo_only: given("tcpo_only", 2).unwrap_or_default(),
        cdn: given("cdn", 3).unwrap_or_default(),
        static_address: given("static", 4).unwrap_or_default(),
        this_port_only: given("this_port_only", 5).unwrap_or_default(),
    };
    if let (Some(ip), Some(ipv6)) = (ip, ipv6)
        && ip.is_ipv6() != ipv6
    {
        let text = match ipv6 {
            true => format!("is flagged `ipv6`, but {ip} is IPv4; the address counts"),
            false => format!("{ip} is IPv6, but the flag `ipv6` is off; the address counts"),
        };
        notes.add(keys.path(), text);
    }
    flags
}

fn flag_bits(node: &Node) -> Parsed<u32> {
    let number = integer(node)?;
    // TL calls it `#`, 32 bits, which some dump as a signed number.
    let unsigned = u32::try_from(number).ok();
    let signed = i32::try_from(number).map(i32::cast_unsigned).ok();
    unsigned.or(signed).ok_or_else(|| format!("{number} has more than 32 bits of flags"))
}

#[cfg(test)]
mod tests;
