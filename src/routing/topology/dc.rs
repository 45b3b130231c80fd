//! A data centre.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::access_point::{AccessPoint, Class, Traffic};
use super::{DcSpec, Egress, HealthSettings, SendProxy};
use crate::routing::client::ClientAddr;
use crate::routing::geo::Coordinates;
use crate::routing::ids::{DcId, Protocol};
use crate::routing::rendezvous::{self, Scoring};

/// A data centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Dc {
    /// Its number in `dc_options`.
    pub id: DcId,
    /// For people: logs, status, metrics never use it as a label.
    pub name: Arc<str>,
    /// `None` for a DC that only `dc_options` knows: `nearest` uses it after all located ones.
    pub location: Option<Coordinates>,
    /// The place whose power fails. DCs with equal sites fail together.
    pub site: Arc<str>,
    /// Share within a tie group; 100 is usual, 0 takes no part while another member can.
    pub weight: u32,
    /// Sessions and flows at a time at most, dials included, over all workers.
    pub max_sessions: Option<u32>,
    /// Connects in flight at most, over all workers.
    pub max_connecting: u32,
    /// The addresses that this edge dials it from; none where the kernel chooses.
    pub source: Arc<[IpAddr]>,
    /// What else a socket towards it leaves by.
    pub egress: Egress,
    /// The PROXY header that its access points expect, of probes too.
    pub send_proxy: Option<SendProxy>,
    /// DCs that hold the same keys and data, in the order in which they stand in for it.
    pub replicas: Arc<[DcId]>,
    /// How its access points are probed.
    pub health: HealthSettings,
    /// What rendezvous hashing knows it by.
    key: u64,
    pub(super) access_points: Range<u32>,
    traffic: Traffic,
    /// By protocol and class.
    takes: [[bool; Class::ALL.len()]; Protocol::ALL.len()],
    offers_vary: bool,
    has_bounded_members: bool,
    scoring: Scoring,
}

impl Dc {
    /// A DC whose access points lie at `access_points` in the topology; those are `members`.
    pub(super) fn new(spec: DcSpec, access_points: Range<u32>, members: &[AccessPoint]) -> Self {
        let mut dc = Self {
            site: spec.site.unwrap_or_else(|| site_of(spec.id, spec.location)),
            id: spec.id,
            name: spec.name,
            location: spec.location,
            weight: spec.weight,
            max_sessions: spec.max_sessions,
            max_connecting: spec.max_connecting,
            source: spec.source,
            egress: spec.egress,
            send_proxy: spec.send_proxy,
            replicas: spec.replicas,
            health: spec.health,
            key: rendezvous::dc_key(spec.id),
            access_points,
            traffic: Traffic::default(),
            takes: [[false; Class::ALL.len()]; Protocol::ALL.len()],
            offers_vary: false,
            has_bounded_members: false,
            scoring: Scoring::default(),
        };
        dc.summarise(members);
        dc
    }

    /// What it is for: sessions if it takes any, else flows; of these, ordinary ones if it takes any, else
    /// media, else downloads from a CDN. Its health and its round trip are those of its access points for
    /// this traffic.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The class of what it is for.
    #[must_use]
    pub fn class(&self) -> Class {
        self.traffic.class
    }

    /// Whether any of its access points takes such traffic.
    #[must_use]
    pub fn takes(&self, traffic: Traffic) -> bool {
        self.takes[traffic.protocol as usize][traffic.class as usize]
    }

    /// Sessions and flows at a time up to which it takes one more of this protocol. Of a DC that takes sessions
    /// too, flows get none of the last quarter: they begin with a forged datagram, and a flood of them must
    /// not keep clients of TCP out.
    #[must_use]
    pub fn capacity(&self, protocol: Protocol) -> Option<u32> {
        match (protocol, self.traffic.protocol) {
            (Protocol::Udp, Protocol::Tcp) => self.max_sessions.map(|most| most - most / 4),
            (Protocol::Tcp | Protocol::Udp, _) => self.max_sessions,
        }
    }

    /// Whether some of its access points have a capacity of their own.
    #[must_use]
    pub fn has_bounded_members(&self) -> bool {
        self.has_bounded_members
    }

    /// Whether some of its access points are offered to some clients only.
    #[must_use]
    pub fn offers_vary(&self) -> bool {
        self.offers_vary
    }

    /// The addresses to dial this `peer` from: those of its family, each once, from another one first with
    /// every `turn`. None where the kernel is to choose. Who finds no port left at one tries the next.
    pub fn sources(&self, peer: IpAddr, turn: u64) -> impl Iterator<Item = IpAddr> {
        let suits = move |ip: &&IpAddr| ip.is_ipv4() == peer.is_ipv4();
        let count = self.source.iter().filter(suits).count();
        let first = (turn % count.max(1) as u64) as usize;
        self.source.iter().filter(suits).cycle().skip(first).take(count).copied()
    }

    /// See [`Scoring::score`].
    #[must_use]
    pub fn score(&self, scoring: Scoring, client: ClientAddr) -> f64 {
        scoring.score(client, self.key, self.weight)
    }

    /// What its access points are compared by.
    #[must_use]
    pub fn scoring(&self) -> Scoring {
        self.scoring
    }

    /// Takes note of what its access points are, which are `members`.
    pub(super) fn summarise(&mut self, members: &[AccessPoint]) {
        for traffic in Traffic::all() {
            let takes = members.iter().any(|it| it.takes(traffic));
            self.takes[traffic.protocol as usize][traffic.class as usize] = takes;
        }
        self.traffic = Traffic::all().find(|traffic| self.takes(*traffic)).unwrap_or_default();
        self.offers_vary = members.iter().any(|member| !member.offered_to.is_empty());
        self.scoring = Scoring::of(members.iter().map(|member| member.weight));
        self.has_bounded_members = members.iter().any(|member| member.max_sessions.is_some());
    }
}

fn site_of(dc: DcId, location: Option<Coordinates>) -> Arc<str> {
    match location {
        Some(place) => place.to_string().into(),
        None => format!("dc{dc}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::{dc, topology};
    use crate::routing::ids::DcIndex;
    use crate::routing::topology::Topology;

    #[test]
    fn sources_of_the_family_of_the_peer_take_turns() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address of the test");
        let mut spec = dc(2, None, 1);
        let sources = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"].map(ip);
        spec.source = sources.into();
        let topology = Topology::new(topology(vec![spec, dc(3, None, 1)]));
        let from = |at, peer: &str, turn| -> Vec<String> {
            let sources = topology.dc(DcIndex(at)).sources(ip(peer), turn);
            sources.map(|it| it.to_string()).collect()
        };
        let four = "198.51.100.1";
        assert_eq!(from(0, four, 0), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(from(0, four, 4), ["192.0.2.2", "192.0.2.3", "192.0.2.1"]);
        assert_eq!(from(0, four, u64::MAX).len(), 3, "each once");
        assert_eq!(from(0, "2001:db8::9", 7), ["2001:db8::1"]);
        assert!(from(1, four, 1).is_empty(), "the kernel chooses");
    }
}
