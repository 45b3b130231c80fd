//! The entries of one DC: what a client is told to connect to.

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretView;
use crate::routing::pick::{Eligible, FailOpen};
use crate::routing::rendezvous::Scoring;
use crate::routing::topology::{
    AccessPoint, AccessPointFlags, AccessPointSecret, Advertisement, Class, Traffic,
};
use crate::routing::{
    AccessPointIndex, AdminState, Client, DcId, DcIndex, Health, Protocol, Snapshot,
    order_access_points,
};

/// One address at which a client reaches a DC: a `dcOption` of TL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DcOptionView {
    /// `dcOption`.
    #[serde(rename = "_")]
    pub constructor: String,
    /// The address is IPv6.
    pub ipv6: bool,
    /// For up- and downloads only.
    pub media_only: bool,
    /// Obfuscated TCP only; here also where the header has to name the DC.
    pub tcpo_only: bool,
    /// Of a CDN DC.
    pub cdn: bool,
    /// A stable address.
    #[serde(rename = "static")]
    pub static_address: bool,
    /// Clients must not try other ports.
    pub this_port_only: bool,
    /// The DC.
    pub id: u16,
    /// Where.
    pub ip_address: IpAddr,
    /// Where.
    pub port: u16,
    /// What the client has to know; `null` for nothing.
    pub secret: Option<SecretView>,
}

/// Adds the entries of a DC for this client. Says whether that is less than there would be if all was
/// well.
///
/// A DC never goes without an entry for what it is for, as long as it has an access point for that
/// which the client may have, nor without any entry at all: clients forget a DC of which they hear
/// nothing, with the keys that they have there.
pub(super) fn add(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: &Client,
    to: &mut Vec<DcOptionView>,
) -> bool {
    let it = snapshot.topology.dc(dc);
    let advertised = snapshot.topology.advertisements(it);
    let stands_for = |class| advertised.iter().any(|it| it.stands_for(class));
    let first = to.len();
    let (mut is_less, mut has_own) = (false, stands_for(it.class()));
    for class in Class::ALL {
        let of_class = advertised.iter().filter(|it| it.class == class);
        to.extend(of_class.flat_map(|it| DcOptionView::of_listener(snapshot, dc, it)));
        if stands_for(class) {
            continue;
        }
        let usable = usable(snapshot, dc, client, class);
        let listed = listed(snapshot, dc)
            .filter(|(_, it)| it.flags.class() == class && it.is_offered_to(client));
        is_less |= usable.len() < listed.count();
        has_own |= class == it.class() && !usable.is_empty();
        to.extend(usable.into_iter().map(|index| DcOptionView::of(snapshot, index)));
    }
    if !has_own {
        let is_own = |it: &AccessPoint| {
            it.flags.class() == snapshot.topology.dc(dc).class() && it.is_offered_to(client)
        };
        let last = last_resort(snapshot, dc, client, is_own);
        let any = || last_resort(snapshot, dc, client, |_| to.len() == first);
        if let Some(last) = last.or_else(any) {
            // What a DC is for comes before all else that it has.
            to.insert(first, DcOptionView::of(snapshot, last));
        }
    }
    is_less
}

/// The access points that are made for this class and that a client may have now, in the order of dials.
fn usable(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: &Client,
    class: Class,
) -> Vec<AccessPointIndex> {
    if snapshot.dc(dc).admin != AdminState::Ready {
        return Vec::new();
    }
    let eligible = Eligible {
        client: *client,
        traffic: Traffic::tcp(class),
        fail_open: FailOpen::Closed,
        overflow: true,
    };
    let mut usable = order_access_points(snapshot, dc, &eligible);
    usable.retain(|index| {
        let it = snapshot.topology.access_point(*index);
        it.flags.class() == class && !it.retiring
    });
    usable
}

/// The access points that the list has.
fn listed(
    snapshot: &Snapshot,
    dc: DcIndex,
) -> impl Iterator<Item = (AccessPointIndex, &AccessPoint)> {
    sessions_of(snapshot, dc).filter(|(_, it)| !it.retiring)
}

/// The access points for sessions: what clients are told has no word for UDP.
pub(super) fn sessions_of(
    snapshot: &Snapshot,
    dc: DcIndex,
) -> impl Iterator<Item = (AccessPointIndex, &AccessPoint)> {
    let members = snapshot.topology.access_points_of(dc);
    members.filter(|(_, it)| it.id.address.protocol == Protocol::Tcp)
}

/// The best access point of those that would be left out: one that the client may have before others,
/// one that only health leaves out before one that the operator took out.
fn last_resort(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: &Client,
    is_meant: impl Fn(&AccessPoint) -> bool,
) -> Option<AccessPointIndex> {
    let all = sessions_of(snapshot, dc).filter(|(_, it)| is_meant(it));
    let best = all.min_by(|(a, this), (b, other)| {
        let rank = |index, it| Rank::new(snapshot, index, it, client);
        let ranked = rank(*a, this).cmp(&rank(*b, other));
        ranked.then_with(|| by_hash(client, other, this))
    });
    best.map(|(index, _)| index)
}

fn by_hash(client: &Client, a: &AccessPoint, b: &AccessPoint) -> Ordering {
    let score = |it: &AccessPoint| it.score(Scoring::Weighted, client.addr);
    score(a).total_cmp(&score(b))
}

/// What makes one last resort better than another, the most important first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_for_others: bool,
    class: Class,
    has_left: bool,
    taken_out: u8,
    health: Health,
    is_dynamic: bool,
}

impl Rank {
    fn new(
        snapshot: &Snapshot,
        index: AccessPointIndex,
        it: &AccessPoint,
        client: &Client,
    ) -> Self {
        let state = snapshot.access_point(index);
        Self {
            is_for_others: !it.is_offered_to(client),
            class: it.flags.class(),
            has_left: it.retiring,
            taken_out: match state.admin {
                AdminState::Ready => 0,
                AdminState::Drain => 1,
                AdminState::Maint => 2,
            },
            health: state.health,
            is_dynamic: !it.flags.static_address,
        }
    }
}

impl DcOptionView {
    fn of(snapshot: &Snapshot, index: AccessPointIndex) -> Self {
        let AccessPoint { id, flags, secret, .. } = snapshot.topology.access_point(index);
        Self::new(id.dc, id.address.socket, *flags, secret.as_ref())
    }

    fn of_listener(
        snapshot: &Snapshot,
        dc: DcIndex,
        told: &Advertisement<'_>,
    ) -> impl Iterator<Item = Self> {
        let flags = AccessPointFlags {
            media_only: told.class == Class::Media,
            tcpo_only: told.by_header,
            cdn: told.class == Class::Cdn,
            static_address: true,
            this_port_only: true,
        };
        let (dc, secret) = (snapshot.topology.dc(dc).id, told.of.secret.as_ref());
        told.of.addresses.iter().map(move |address| Self::new(dc, *address, flags, secret))
    }

    fn new(
        dc: DcId,
        address: SocketAddr,
        flags: AccessPointFlags,
        secret: Option<&AccessPointSecret>,
    ) -> Self {
        Self {
            constructor: "dcOption".to_owned(),
            ipv6: address.is_ipv6(),
            media_only: flags.media_only,
            tcpo_only: flags.tcpo_only,
            cdn: flags.cdn,
            static_address: flags.static_address,
            this_port_only: flags.this_port_only,
            id: dc.0,
            ip_address: address.ip(),
            port: address.port(),
            secret: secret.map(SecretView::new),
        }
    }
}
