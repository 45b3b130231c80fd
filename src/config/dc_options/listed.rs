//! One access point of the list, when all its entries have been read.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::config::tree::{Clients, WEIGHT};
use crate::config::value::Secret;
use crate::routing::topology::{AccessPointFlags, AccessPointSecret, AccessPointSpec};
use crate::routing::{AccessPointId, ClientMatch, DcId, DialAddress, Traffic};

/// An access point and the DC it belongs to: one protocol at one address. Serialized, it is an entry of
/// the effective configuration, with a secret that is not shown.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::config) struct Listed {
    pub(in crate::config) dc: DcId,
    pub(super) address: DialAddress,
    pub(super) flags: AccessPointFlags,
    pub(super) weight: u32,
    pub(super) max_sessions: Option<u32>,
    pub(super) secret: Option<Secret>,
    /// Everybody when empty.
    pub(super) offered_to: Vec<Offer>,
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
    /// What becomes of the entries of one access point, of which the first stands for all.
    pub(super) fn new(
        address: DialAddress,
        option: super::DcOption,
        offered_to: Vec<Offer>,
    ) -> Self {
        let super::DcOption { dc, flags, weight, max_sessions, secret, .. } = option;
        let weight = weight.unwrap_or(WEIGHT);
        Self { dc, address, flags, weight, max_sessions, secret, offered_to }
    }

    /// What it is known by.
    pub(in crate::config) fn id(&self) -> AccessPointId {
        AccessPointId { dc: self.dc, address: self.address }
    }

    /// What it is made for.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic { protocol: self.address.protocol, class: self.flags.class() }
    }

    /// Whether the two are what one entry says of an address.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let socket = self.address.socket;
        let address = DialAddress { socket, ..other.address };
        *other == Self { address, ..self.clone() }
    }

    /// What routing gets to know of it.
    pub(in crate::config) fn spec(&self) -> AccessPointSpec {
        AccessPointSpec {
            address: self.address,
            flags: self.flags,
            weight: self.weight,
            max_sessions: self.max_sessions,
            offered_to: self.offered_to.iter().map(|offer| offer.matching.clone()).collect(),
            secret: self.secret.as_ref().map(|secret| AccessPointSecret::new(secret.bytes())),
        }
    }
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { dc, address, flags, weight, max_sessions, secret, offered_to } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("id", &dc.0)?;
        map.serialize_entry("ip_address", &address.socket.ip())?;
        map.serialize_entry("port", &address.socket.port())?;
        map.serialize_entry("protocols", &[address.protocol.as_str()])?;
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
        match max_sessions {
            Some(most) => map.serialize_entry("max_sessions", most)?,
            None => map.serialize_entry("max_sessions", "none")?,
        }
        let written: Vec<&Clients> = offered_to.iter().map(|offer| &offer.written).collect();
        map.serialize_entry("for", &written)?;
        map.end()
    }
}
