//! `dc_options`: the list of access points as it was written, to one entry for each of them.
//!
//! A bare list of entries or an object with `dc_options: [...]`, of whose other fields only `test_mode` counts. An
//! entry has its flags as truth values or as the integer `flags` of the TL constructor
//! `dcOption#18b7a10d`.

mod import;
mod listed;
mod merge;
mod written;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::routing::topology::AccessPointFlags;
use crate::routing::{DcId, Protocol};

pub use import::{Imported, import, read_dump};
pub(super) use listed::Listed;

use super::de;
use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::rules::{NEEDS_ASNS, read_clients};
use super::tree::{self, AccessPoint};
use super::value::{Flag, Given, List, Secret};

/// The largest file that is read.
pub(super) const LIMIT: usize = 16 << 20;

/// How the document's root is called, and the key of the list within a dumped `config`.
const LIST: &str = "dc_options";

/// Where a dumped `config` says that it is of a test network.
const TEST_MODE: &str = "test_mode";

/// What a document says.
pub(super) struct Options {
    /// The access points, each once, by DC and address.
    pub(super) listed: Vec<Listed>,
    /// Whether they are those of a test network, as a dumped `config` says in `test_mode`.
    pub(super) is_test_network: bool,
}

/// One entry of the list.
#[derive(Clone)]
struct DcOption {
    path: KeyPath,
    dc: DcId,
    address: SocketAddr,
    /// What it serves at its address, none of it twice.
    protocols: BTreeSet<Protocol>,
    flags: AccessPointFlags,
    /// `None` when the entry does not say.
    weight: Option<u32>,
    max_sessions: Option<u32>,
    secret: Option<Secret>,
    /// Whom it is offered to; everybody when `None`.
    offered_to: Option<listed::Offer>,
}

/// What a document says. Entries that repeat an access point are merged and noted. `knows_asns` says whether clients can be matched by autonomous system.
pub(super) fn read(
    root: &Node,
    knows_asns: bool,
    (problems, notes): (&Findings, &Findings),
) -> Options {
    let is_test_network = matches!(root.entry(TEST_MODE), Some(Node::Bool(true)));
    let listed = read_list(root, knows_asns, (problems, notes));
    Options { listed, is_test_network }
}

fn read_list(
    root: &Node,
    knows_asns: bool,
    (problems, notes): (&Findings, &Findings),
) -> Vec<Listed> {
    let (list, path) = match (root, root.entry(LIST)) {
        (Node::Map(_), Some(list)) => (list, KeyPath::default().key(LIST)),
        (Node::Map(_), None) => {
            problems.add(&KeyPath::default(), format!("has no `{LIST}`"));
            return Vec::new();
        }
        (bare, _) => (bare, KeyPath::root(LIST)),
    };
    if list.is_empty() && !matches!(list, Node::Map(_)) {
        problems.add(&path, "has no entries");
    }
    let entries: List<AccessPoint> = de::read(list, path.clone(), problems).unwrap_or_default();
    let options = entries.into_indexed().filter_map(|(index, entry)| {
        let path = path.index(index);
        if !knows_asns && entry.offered_to.get().is_some_and(|clients| !clients.asn.is_absent()) {
            problems.add(&path.key("for").key("asn"), NEEDS_ASNS);
        }
        read_entry(&entry, path, list.element(index), (problems, notes))
    });
    merge::merge(options, notes)
}

/// The entry, with what it needs; `None` when something of that is missing, which is told, or was bad.
fn read_entry(
    entry: &AccessPoint,
    path: KeyPath,
    node: Option<&Node>,
    (problems, notes): (&Findings, &Findings),
) -> Option<DcOption> {
    let protocols = read_protocols(&entry.protocols, &path.key("protocols"), (problems, notes));
    if entry.id.is_absent() {
        problems.need(&path, node, "id");
    }
    let ip = read_ip(entry, &path, node, problems);
    if entry.port.is_absent() {
        problems.need(&path, node, "port");
    }
    let flags = read_flags(entry, ip, &path, notes);
    let offered_to = entry.offered_to.get().and_then(|clients| {
        let node = node.and_then(|node| node.entry("for"));
        let matching = read_clients(clients, &path.key("for"), node, problems)?;
        Some(listed::Offer { written: clients.clone(), matching })
    });
    Some(DcOption {
        dc: entry.id.get()?.get(),
        address: SocketAddr::new(ip?, entry.port.get()?.get()),
        protocols,
        flags,
        weight: entry.weight.get().map(|weight| weight.get()),
        max_sessions: entry.max_sessions.value().map(|most| most.get()),
        secret: entry.secret.get().and_then(|secret| secret.get()).cloned(),
        offered_to,
        path,
    })
}

fn read_protocols(
    list: &List<tree::ListedProtocol>,
    path: &KeyPath,
    (problems, notes): (&Findings, &Findings),
) -> BTreeSet<Protocol> {
    let mut protocols = BTreeSet::new();
    for protocol in list.iter() {
        let protocol = match protocol {
            tree::ListedProtocol::Tcp => Protocol::Tcp,
            tree::ListedProtocol::Udp => Protocol::Udp,
        };
        if !protocols.insert(protocol) {
            notes.add(path, format!("names `{}` twice", protocol.as_str()));
        }
    }
    if list.is_empty() {
        problems.add(path, "names no protocol");
    }
    protocols
}

/// `ip_address`, or `ip` for short.
fn read_ip(
    entry: &AccessPoint,
    path: &KeyPath,
    node: Option<&Node>,
    problems: &Findings,
) -> Option<IpAddr> {
    let given = |key| node.is_some_and(|node| node.entry(key).is_some());
    match (given("ip_address"), given("ip")) {
        (true, true) => {
            problems.add(&path.key("ip"), "repeats `ip_address`");
            None
        }
        (false, false) => {
            problems.add(path, "needs `ip_address`");
            None
        }
        (true, false) | (false, true) => {
            entry.ip_address.get().or(entry.ip.get()).map(|ip| ip.get())
        }
    }
}

/// The flags, as truth values or by their bits in TL. The address says of which family it is; an
/// `ipv6` that says otherwise is noted: no push should fail over what decides nothing.
fn read_flags(
    entry: &AccessPoint,
    ip: Option<IpAddr>,
    path: &KeyPath,
    notes: &Findings,
) -> AccessPointFlags {
    let given = |named: &Given<Flag>, bit: u32| {
        let named = named.get().and_then(|flag| flag.get());
        let by_bit = entry.flags.get().map(|bits| bits.has(bit));
        named.into_iter().chain(by_bit).reduce(|a, b| a || b)
    };
    if let (Some(ip), Some(ipv6)) = (ip, given(&entry.ipv6, 0))
        && ip.is_ipv6() != ipv6
    {
        let text = match ipv6 {
            true => format!("is flagged `ipv6`, but {ip} is IPv4; the address counts"),
            false => format!("{ip} is IPv6, but the flag `ipv6` is off; the address counts"),
        };
        notes.add(path, text);
    }
    let is = |named, bit| given(named, bit).unwrap_or_default();
    AccessPointFlags {
        media_only: is(&entry.media_only, 1),
        tcpo_only: is(&entry.tcpo_only, 2),
        cdn: is(&entry.cdn, 3),
        static_address: is(&entry.static_address, 4),
        this_port_only: is(&entry.this_port_only, 5),
    }
}

#[cfg(test)]
mod tests;
