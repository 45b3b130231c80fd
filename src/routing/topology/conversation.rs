//! What a probe does at one access point: what is configured for its DC, as far as the access point
//! can be spoken with so.
//!
//! One that has a secret, or speaks obfuscated TCP only, hides what it is from whoever does not know.
//! A word in clear would be one that no client of it says.

use std::sync::Arc;

use super::access_point::{AccessPoint, AccessPointSecret, SecretForm};
use super::probing::{Framing, HttpProbe, MtprotoProbe, Probe, UdpProbe};
use super::{TEST_DCS, Topology};
use crate::routing::ids::Protocol;

/// What a probe does at one access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// Connects.
    Connect,
    /// Asks for a page.
    Http(Arc<HttpProbe>),
    /// Asks in MTProto who is there.
    Mtproto(MtprotoStyle, Arc<MtprotoProbe>),
    /// Sends a datagram and wants an answer.
    Datagram(Arc<UdpProbe>),
}

/// How MTProto is spoken with an access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MtprotoStyle {
    /// In clear.
    Plain(Framing),
    /// Obfuscated.
    Obfuscated {
        /// Within the obfuscation; never full.
        framing: Framing,
        /// The access point's; not of fake TLS.
        secret: Option<AccessPointSecret>,
        /// How the header names the DC: negative for media, and beyond [`TEST_DCS`] in a test network.
        dc: i16,
    },
}

impl Conversation {
    /// Whether a connection comes first and a question then, each in its own time.
    #[must_use]
    pub fn asks_over_connection(&self) -> bool {
        match self {
            Self::Http(_) | Self::Mtproto(..) => true,
            Self::Connect | Self::Datagram(_) => false,
        }
    }
}

impl Topology {
    /// What a probe does at this access point, one of this topology's; `None` where nothing is asked: of
    /// a service of UDP nobody knows what it would answer but who configures it.
    #[must_use]
    pub fn conversation(&self, access_point: &AccessPoint) -> Option<Conversation> {
        let health = &self.dc(access_point.dc).health;
        match access_point.id.address.protocol {
            Protocol::Tcp => Some(self.conversation_by_tcp(&health.probe, access_point)),
            Protocol::Udp => health.udp_probe.clone().map(Conversation::Datagram),
        }
    }

    /// Whether this access point, one of this topology's, is probed at all.
    #[must_use]
    pub fn is_probed(&self, access_point: &AccessPoint) -> bool {
        match access_point.id.address.protocol {
            Protocol::Tcp => true,
            Protocol::Udp => self.dc(access_point.dc).health.udp_probe.is_some(),
        }
    }

    fn conversation_by_tcp(&self, probe: &Probe, access_point: &AccessPoint) -> Conversation {
        match probe {
            Probe::Tcp => Conversation::Connect,
            Probe::Http(page) if hides(access_point) && is_asked_for_there(page, access_point) => {
                Conversation::Connect
            }
            Probe::Http(page) => Conversation::Http(Arc::clone(page)),
            Probe::Mtproto(probe) => match style(probe, access_point, self.is_test_network) {
                Some(style) => Conversation::Mtproto(style, Arc::clone(probe)),
                None => Conversation::Connect,
            },
        }
    }

    /// Whether the access point is probed by a connect although its DC is to be asked something: it
    /// cannot be asked, or would be given away.
    #[must_use]
    pub fn is_only_connected(&self, access_point: &AccessPoint) -> bool {
        let asks = self.dc(access_point.dc).health.probe != Probe::Tcp;
        asks && self.conversation(access_point) == Some(Conversation::Connect)
    }
}

/// Whether nothing may be said to it in clear.
fn hides(access_point: &AccessPoint) -> bool {
    access_point.flags.tcpo_only || access_point.secret.is_some()
}

/// Whether the page is asked for at the port of the access point itself.
fn is_asked_for_there(page: &HttpProbe, access_point: &AccessPoint) -> bool {
    page.port.is_none_or(|port| port == access_point.id.address.socket.port())
}

/// How it is spoken with; `None` if it cannot be.
fn style(
    probe: &MtprotoProbe,
    access_point: &AccessPoint,
    is_test_network: bool,
) -> Option<MtprotoStyle> {
    if !probe.is_obfuscated && !hides(access_point) {
        return Some(MtprotoStyle::Plain(probe.framing));
    }
    let secret = access_point.secret.clone();
    let framing = match (secret.as_ref().map(AccessPointSecret::form), probe.framing) {
        (Some(SecretForm::FakeTls), _) => return None,
        (Some(SecretForm::Padded), _) => Framing::Padded,
        (Some(SecretForm::Plain) | None, Framing::Full) => Framing::Intermediate,
        (Some(SecretForm::Plain) | None, framing) => framing,
    };
    let dc = named(access_point, is_test_network)?;
    Some(MtprotoStyle::Obfuscated { framing, secret, dc })
}

/// How a header names its DC; `None` for a number that no header holds.
fn named(access_point: &AccessPoint, is_test_network: bool) -> Option<i16> {
    let offset = if is_test_network { TEST_DCS } else { 0 };
    let number = i16::try_from(access_point.id.dc.0.checked_add(offset)?).ok()?;
    Some(if access_point.flags.media_only { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::{dc, topology};
    use crate::routing::ids::AccessPointIndex;
    use crate::routing::topology::{AccessPointFlags, TopologySpec};

    const PLAIN: &[u8] = &[0xdd; 16];
    const PADDED: &[u8] = &[0xdd; 17];
    const FAKE_TLS: &[u8] = &[0xee; 21];

    const TCPO_ONLY: AccessPointFlags = flags(true, false);
    const MEDIA: AccessPointFlags = flags(false, true);

    const fn flags(tcpo_only: bool, media_only: bool) -> AccessPointFlags {
        AccessPointFlags {
            media_only,
            tcpo_only,
            cdn: false,
            static_address: false,
            this_port_only: false,
        }
    }

    fn mtproto(framing: Framing, is_obfuscated: bool) -> Probe {
        Probe::Mtproto(Arc::new(MtprotoProbe::new(framing, is_obfuscated, Vec::new())))
    }

    fn page(port: Option<u16>) -> Probe {
        let path = "/".into();
        Probe::Http(Arc::new(HttpProbe { path, host: None, port, expect: 200..=399 }))
    }

    /// A network of one access point on port 443, of this DC.
    fn spec(
        probe: &Probe,
        id: u16,
        flags: AccessPointFlags,
        secret: Option<&[u8]>,
    ) -> TopologySpec {
        let mut dc = dc(id, None, 1);
        dc.health.probe = probe.clone();
        dc.access_points[0].flags = flags;
        dc.access_points[0].secret = secret.map(AccessPointSecret::new);
        topology(vec![dc])
    }

    fn conversation(spec: TopologySpec) -> Conversation {
        let topology = Topology::new(spec);
        let asked = topology.conversation(topology.access_point(AccessPointIndex(0)));
        asked.expect("TCP is asked")
    }

    /// With an access point of DC 2.
    fn with(probe: &Probe, flags: AccessPointFlags, secret: Option<&[u8]>) -> Conversation {
        conversation(spec(probe, 2, flags, secret))
    }

    fn style_of(conversation: Conversation) -> MtprotoStyle {
        match conversation {
            Conversation::Mtproto(style, _) => style,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_hides_nothing_is_asked_as_configured() {
        let open = AccessPointFlags::default();
        assert_eq!(with(&Probe::Tcp, open, None), Conversation::Connect);
        let (page, other) = (page(None), page(Some(8080)));
        for probe in [&page, &other] {
            assert!(matches!(with(probe, open, None), Conversation::Http(_)));
        }
        for framing in [Framing::Abridged, Framing::Intermediate, Framing::Padded, Framing::Full] {
            let plain = style_of(with(&mtproto(framing, false), open, None));
            assert_eq!(plain, MtprotoStyle::Plain(framing));
        }
        let hidden = style_of(with(&mtproto(Framing::Intermediate, true), open, None));
        let framing = Framing::Intermediate;
        assert_eq!(hidden, MtprotoStyle::Obfuscated { framing, secret: None, dc: 2 });
    }

    #[test]
    fn who_has_a_secret_or_speaks_obfuscated_only_hears_no_word_in_clear() {
        for (flags, secret, padded) in [
            (TCPO_ONLY, None, false),
            (AccessPointFlags::default(), Some(PLAIN), false),
            (TCPO_ONLY, Some(PLAIN), false),
            (AccessPointFlags::default(), Some(PADDED), true),
        ] {
            for is_obfuscated in [false, true] {
                for (configured, spoken) in [
                    (Framing::Abridged, Framing::Abridged),
                    (Framing::Intermediate, Framing::Intermediate),
                    (Framing::Padded, Framing::Padded),
                    (Framing::Full, Framing::Intermediate),
                ] {
                    let framing = if padded { Framing::Padded } else { spoken };
                    let secret_of = secret.map(AccessPointSecret::new);
                    let expected = MtprotoStyle::Obfuscated { framing, secret: secret_of, dc: 2 };
                    let found = with(&mtproto(configured, is_obfuscated), flags, secret);
                    assert_eq!(style_of(found), expected);
                }
            }
            let (own, same, other) = (page(None), page(Some(443)), page(Some(8080)));
            assert_eq!(with(&own, flags, secret), Conversation::Connect);
            assert_eq!(with(&same, flags, secret), Conversation::Connect, "by its number");
            assert!(matches!(with(&other, flags, secret), Conversation::Http(_)));
        }
    }

    #[test]
    fn who_wants_tls_is_only_connected_to() {
        let open = AccessPointFlags::default();
        for probe in [mtproto(Framing::Abridged, false), mtproto(Framing::Intermediate, true)] {
            assert_eq!(with(&probe, open, Some(FAKE_TLS)), Conversation::Connect);
        }
    }

    #[test]
    fn what_is_done_in_place_of_a_question_is_known() {
        let told = |probe: &Probe, secret| {
            let topology = Topology::new(spec(probe, 2, AccessPointFlags::default(), secret));
            topology.is_only_connected(topology.access_point(AccessPointIndex(0)))
        };
        let asked = mtproto(Framing::Abridged, false);
        assert!(told(&asked, Some(FAKE_TLS)) && told(&page(None), Some(PLAIN)));
        assert!(!told(&asked, Some(PLAIN)) && !told(&page(None), None));
        assert!(!told(&Probe::Tcp, Some(FAKE_TLS)), "nothing else was wanted");
    }

    #[test]
    fn the_header_names_the_dc_as_clients_do() {
        let probe = mtproto(Framing::Intermediate, true);
        let named = |id, flags, is_test_network| {
            let spec = TopologySpec { is_test_network, ..spec(&probe, id, flags, None) };
            match conversation(spec) {
                Conversation::Mtproto(MtprotoStyle::Obfuscated { dc, .. }, _) => Some(dc),
                Conversation::Connect => None,
                other => panic!("{other:?}"),
            }
        };
        let open = AccessPointFlags::default();
        assert_eq!(named(4, open, false), Some(4));
        assert_eq!(named(4, MEDIA, false), Some(-4));
        assert_eq!(named(2, open, true), Some(10_002));
        assert_eq!(named(2, MEDIA, true), Some(-10_002));
        assert_eq!(named(32_767, MEDIA, false), Some(-32_767));
        assert_eq!(named(22_767, open, true), Some(32_767));
        // No header holds it: it can only be connected to.
        assert_eq!(named(22_768, open, true), None);
    }
}
