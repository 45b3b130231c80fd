//! Sessions and flows that are open, as operators ask for them.

use std::sync::Arc;
use std::time::Instant;

use crate::routing::{AccessPointId, ClientAddr, DcId, DialAddress};

/// One that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// The name of its listener when it began.
    pub listener: Arc<str>,
    /// Whose it is.
    pub client: ClientAddr,
    /// Where it goes. That says, too, whether it is a session or a flow.
    pub access_point: AccessPointId,
    /// When it was connected.
    pub began: Instant,
}

/// Which of them are meant: those that fit all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Of this listener.
    pub listener: Option<String>,
    /// With this DC.
    pub dc: Option<DcId>,
    /// With this access point of whatever DC.
    pub access_point: Option<DialAddress>,
    /// Of this client: an IPv4 address, or any of its IPv6 /64.
    pub client: Option<ClientAddr>,
    /// So many at most; as many as there are if `None`.
    pub limit: Option<usize>,
}

impl Which {
    /// Whether this one is meant.
    #[must_use]
    pub fn fits(&self, it: &OpenSession) -> bool {
        let is_of = |client: &ClientAddr| {
            client.ip().is_ipv4() == it.client.ip().is_ipv4()
                && client.prefix() == it.client.prefix()
        };
        self.listener.as_deref().is_none_or(|listener| listener == &*it.listener)
            && self.dc.is_none_or(|dc| dc == it.access_point.dc)
            && self.access_point.is_none_or(|address| address == it.access_point.address)
            && self.client.as_ref().is_none_or(is_of)
    }

    /// How many more are meant when there are so many already.
    #[must_use]
    pub fn room_beside(&self, found: usize) -> usize {
        self.limit.unwrap_or(usize::MAX).saturating_sub(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(ip: &str) -> ClientAddr {
        ClientAddr::new(ip.parse().expect("an address of the test"))
    }

    fn open(ip: &str) -> OpenSession {
        let address = "192.0.2.1:443".parse().expect("an address of the test");
        OpenSession {
            listener: "clients".into(),
            client: client(ip),
            access_point: AccessPointId { dc: DcId(2), address },
            began: Instant::now(),
        }
    }

    #[test]
    fn all_that_is_said_has_to_fit() {
        let session = open("203.0.113.7");
        assert!(Which::default().fits(&session));
        let address = |text: &str| text.parse().ok();
        let said = Which {
            listener: Some("clients".into()),
            dc: Some(DcId(2)),
            access_point: address("192.0.2.1:443"),
            client: Some(client("203.0.113.7")),
            limit: None,
        };
        assert!(said.fits(&session));
        for other in [
            Which { listener: Some("others".into()), ..said.clone() },
            Which { dc: Some(DcId(1)), ..said.clone() },
            Which { access_point: address("192.0.2.1:443/udp"), ..said.clone() },
            Which { client: Some(client("203.0.113.8")), ..said.clone() },
        ] {
            assert!(!other.fits(&session), "{other:?}");
        }
    }

    #[test]
    fn a_client_of_ipv6_is_its_64_and_never_one_of_ipv4() {
        let by = |ip| Which { client: Some(client(ip)), ..Which::default() };
        assert!(by("2001:db8:1:2::9").fits(&open("2001:db8:1:2::1")));
        assert!(!by("2001:db8:1:3::1").fits(&open("2001:db8:1:2::1")));
        // The prefix of this one is the number of that one.
        assert!(!by("0:0:c000:201::9").fits(&open("192.0.2.1")));
    }
}
