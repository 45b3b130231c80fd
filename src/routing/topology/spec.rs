//! The parts of a topology as configuration delivers them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{
    AccessPointFlags, AccessPointSecret, Advertised, ConnectLimits, Egress, HealthSettings,
    ListenerRoute, OnDown, Revision, SendProxy,
};
use crate::routing::client_match::ClientMatch;
use crate::routing::geo::Coordinates;
use crate::routing::ids::{DcId, DialAddress};
use crate::routing::policy::Policy;

/// The parts of a topology as configuration delivers them. Building one sorts and indexes them.
#[derive(Clone, Debug)]
pub struct TopologySpec {
    /// Hash of the `dc_options` document.
    pub revision: Revision,
    /// Whether the DCs are those of a test network.
    pub is_test_network: bool,
    /// In any order; ids are unique.
    pub dcs: Vec<DcSpec>,
    /// By listener name.
    pub routes: BTreeMap<Arc<str>, ListenerRoute>,
    /// Listeners that clients are told of, in the order in which they are.
    pub advertised: Vec<Advertised>,
    /// See [`Policy`].
    pub policy: Policy,
    /// See [`ConnectLimits`].
    pub connect: ConnectLimits,
    /// See [`OnDown`].
    pub on_down: OnDown,
    /// Where this edge stands, if it says so.
    pub edge: Option<Coordinates>,
    /// How long the first probe round is waited for.
    pub startup_grace: Duration,
    /// Probes under way at a time, over all DCs; at least 1.
    pub max_probes: usize,
}

/// One DC of a [`TopologySpec`].
#[derive(Clone, Debug, PartialEq)]
pub struct DcSpec {
    /// See [`Dc::id`](super::Dc::id).
    pub id: DcId,
    /// See [`Dc::name`](super::Dc::name).
    pub name: Arc<str>,
    /// See [`Dc::location`](super::Dc::location).
    pub location: Option<Coordinates>,
    /// See [`Dc::site`](super::Dc::site); `None` for what its coordinates say: DCs at one place share a site.
    pub site: Option<Arc<str>>,
    /// See [`Dc::weight`](super::Dc::weight).
    pub weight: u32,
    /// See [`Dc::max_sessions`](super::Dc::max_sessions).
    pub max_sessions: Option<u32>,
    /// See [`Dc::max_connecting`](super::Dc::max_connecting).
    pub max_connecting: u32,
    /// See [`Dc::source`](super::Dc::source).
    pub source: Arc<[IpAddr]>,
    /// See [`Dc::egress`](super::Dc::egress).
    pub egress: Egress,
    /// See [`Dc::send_proxy`](super::Dc::send_proxy).
    pub send_proxy: Option<SendProxy>,
    /// See [`Dc::replicas`](super::Dc::replicas).
    pub replicas: Arc<[DcId]>,
    /// See [`Dc::health`](super::Dc::health).
    pub health: HealthSettings,
    /// In any order; addresses are unique within the DC.
    pub access_points: Vec<AccessPointSpec>,
}

/// One access point of a [`DcSpec`].
#[derive(Clone, Debug, PartialEq)]
pub struct AccessPointSpec {
    /// Where it is dialled.
    pub address: DialAddress,
    /// See [`AccessPoint::flags`](super::AccessPoint::flags).
    pub flags: AccessPointFlags,
    /// See [`AccessPoint::weight`](super::AccessPoint::weight).
    pub weight: u32,
    /// See [`AccessPoint::max_sessions`](super::AccessPoint::max_sessions).
    pub max_sessions: Option<u32>,
    /// See [`AccessPoint::offered_to`](super::AccessPoint::offered_to).
    pub offered_to: Arc<[ClientMatch]>,
    /// See [`AccessPoint::secret`](super::AccessPoint::secret).
    pub secret: Option<AccessPointSecret>,
}

impl AccessPointSpec {
    /// An access point for all ordinary sessions of everybody, with the usual share.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address: DialAddress::tcp(address),
            flags: AccessPointFlags::default(),
            weight: 100,
            max_sessions: None,
            offered_to: Arc::default(),
            secret: None,
        }
    }
}
