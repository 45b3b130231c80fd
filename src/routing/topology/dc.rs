//! A data centre.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::access_point::{AccessPoint, Class, Traffic};
use super::{DcSpec, HealthSettings};
use crate::routing::client::ClientAddr;
use crate::routing::geo::Coordinates;
use crate::routing::ids::{DcId, Protocol};
use crate::routing::rendezvous;

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
    /// Connects in flight at most, over all workers.
    pub max_connecting: u32,
    /// The addresses that this edge dials it from; none where the kernel chooses.
    pub source: Arc<[IpAddr]>,
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
            max_connecting: spec.max_connecting,
            source: spec.source,
            replicas: spec.replicas,
            health: spec.health,
            key: rendezvous::dc_key(spec.id),
            access_points,
            traffic: Traffic::default(),
            takes: [[false; Class::ALL.len()]; Protocol::ALL.len()],
            offers_vary: false,
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

    /// Whether some of its access points are offered to some clients only.
    #[must_use]
    pub fn offers_vary(&self) -> bool {
        self.offers_vary
    }

    /// See [`rendezvous::score`].
    #[must_use]
    pub fn score(&self, client: ClientAddr) -> f64 {
        rendezvous::score(client, self.key, self.weight)
    }

    /// Takes note of what its access points are, which are `members`.
    pub(super) fn summarise(&mut self, members: &[AccessPoint]) {
        for traffic in Traffic::all() {
            let takes = members.iter().any(|it| it.takes(traffic));
            self.takes[traffic.protocol as usize][traffic.class as usize] = takes;
        }
        self.traffic = Traffic::all().find(|traffic| self.takes(*traffic)).unwrap_or_default();
        self.offers_vary = members.iter().any(|member| !member.offered_to.is_empty());
    }
}

fn site_of(dc: DcId, location: Option<Coordinates>) -> Arc<str> {
    match location {
        Some(place) => place.to_string().into(),
        None => format!("dc{dc}").into(),
    }
}
