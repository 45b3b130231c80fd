//! What a proxy is to do, and who cannot.

use super::Peer;
use crate::load::Transport;
use std::fmt;

/// What a proxy is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duty {
    pub(crate) transport: Transport,
    pub(crate) beginning: Beginning,
    /// DCs with an access point each, all of which lead to the backend. Only nearpoint has them.
    pub(crate) dcs: u32,
}

/// What the proxy has to do with the first bytes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Nothing.
    Plain,
    /// To find in them which DC the client wants: the route `mtproto`.
    Sniffed,
    /// To believe the PROXY header of version 2 that they are.
    ProxyIn,
    /// To send a PROXY header of version 2 before them.
    ProxyOut,
}

impl Duty {
    /// Forwarding, and nothing else.
    pub(crate) fn plain(transport: Transport) -> Duty {
        Duty { transport, beginning: Beginning::Plain, dcs: 1 }
    }

    /// One of each kind.
    pub(crate) const EACH: [Duty; 6] = {
        const fn tcp(beginning: Beginning, dcs: u32) -> Duty {
            Duty { transport: Transport::Tcp, beginning, dcs }
        }
        [
            tcp(Beginning::Plain, 1),
            tcp(Beginning::Sniffed, 1),
            tcp(Beginning::ProxyIn, 1),
            tcp(Beginning::ProxyOut, 1),
            tcp(Beginning::Plain, 30),
            Duty { transport: Transport::Udp, beginning: Beginning::Plain, dcs: 1 },
        ]
    };
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Duty { transport, beginning, dcs } = self;
        f.write_str(match transport {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        })?;
        f.write_str(match beginning {
            Beginning::Plain => "",
            Beginning::Sniffed => ", sniffed",
            Beginning::ProxyIn => ", PROXY in",
            Beginning::ProxyOut => ", PROXY out",
        })?;
        match dcs {
            1 => Ok(()),
            _ => write!(f, ", {dcs} DCs"),
        }
    }
}

impl Peer {
    /// Why it cannot do this at all, if it cannot.
    pub(crate) fn inability(self, duty: Duty) -> Option<&'static str> {
        let Duty { transport, beginning, dcs } = duty;
        if dcs > 1 && !self.is_nearpoint() {
            return Some("it knows no DCs");
        }
        match (self, transport) {
            (Peer::Haproxy | Peer::HaproxySplice, Transport::Udp) => {
                return Some("HAProxy has no UDP");
            }
            (
                Peer::Nearpoint
                | Peer::NearpointBaseline
                | Peer::Nginx
                | Peer::Envoy
                | Peer::Direct,
                Transport::Udp,
            )
            | (_, Transport::Tcp) => {}
        }
        match (self, beginning) {
            (_, Beginning::Plain) => None,
            // By UDP there is no session that could begin.
            (_, Beginning::Sniffed | Beginning::ProxyIn | Beginning::ProxyOut)
                if transport == Transport::Udp =>
            {
                Some("it is of TCP")
            }
            // Without a proxy the backend gets the header, as it does behind one.
            (Peer::Nearpoint | Peer::NearpointBaseline | Peer::Direct, Beginning::Sniffed) => None,
            (
                Peer::Haproxy | Peer::HaproxySplice | Peer::Nginx | Peer::Envoy,
                Beginning::Sniffed,
            ) => Some("it knows no MTProto"),
            (Peer::Direct, Beginning::ProxyIn) => Some("nobody takes the header"),
            (Peer::Direct, Beginning::ProxyOut) => Some("nobody sends a header"),
            // nginx sends one of version 1, which is its best.
            (
                Peer::Nearpoint
                | Peer::NearpointBaseline
                | Peer::Haproxy
                | Peer::HaproxySplice
                | Peer::Nginx
                | Peer::Envoy,
                Beginning::ProxyIn | Beginning::ProxyOut,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nearpoint_can_do_all_of_it() {
        let all = Duty::EACH.map(|duty| Peer::Nearpoint.inability(duty));
        assert_eq!(all, [None; 6]);
        let many = Duty { dcs: 300, ..Duty::plain(Transport::Udp) };
        assert_eq!(Peer::Nearpoint.inability(many), None);
        for peer in [Peer::Haproxy, Peer::HaproxySplice, Peer::Nginx, Peer::Envoy, Peer::Direct] {
            let cannot = Duty::EACH.iter().filter(|duty| peer.inability(**duty).is_some());
            assert!(cannot.count() > 0, "{}", peer.name());
            assert_eq!(peer.inability(many), Some("it knows no DCs"), "{}", peer.name());
            assert_eq!(peer.inability(Duty::plain(Transport::Tcp)), None, "{}", peer.name());
        }
    }
}
