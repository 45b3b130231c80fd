//! One dialable address of a DC, what it is for, and which sessions want that.

use std::fmt;
use std::sync::Arc;

use crate::routing::client::ClientAddr;
use crate::routing::client_match::ClientMatch;
use crate::routing::ids::{AccessPointId, DcIndex, Protocol};
use crate::routing::rank::Client;
use crate::routing::rendezvous::Scoring;
use crate::routing::slot::AccessPointSlot;

/// One dialable address of a DC.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessPoint {
    /// Its identity, kept over reloads.
    pub id: AccessPointId,
    /// The DC, by position.
    pub dc: DcIndex,
    /// The flags of its `dcOption`.
    pub flags: AccessPointFlags,
    /// Share within its DC; 100 is usual.
    pub weight: u32,
    /// Sessions or flows at a time at most, dials included, over all workers.
    pub max_sessions: Option<u32>,
    /// Offered to clients that one of these fits and to nobody else; to everybody when empty.
    pub offered_to: Arc<[ClientMatch]>,
    /// What clients, and probes, have to know to speak with it.
    pub secret: Option<AccessPointSecret>,
    /// Left the configuration and serves until its DC has a probed successor.
    pub retiring: bool,
    /// What rendezvous hashing knows it by.
    pub(super) key: u64,
}

impl AccessPoint {
    /// Whether such traffic, of this client, may use it.
    #[must_use]
    pub fn is_for(&self, client: &Client, traffic: Traffic) -> bool {
        self.takes(traffic) && self.is_offered_to(client)
    }

    /// Whether it has as many sessions as it may have, of which this slot is the count.
    #[must_use]
    pub fn is_full(&self, slot: &AccessPointSlot) -> bool {
        self.max_sessions.is_some_and(|most| slot.placed() >= most)
    }

    /// Whether it takes such traffic.
    #[must_use]
    pub fn takes(&self, traffic: Traffic) -> bool {
        self.id.address.protocol == traffic.protocol && self.flags.serves(traffic.class)
    }

    /// The traffic that it is made for. It may take other traffic too, which falls back to it.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic { protocol: self.id.address.protocol, class: self.flags.class() }
    }

    /// Whether this client is among those that it is offered to.
    #[must_use]
    pub fn is_offered_to(&self, client: &Client) -> bool {
        self.offered_to.is_empty() || self.offered_to.iter().any(|some| some.fits(client))
    }

    /// See [`Scoring::score`].
    #[must_use]
    pub fn score(&self, scoring: Scoring, client: ClientAddr) -> f64 {
        scoring.score(client, self.key, self.weight)
    }
}

/// The flags of a `dcOption` (TL constructor `dcOption#18b7a10d`). Of which family its address is, it
/// says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessPointFlags {
    /// Serves uploads and downloads only.
    pub media_only: bool,
    /// Speaks obfuscated TCP only.
    pub tcpo_only: bool,
    /// Belongs to a CDN DC: no user data.
    pub cdn: bool,
    /// A stable address, meant for proxies; preferred.
    pub static_address: bool,
    /// Clients must not try other ports.
    pub this_port_only: bool,
}

impl AccessPointFlags {
    /// Whether sessions of this class may use the access point. Media may fall back to the access points
    /// for ordinary sessions of the same DC, as clients do too.
    #[must_use]
    pub fn serves(self, class: Class) -> bool {
        match class {
            Class::Main => !self.media_only && !self.cdn,
            Class::Media => !self.cdn,
            Class::Cdn => self.cdn,
        }
    }

    /// The sessions that it is made for. It may serve others too, which fall back to it.
    #[must_use]
    pub fn class(self) -> Class {
        match (self.cdn, self.media_only) {
            (true, _) => Class::Cdn,
            (false, true) => Class::Media,
            (false, false) => Class::Main,
        }
    }
}

/// What a session is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Everything that is not one of the others.
    #[default]
    Main,
    /// Uploads and downloads.
    Media,
    /// Downloads from a CDN DC, which has keys of its own and no user data.
    Cdn,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Main, Self::Media, Self::Cdn];

    /// The word of configuration and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Media => "media",
            Self::Cdn => "cdn",
        }
    }
}

/// What a session or flow needs an access point to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Traffic {
    /// What carries it.
    pub protocol: Protocol,
    /// What it is for.
    pub class: Class,
}

impl Traffic {
    /// All kinds: what a DC is for is the first of them that it takes.
    pub fn all() -> impl Iterator<Item = Self> {
        let classes = |protocol| Class::ALL.map(|class| Self { protocol, class });
        Protocol::ALL.into_iter().flat_map(classes)
    }

    /// Sessions of this class.
    #[must_use]
    pub const fn tcp(class: Class) -> Self {
        Self { protocol: Protocol::Tcp, class }
    }

    /// Flows of this class.
    #[must_use]
    pub const fn udp(class: Class) -> Self {
        Self { protocol: Protocol::Udp, class }
    }
}

/// The secret of an access point: 16 bytes, 17 from 0xdd on (padded), or 21 and more from 0xee on (fake
/// TLS). It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessPointSecret(Arc<[u8]>);

impl AccessPointSecret {
    /// These bytes, whose form configuration has checked.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// For those who speak with the access point, or tell clients how to.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it asks of those who speak with the access point.
    #[must_use]
    pub fn form(&self) -> SecretForm {
        match self.0.len() {
            ..=16 => SecretForm::Plain,
            17 => SecretForm::Padded,
            18.. => SecretForm::FakeTls,
        }
    }
}

/// What a secret asks of those who speak with its access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// Obfuscation.
    Plain,
    /// Obfuscation, and random bytes behind each message.
    Padded,
    /// The same within what looks like TLS.
    FakeTls,
}

impl fmt::Debug for AccessPointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}
