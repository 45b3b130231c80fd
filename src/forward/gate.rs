//! What limits let a client begin, as soon as it is known who it is: before it is located, ranked, or dialled
//! for.
//!
//! What is of the client alone is asked first: whoever has come too often or has too much takes nobody else's
//! part of what the listener lets in.

use std::sync::Arc;

use crate::config::{ListenerLimits, NewRate};
use crate::routing::{ClientAddr, Limit};
use crate::sessions::{ClientPace, ClientPermit, ListenerSessions, Pace, Rate};

/// The gate of a listener, through which all workers let clients in together.
pub(super) struct Gate {
    sessions: Arc<ListenerSessions>,
    per_client: Option<(u32, Limit)>,
    client_pace: Option<Arc<ClientPace>>,
    pace: Option<Arc<Pace>>,
}

impl Gate {
    /// One that lets in what `limits` and, of sessions or flows at a time, `per_client` allow.
    pub(super) fn new(
        limits: &ListenerLimits,
        per_client: Option<(u32, Limit)>,
        sessions: &Arc<ListenerSessions>,
    ) -> Self {
        let rate = |NewRate { rate: per_second, burst }| Rate { per_second, burst };
        let client_rate = limits.new_per_second_per_client.map(rate);
        Self {
            per_client,
            client_pace: client_rate.map(|rate| sessions.client_pace(rate)),
            pace: limits.new_per_second.map(rate).map(|rate| sessions.pace(rate)),
            sessions: Arc::clone(sessions),
        }
    }

    /// Lets a client begin one more. What it gets is its place among those that it may have at a time, if that
    /// is limited.
    ///
    /// # Errors
    /// With the limit that is reached.
    pub(super) fn admit(&self, client: ClientAddr) -> Result<Option<ClientPermit>, Limit> {
        let client = client.prefix();
        if self.client_pace.as_ref().is_some_and(|pace| !pace.admits(client)) {
            return Err(Limit::NewPerSecondPerClient);
        }
        let permit = match self.per_client {
            None => None,
            Some((most, limit)) => Some(self.sessions.clients.admit(client, most).ok_or(limit)?),
        };
        if self.pace.as_ref().is_some_and(|pace| !pace.admits()) {
            return Err(Limit::NewPerSecond);
        }
        Ok(permit)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn rate(burst: u32) -> Option<NewRate> {
        let number = |n| NonZeroU32::new(n).expect("a number of the test");
        Some(NewRate { rate: number(1), burst: number(burst) })
    }

    fn client(address: &str) -> ClientAddr {
        ClientAddr::new(address.parse().expect("an address of the test"))
    }

    /// A minute's worth is not admitted while the test runs.
    fn gate(of_client: Option<NewRate>, per_client: Option<u32>, all: Option<NewRate>) -> Gate {
        let limits = ListenerLimits {
            sessions: 100,
            sessions_per_client: per_client,
            new_per_second: all,
            new_per_second_per_client: of_client,
        };
        let per_client = per_client.map(|most| (most, Limit::SessionsPerClient));
        Gate::new(&limits, per_client, &Arc::default())
    }

    #[test]
    fn an_offender_takes_nobody_elses_part_of_what_the_listener_lets_in() {
        let (greedy, other) = (client("192.0.2.1"), client("192.0.2.2"));
        let by_rate = gate(rate(2), None, rate(40));
        let by_sessions = gate(None, Some(2), rate(40));
        for (gate, limit) in
            [(by_rate, Limit::NewPerSecondPerClient), (by_sessions, Limit::SessionsPerClient)]
        {
            let first = [(); 2].map(|()| gate.admit(greedy).expect("within its limits"));
            for _ in 0..1000 {
                assert_eq!(gate.admit(greedy).err(), Some(limit));
            }
            assert!(gate.admit(other).is_ok());
            drop(first);
        }
    }

    #[test]
    fn whom_the_listener_refuses_keeps_no_place() {
        let gate = gate(None, Some(1), rate(1));
        drop(gate.admit(client("192.0.2.1")).expect("the first"));
        for _ in 0..3 {
            let refused = gate.admit(client("192.0.2.1"));
            assert_eq!(refused.err(), Some(Limit::NewPerSecond), "and not for its own place");
        }
    }

    #[test]
    fn a_client_of_ipv6_is_its_network() {
        let gate = gate(None, Some(1), None);
        let _permit = gate.admit(client("2001:db8:1:2::1")).expect("the first").expect("a permit");
        assert!(gate.admit(client("2001:db8:1:2:ffff::9")).is_err());
        assert!(gate.admit(client("2001:db8:1:3::1")).is_ok());
        let _permit = gate.admit(client("::ffff:192.0.2.1")).expect("a client of IPv4");
        assert!(gate.admit(client("192.0.2.1")).is_err(), "it is the same client");
    }
}
