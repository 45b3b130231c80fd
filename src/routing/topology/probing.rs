//! How access points are probed and judged.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::routing::failure::Depth;

/// How an access point is probed and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// What a probe does.
    pub probe: Probe,
    /// What a probe says to access points that serve UDP, if they are probed.
    pub udp_probe: Option<Arc<UdpProbe>>,
    /// Between probes of an access point that is well.
    pub interval: Duration,
    /// Between probes while it changes or is suspect.
    pub fast_interval: Duration,
    /// Between probes while it is Down.
    pub down_interval: Duration,
    /// The longest a probe may take.
    pub timeout: Duration,
    /// Failures in a row that make it Down; at least 1.
    pub fall: u32,
    /// Successes in a row that bring it back; at least 1.
    pub rise: u32,
    /// Spread of the intervals, in percent of each.
    pub jitter_percent: u8,
    /// How long one that keeps changing stays Down.
    pub hold_down: HoldDown,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Connects.
    Tcp,
    /// Asks for a page.
    Http(Arc<HttpProbe>),
    /// Asks in MTProto who is there.
    Mtproto(Arc<MtprotoProbe>),
}

/// A request of HTTP/1.1 and the answer that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// The target of the request: path, and query if any.
    pub path: Box<str>,
    /// The `Host` header; `None` for the address that is dialled.
    pub host: Option<Box<str>>,
    /// The port that is dialled; `None` for the access point's own.
    pub port: Option<u16>,
    /// The status codes that are good.
    pub expect: RangeInclusive<u16>,
}

/// The question `req_pq_multi`, and the keys that who answers it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtprotoProbe {
    /// How it is framed.
    pub framing: Framing,
    /// Whether it is obfuscated where the access point does not ask for that.
    pub is_obfuscated: bool,
    fingerprints: Box<[u64]>,
}

/// The framings of MTProto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Lengths in one byte or four.
    Abridged,
    /// Lengths in four bytes.
    Intermediate,
    /// Lengths in four bytes, and random bytes behind each message.
    Padded,
    /// Lengths, numbers and checksums. Never obfuscated.
    Full,
}

impl MtprotoProbe {
    /// A question in clear or not. `fingerprints` are those of the keys that the DC should have, in any
    /// order; none for any keys.
    #[must_use]
    pub fn new(framing: Framing, is_obfuscated: bool, fingerprints: Vec<u64>) -> Self {
        Self { framing, is_obfuscated, fingerprints: set(fingerprints) }
    }

    /// What is to be said of the keys with these fingerprints: all of them, rising, if they are not
    /// those that the DC should have.
    #[must_use]
    pub fn other_keys(&self, seen: Vec<u64>) -> Option<Arc<[u64]>> {
        let seen = set(seen);
        let is_pinned = !self.fingerprints.is_empty();
        (is_pinned && seen != self.fingerprints).then(|| seen.into())
    }
}

/// Rising, each once.
fn set(mut numbers: Vec<u64>) -> Box<[u64]> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into()
}

/// A datagram and the answer that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpProbe {
    /// What is sent.
    pub send: Box<[u8]>,
    /// How a good answer begins; any answer is good when empty.
    pub expect: Box<[u8]>,
}

impl Probe {
    /// Whether it dials where sessions do.
    #[must_use]
    pub fn dials_access_point(&self) -> bool {
        match self {
            Self::Tcp | Self::Mtproto(_) => true,
            Self::Http(http) => http.port.is_none(),
        }
    }

    /// What a good probe proves, of access points that it can ask.
    #[must_use]
    pub fn depth(&self) -> Depth {
        match self {
            Self::Tcp => Depth::Connect,
            Self::Http(_) | Self::Mtproto(_) => Depth::Answer,
        }
    }
}

/// How long an access point that keeps changing stays Down, whatever its probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDown {
    /// The first time.
    pub first: Duration,
    /// At most, doubling each time.
    pub max: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            probe: Probe::Tcp,
            udp_probe: None,
            interval: Duration::from_secs(2),
            fast_interval: Duration::from_millis(300),
            down_interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            fall: 3,
            rise: 2,
            jitter_percent: 10,
            hold_down: HoldDown::default(),
        }
    }
}

impl Default for HoldDown {
    fn default() -> Self {
        Self { first: Duration::from_secs(30), max: Duration::from_secs(300) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_other_ones_by_what_they_are_and_not_by_their_order() {
        let pinned = |pins: &[u64]| MtprotoProbe::new(Framing::Abridged, false, Vec::from(pins));
        let two = pinned(&[7, u64::MAX]);
        for same in [vec![7, u64::MAX], vec![u64::MAX, 7], vec![7, 7, u64::MAX]] {
            assert_eq!(two.other_keys(same), None);
        }
        for (seen, told) in [(vec![7], vec![7]), (vec![9, 7, 9], vec![7, 9]), (vec![], vec![])] {
            assert_eq!(two.other_keys(seen), Some(told.into()));
        }
        let more = vec![1, u64::MAX, 7];
        assert_eq!(two.other_keys(more), Some([1, 7, u64::MAX].into()), "one too many");
        assert_eq!(pinned(&[]).other_keys(vec![1, 2]), None, "nothing is pinned");
    }
}
