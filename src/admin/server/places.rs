//! How many connections one peer may have: nobody from elsewhere may take them all.

use std::collections::HashMap;

use crate::admin::asked::Peer;
use crate::routing::ClientAddr;

/// Connections by peer: an IPv4 address or an IPv6 /64. Peers of this machine are not counted.
pub(super) struct Places {
    each: usize,
    together: usize,
    taken: HashMap<u64, usize>,
}

/// Whose place it is.
pub(super) type Place = Option<u64>;

impl Places {
    /// So many for each peer, and so many for all of them together: the others are for this machine.
    pub(super) fn new(each: usize, together: usize) -> Self {
        Self { each, together, taken: HashMap::new() }
    }

    /// A place for a connection of this peer, unless it has all that it may have.
    pub(super) fn take(&mut self, peer: Peer) -> Option<Place> {
        let address = match peer {
            Peer::Tcp(address) => address.ip().to_canonical(),
            Peer::Unix { .. } => return Some(None),
        };
        if address.is_loopback() {
            return Some(None);
        }
        let key = ClientAddr::new(address).prefix();
        if self.taken.values().sum::<usize>() >= self.together {
            return None;
        }
        let taken = self.taken.entry(key).or_default();
        if *taken >= self.each {
            return None;
        }
        *taken += 1;
        Some(Some(key))
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, place: Place) {
        let Some(key) = place else { return };
        if let Some(taken) = self.taken.get_mut(&key) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Tcp(address.parse().expect("an address of the test"))
    }

    #[test]
    fn a_peer_from_elsewhere_has_so_many_places_and_gets_them_back() {
        let mut places = Places::new(2, 3);
        let first = places.take(peer("192.0.2.1:1")).expect("a place");
        assert!(places.take(peer("192.0.2.1:2")).is_some());
        assert!(places.take(peer("192.0.2.1:3")).is_none());
        assert!(places.take(peer("192.0.2.2:3")).is_some(), "another peer");
        assert!(places.take(peer("192.0.2.3:3")).is_none(), "all together have three");
        assert!(places.take(peer("127.0.0.1:3")).is_some(), "this machine");
        places.give_back(first);
        assert!(places.take(peer("192.0.2.1:3")).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer_and_this_machine_is_none() {
        let mut places = Places::new(1, 9);
        assert!(places.take(peer("[2001:db8::1]:1")).is_some());
        assert!(places.take(peer("[2001:db8::2]:1")).is_none());
        for local in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(places.take(peer(local)).is_some() && places.take(peer(local)).is_some());
        }
        let unix = Peer::Unix { uid: 7, pid: None };
        assert!(places.take(unix).is_some() && places.take(unix).is_some());
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let mut places = Places::new(1, 9);
        let place = places.take(peer("192.0.2.1:1")).expect("a place");
        places.give_back(place);
        assert!(places.taken.is_empty());
    }
}
