//! Addresses and networks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, client_network, integer, network, plain, shown, socket_address, text};
use super::{Scalar, scalar};
use crate::config::de::NOT_YET;
use crate::config::node::Node;

/// What patterns can say of an address with a port, and of a network.
const WITH_PORT: &str = r"^(?:[0-9.]+|\[[0-9A-Fa-f:.]+(?:%[0-9]+)?\]):[0-9]{1,5}$";
const NETWORK: &str = "^[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?$";

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
    fn parse(node: &Node) -> Parsed<Self> {
        text(node).and_then(socket_address).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": WITH_PORT, "x-kind": "address with a port" })
    }
}

scalar!(ListenAddress);

/// An address of loopback to listen at: others need tokens, which do not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AdminAddress(SocketAddr);

impl AdminAddress {
    /// A default, on loopback.
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self(address)
    }

    pub(crate) fn get(self) -> SocketAddr {
        self.0
    }
}

impl Scalar for AdminAddress {
    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        if given.starts_with("unix:") {
            return Err(format!("`unix:`: {NOT_YET}"));
        }
        let address = socket_address(given)?;
        match address.ip().is_loopback() {
            true => Ok(Self(address)),
            false => Err(format!("{address} is outside loopback, which needs tokens: {NOT_YET}")),
        }
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(?:127(?:\.[0-9]{1,3}){3}|\[[0:]+:0*1(?:%[0-9]+)?\]):[0-9]{1,5}$",
            "x-kind": "loopback address with a port",
            "x-not-in-this-version": ["unix:PATH", "addresses outside loopback"],
        })
    }
}

scalar!(AdminAddress);

/// The address of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ip(IpAddr);

impl Ip {
    pub(crate) fn get(self) -> IpAddr {
        self.0
    }
}

impl Scalar for Ip {
    fn parse(node: &Node) -> Parsed<Self> {
        let given = text(node)?;
        let ip: IpAddr =
            given.parse().map_err(|_| format!("{} is not an IP address", shown(given)))?;
        plain(ip)?;
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        match ip.is_unspecified() || ip.is_multicast() || broadcast {
            true => Err(format!("{ip} is not the address of a machine")),
            false => Ok(Self(ip)),
        }
    }

    fn written(&self) -> impl Serialize {
        self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9A-Fa-f:.]+$",
            "x-kind": "IP address",
        })
    }
}

scalar!(Ip);

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

/// A network of neighbours, by the addresses that their packets carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceNetwork(IpNet);

impl SourceNetwork {
    pub(crate) fn get(self) -> IpNet {
        self.0
    }
}

impl Scalar for SourceNetwork {
    fn parse(node: &Node) -> Parsed<Self> {
        text(node).and_then(network).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": NETWORK, "x-kind": "network" })
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
    fn parse(node: &Node) -> Parsed<Self> {
        text(node).and_then(client_network).map(Self)
    }

    fn written(&self) -> impl Serialize {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": NETWORK, "x-kind": "network" })
    }
}

scalar!(ClientNetwork);
