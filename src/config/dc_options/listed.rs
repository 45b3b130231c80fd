//! One access point of the list, when all its entries have been read.

use std::net::SocketAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::config::tree::{Clients, WEIGHT};
use crate::config::value::Secret;
use crate::routing::topology::{AccessPointFlags, AccessPointSecret, AccessPointSpec};
use crate::routing::{ClientMatch, DcId, DialAddress, Protocol};

/// An access point and the DC it belongs to. Serialized, it is an entry of the effective
/// configuration, with a secret that is not shown.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::config) struct Listed {
    pub(in crate::config) dc: DcId,
    pub(super) address: SocketAddr,
    pub(super) protocols: Protocols,
    pub(super) flags: AccessPointFlags,
    pub(super) weight: u32,
    pub(super) secret: Option<Secret>,
    /// Everybody when empty.
    pub(super) offered_to: Vec<Offer>,
}

/// What an entry serves at its address; one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocols {
    pub(super) tcp: bool,
    pub(super) udp: bool,
}

impl Protocols {
    pub(super) fn all(self) -> impl Iterator<Item = Protocol> {
        let serves = move |protocol: &Protocol| match protocol {
            Protocol::Tcp => self.tcp,
            Protocol::Udp => self.udp,
        };
        Protocol::ALL.into_iter().filter(serves)
    }

    /// What one of the two entries serves.
    pub(super) fn or(self, other: Self) -> Self {
        Self { tcp: self.tcp || other.tcp, udp: self.udp || other.udp }
    }
}

/// Clients that an access point is offered to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offer {
    /// As written.
    pub(super) written: Clients,
    /// As matched.
    pub(super) matching: ClientMatch,
}

impl Listed {
    /// What becomes of the entries of one access point.
    pub(super) fn new(option: super::DcOption, offered_to: Vec<Offer>) -> Self {
        let super::DcOption { path: _, dc, address, protocols, .. } = option;
        let super::DcOption { flags, weight, secret, .. } = option;
        let weight = weight.unwrap_or(WEIGHT);
        Self { dc, address, protocols, flags, weight, secret, offered_to }
    }

    /// Where it is listed, whatever it serves there.
    pub(in crate::config) fn place(&self) -> (DcId, SocketAddr) {
        (self.dc, self.address)
    }

    /// What routing gets to know of it: an access point for each protocol.
    pub(in crate::config) fn specs(&self) -> impl Iterator<Item = AccessPointSpec> {
        let spec = |protocol| AccessPointSpec {
            address: DialAddress { socket: self.address, protocol },
            flags: self.flags,
            weight: self.weight,
            offered_to: self.offered_to.iter().map(|offer| offer.matching.clone()).collect(),
            secret: self.secret.as_ref().map(|secret| AccessPointSecret::new(secret.bytes())),
        };
        self.protocols.all().map(spec)
    }
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { dc, address, protocols, flags, weight, secret, offered_to } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("id", &dc.0)?;
        map.serialize_entry("ip_address", &address.ip())?;
        map.serialize_entry("port", &address.port())?;
        let protocols: Vec<&str> = protocols.all().map(Protocol::as_str).collect();
        map.serialize_entry("protocols", &protocols)?;
        map.serialize_entry("media_only", &flags.media_only)?;
        map.serialize_entry("tcpo_only", &flags.tcpo_only)?;
        map.serialize_entry("cdn", &flags.cdn)?;
        map.serialize_entry("static", &flags.static_address)?;
        map.serialize_entry("this_port_only", &flags.this_port_only)?;
        match secret {
            Some(secret) => map.serialize_entry("secret", secret)?,
            None => map.serialize_entry("secret", "none")?,
        }
        map.serialize_entry("weight", weight)?;
        let written: Vec<&Clients> = offered_to.iter().map(|offer| &offer.written).collect();
        map.serialize_entry("for", &written)?;
        map.end()
    }
}
