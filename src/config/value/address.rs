//! Addresses and networks.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, client_network, integer, network, plain, shown, socket_address, text};
use super::{Scalar, pattern, scalar};
use crate::config::node::Node;

/// Addresses for groups of machines, with or without a port.
const MULTICAST: &str = r"^(?:22[4-9]|23[0-9])\.|^\[?[Ff]{2}[0-9A-Fa-f]{2}:";

/// Addresses of no machine that are no multicast ones: all bits 0, or all bits 1 in IPv4.
const NO_MACHINE: &str = r"^(?:[0:]+|(?:[0:]+:)?0\.0\.0\.0|255\.255\.255\.255)$";

/// The same with a port.
const NO_MACHINE_AT_A_PORT: &str =
    r"^(?:\[(?:[0:]+|(?:[0:]+:)?0\.0\.0\.0)\]|0\.0\.0\.0|255\.255\.255\.255):";

/// An address to listen at, `127.0.0.1:443` or `[::1]:443`; port 0 lets the system choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenAddress(SocketAddr);

impl ListenAddress {
    /// A default.
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self(address)
    }

    pub(crate) fn get(self) -> SocketAddr {
        self.0
    }
}

impl Scalar for ListenAddress {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        text(node).and_then(socket_address).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": pattern::whole(&pattern::socket_address()),
            "not": { "pattern": MULTICAST },
            "x-kind": "address with a port",
            "examples": ["0.0.0.0:443", "[::]:443", "127.0.0.1:9901"],
        })
    }
}

scalar!(ListenAddress);

/// Where the admin side listens: an address, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminAddress {
    /// An address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(Arc<Path>),
}

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";

/// Bytes of the path of a Unix socket: `sun_path` has 108 with the one that ends it (unix(7)).
const LONGEST_PATH: usize = 107;

impl Scalar for AdminAddress {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        let Some(path) = given.strip_prefix(UNIX) else {
            return socket_address(given).map(Self::Tcp);
        };
        if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            return Err(format!("{} is not the whole path of a socket", shown(path)));
        }
        match path.len() {
            0..=LONGEST_PATH => Ok(Self::Unix(Path::new(path).into())),
            more => Err(format!("the path has {more} bytes; {LONGEST_PATH} at most")),
        }
    }

    fn written(&self) -> impl Serialize {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(path) => format!("{UNIX}{}", path.display()),
        }
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                {
                    "type": "string",
                    "pattern": pattern::whole(&pattern::socket_address()),
                    "not": { "pattern": MULTICAST },
                },
                { "type": "string", "pattern": r"^unix:/(?:[^\x00]{0,105}[^\x00/])$" },
            ],
            "x-kind": "address with a port, or `unix:` and a path",
            "examples": ["127.0.0.1:9900", "[::1]:9900", "unix:/run/nearpoint/admin.sock"],
        })
    }
}

scalar!(AdminAddress);

/// An address that clients are told to connect to, `192.0.2.10:443` or `[2001:db8::10]:443`: of one
/// machine, with a port, and one that means the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AdvertisedAddress(SocketAddr);

impl AdvertisedAddress {
    pub(crate) fn get(self) -> SocketAddr {
        self.0
    }
}

impl Scalar for AdvertisedAddress {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        let address = socket_address(given)?;
        if given.contains('%') {
            return Err(format!("{} has a zone, which means nothing to clients", shown(given)));
        }
        if address.port() == 0 {
            return Err(format!("{address} has no port that clients could connect to"));
        }
        match is_a_machine(address.ip()) {
            true => Ok(Self(address)),
            false => Err(format!("{} is not the address of a machine", address.ip())),
        }
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": pattern::whole(&pattern::address_to_connect_to()),
            "not": { "anyOf": [{ "pattern": NO_MACHINE_AT_A_PORT }, { "pattern": MULTICAST }] },
            "x-kind": "address of a machine with a port",
            "examples": ["192.0.2.10:443", "[2001:db8::10]:443"],
        })
    }
}

scalar!(AdvertisedAddress);

/// The address of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ip(IpAddr);

impl Ip {
    pub(crate) fn get(self) -> IpAddr {
        self.0
    }
}

impl Scalar for Ip {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        let ip: IpAddr =
            given.parse().map_err(|_| format!("{} is not an IP address", shown(given)))?;
        plain(ip)?;
        match is_a_machine(ip) {
            true => Ok(Self(ip)),
            false => Err(format!("{ip} is not the address of a machine")),
        }
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": pattern::whole(&format!("{}|{}", pattern::ipv4(), pattern::ipv6())),
            "not": { "anyOf": [{ "pattern": NO_MACHINE }, { "pattern": MULTICAST }] },
            "x-kind": "IP address",
            "examples": ["192.0.2.1", "2001:db8::1"],
        })
    }
}

scalar!(Ip);

fn is_a_machine(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// A port to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(u16);

impl Port {
    pub(crate) fn get(self) -> u16 {
        self.0
    }
}

impl Scalar for Port {
    fn parse(node: &Node) -> Parsed<Self> {
        let number = integer(node)?;
        let port = u16::try_from(number).ok().filter(|port| *port != 0);
        port.map(Self).ok_or_else(|| format!("{number} is not a port"))
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 65_535, "x-kind": "port" })
    }
}

scalar!(Port);

/// Which of its bits are its own, a pattern cannot say.
fn network_schema() -> Schema {
    json_schema!({
        "type": "string",
        "pattern": pattern::whole(&pattern::network()),
        "x-kind": "network",
        "examples": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"],
    })
}

/// A network of neighbours, by the addresses that their packets carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceNetwork(IpNet);

impl SourceNetwork {
    pub(crate) fn get(self) -> IpNet {
        self.0
    }
}

impl Scalar for SourceNetwork {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        text(node).and_then(network).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        network_schema()
    }
}

scalar!(SourceNetwork);

/// A network of clients, by the addresses they are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientNetwork(IpNet);

impl ClientNetwork {
    pub(crate) fn get(self) -> IpNet {
        self.0
    }
}

impl Scalar for ClientNetwork {
    const INLINE: bool = false;

    fn parse(node: &Node) -> Parsed<Self> {
        text(node).and_then(client_network).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        network_schema()
    }
}

scalar!(ClientNetwork);
