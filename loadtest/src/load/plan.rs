//! All that a load is made of.

use super::workload::Workload;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What clients do, when, from where, and how they begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) workload: Workload,
    pub(crate) arrival: Arrival,
    pub(crate) opening: Opening,
    pub(crate) sources: Sources,
    /// Whether the content of bulk is looked at, too, which costs time. That of round trips always is.
    pub(crate) verify: bool,
    pub(crate) on_failure: OnFailure,
}

impl Plan {
    /// As fast as clients are answered, from one address, without anything before the load.
    pub(crate) fn new(workload: Workload) -> Plan {
        Plan {
            workload,
            arrival: Arrival::Closed,
            opening: Opening::Plain,
            sources: Sources::ONE,
            verify: false,
            on_failure: OnFailure::End,
        }
    }
}

/// Time under load before what is measured, for so much of it.
pub(crate) fn warm_up(measured: Duration) -> Duration {
    /// As a part of it, and at least this long.
    const PART: u32 = 10;
    const LEAST: Duration = Duration::from_millis(100);
    (measured / PART).max(LEAST)
}

/// When an operation begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrival {
    /// When the one before it is done: the load adapts to the proxy, and what waits is not seen. Chats of a
    /// mixture have a rhythm of their own instead.
    Closed,
    /// At fixed times, so many in a second of all clients together, whatever became of those before. A
    /// latency counts from the moment at which its operation was due (coordinated omission).
    Open { per_second: f64 },
}

/// What becomes of a client that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The load ends with it: a figure of some of the clients would be none.
    End,
    /// It is counted, and begins anew after a pause.
    BeginAnew,
}

/// What a TCP client sends before its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Plain,
    /// The 64 bytes of an obfuscated MTProto client without a secret, who names DC 1.
    Obfuscated,
    /// A PROXY header of version 2 that announces another address for each session.
    ProxyHeader,
}

/// The client addresses of a load: the first so many of 127.0.0.0/8, from 127.0.1.1 on, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sources(u32);

impl Sources {
    /// 127.0.0.1 alone, as the kernel has it.
    pub(crate) const ONE: Sources = Sources(1);
    /// So many there are.
    pub(crate) const MOST: u32 = 254 * 255 * 255;

    /// `None` for 0, and beyond [`Sources::MOST`].
    pub(crate) fn new(count: u32) -> Option<Sources> {
        (1..=Sources::MOST).contains(&count).then_some(Sources(count))
    }

    pub(crate) fn count(self) -> u32 {
        self.0
    }

    /// Where the client of this number, or the session, comes from; `None` for wherever the kernel likes.
    pub(crate) fn of(self, number: u64) -> Option<IpAddr> {
        if self == Sources::ONE {
            return None;
        }
        let nth = (number % u64::from(self.0)) as u32;
        // No address ends in 0 or 255, and none is one of 127.0.0.0/24, where backends are.
        let (third, last) = (nth / 254, nth % 254 + 1);
        let (second, third) = ((third + 1) / 256, (third + 1) % 256);
        Some(Ipv4Addr::new(127, second as u8, third as u8, last as u8).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_many_as_were_asked_for_and_come_in_turn() {
        let sources = Sources::new(300).unwrap();
        let of = |number| sources.of(number).unwrap().to_string();
        assert_eq!(
            [of(0), of(253), of(254), of(300)],
            ["127.0.1.1", "127.0.1.254", "127.0.2.1", "127.0.1.1"]
        );
        let all: std::collections::BTreeSet<_> = (0..1000).map(of).collect();
        assert_eq!(all.len(), 300);
        let most = Sources::new(Sources::MOST).unwrap();
        let last = most.of(u64::from(Sources::MOST) - 1).unwrap();
        assert_eq!(last.to_string(), "127.254.1.254");
        assert_eq!((Sources::new(0), Sources::new(Sources::MOST + 1)), (None, None));
        assert_eq!(Sources::ONE.of(7), None);
    }
}
