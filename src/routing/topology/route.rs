//! How listeners route, and where that leads a session.

use std::collections::BTreeSet;
use std::fmt;

use super::access_point::{Class, Traffic};
use super::{Dc, Topology};
use crate::routing::ids::{DcId, Protocol};
use crate::routing::sticky::Sticky;

/// How a listener routes its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerRoute {
    /// What is done with a new client.
    pub route: Route,
    /// What it serves: sessions, or flows.
    pub protocol: Protocol,
    /// Which access points of a DC its sessions use; of an [`Route::Mtproto`] listener those of clients
    /// that name no DC.
    pub class: Class,
    /// The DCs the listener may use; `None` for all.
    pub dcs: Option<BTreeSet<DcId>>,
    /// How it remembers clients, if it does; means nothing to bound sessions.
    pub sticky: Option<Sticky>,
}

impl ListenerRoute {
    /// A listener for ordinary sessions that may use every DC its route does, and remembers nobody.
    #[must_use]
    pub const fn new(route: Route) -> Self {
        let protocol = Protocol::Tcp;
        Self { route, protocol, class: Class::Main, dcs: None, sticky: None }
    }

    /// Whether its list of DCs has this one.
    #[must_use]
    pub fn lists(&self, dc: DcId) -> bool {
        self.dcs.as_ref().is_none_or(|dcs| dcs.contains(&dc))
    }

    /// What those who go to this destination need an access point to take.
    #[must_use]
    pub fn traffic(&self, destination: Destination) -> Traffic {
        Traffic { protocol: self.protocol, class: destination.class() }
    }

    /// Where every session of the listener goes; `None` where that depends on what the client says.
    #[must_use]
    pub fn destination(&self) -> Option<Destination> {
        match self.route {
            Route::Nearest => Some(Destination::Nearest(self.class)),
            Route::Dc(dc) => Some(Destination::Dc(dc, self.class)),
            Route::Mtproto(_) => None,
        }
    }

    /// Everywhere that a session of the listener may go, ordinary sessions standing for those of media.
    #[must_use]
    pub fn destinations(&self, topology: &Topology) -> Vec<Destination> {
        match self.route {
            Route::Nearest | Route::Dc(_) => self.destination().into_iter().collect(),
            Route::Mtproto(by_header) => {
                let named = topology.dcs().iter().filter(|dc| self.lists(dc.id));
                let named = named.map(|dc| Destination::Dc(dc.id, dc.class()));
                let unknown = by_header.unknown.destination(self.class);
                let unknown = unknown.filter(|it| !matches!(it, Destination::Dc(..)));
                named.chain(unknown).collect()
            }
        }
    }
}

/// What a listener does with a new client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The closest healthy DC.
    Nearest,
    /// This DC and its replicas, and no other: the session is bound.
    Dc(DcId),
    /// The DC that the client names in its MTProto header.
    Mtproto(ByHeader),
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nearest => f.write_str("nearest"),
            Self::Dc(dc) => write!(f, "dc {dc}"),
            Self::Mtproto(_) => f.write_str("mtproto"),
        }
    }
}

/// Where one session may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The closest healthy DC.
    Nearest(Class),
    /// This DC and its replicas: the session is bound.
    Dc(DcId, Class),
}

impl Destination {
    /// Which access points of a DC the session uses.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::Nearest(class) | Self::Dc(_, class) => class,
        }
    }

    /// The DC of a bound session.
    #[must_use]
    pub fn bound_to(self) -> Option<DcId> {
        match self {
            Self::Nearest(_) => None,
            Self::Dc(dc, _) => Some(dc),
        }
    }
}

/// How a listener takes what the first bytes of its clients say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHeader {
    /// What a header says that fits no secret.
    pub trust_plain_dc: TrustPlainDc,
    /// What becomes of clients whose header names no DC.
    pub unknown: UnknownClient,
}

/// What the DC in a header counts for that fits no secret. Some clients write random bytes there, and of
/// 65,536 such values each known DC takes two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustPlainDc {
    /// Nothing.
    Never,
    /// It is believed where there is such a DC.
    Known,
}

/// What becomes of a client whose first bytes name no DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownClient {
    /// It is refused.
    Close,
    /// It goes to the closest healthy DC.
    Nearest,
    /// It is bound to this DC.
    Dc(DcId),
}

impl UnknownClient {
    fn destination(self, class: Class) -> Option<Destination> {
        match self {
            Self::Close => None,
            Self::Nearest => Some(Destination::Nearest(class)),
            Self::Dc(dc) => Some(Destination::Dc(dc, class)),
        }
    }
}

/// A DC as a client's header names it (bytes 60 and 61 of an obfuscated connection, as a signed number):
/// negative for media, and beyond [`TEST_DCS`] in a test network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedDc {
    /// The number.
    pub id: i16,
    /// Whether the header fits a secret: then it is a fact, else a hint.
    pub proved: bool,
}

/// Added to the numbers of DCs of a test network where clients name them.
pub const TEST_DCS: u16 = 10_000;

impl ByHeader {
    /// Where a session goes whose client names this DC, or none; `None` where it is refused.
    ///
    /// Who proves that it wants a DC that is not there is refused: any other one would have it sign out.
    #[must_use]
    pub fn destination(
        self,
        named: Option<NamedDc>,
        listener: &ListenerRoute,
        topology: &Topology,
    ) -> Option<Destination> {
        let unknown = self.unknown.destination(listener.class);
        let Some(NamedDc { id, proved }) = named else { return unknown };
        if !proved && self.trust_plain_dc == TrustPlainDc::Never {
            return unknown;
        }
        let number = match topology.is_test_network() {
            true => id.unsigned_abs().checked_sub(TEST_DCS),
            false => Some(id.unsigned_abs()),
        };
        let dc = number.map(DcId).filter(|dc| listener.lists(*dc));
        let dc = dc.and_then(|dc| topology.find_dc(dc)).map(|index| topology.dc(index));
        let class = |dc: &Dc| match (id.is_negative(), dc.class()) {
            (true, _) => Class::Media,
            (false, Class::Main | Class::Media) => Class::Main,
            (false, Class::Cdn) => Class::Cdn,
        };
        match dc.map(|dc| (dc, class(dc))) {
            // Random bytes name what no client would: media of a CDN.
            Some((dc, class)) if proved || class != Class::Media || dc.class() != Class::Cdn => {
                Some(Destination::Dc(dc.id, class))
            }
            Some(_) | None if !proved => unknown,
            Some(_) | None => None,
        }
    }
}

#[cfg(test)]
mod tests;
