//! Listeners that clients are told of, in place of the access points behind them.

use std::net::SocketAddr;
use std::sync::Arc;

use super::access_point::{AccessPointSecret, Class, Traffic};
use super::route::{ByHeader, Route, TrustPlainDc};
use super::{Dc, Topology};

/// A listener and the addresses at which clients are told to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Its name.
    pub listener: Arc<str>,
    /// At least one, in the order in which clients are told them.
    pub addresses: Vec<SocketAddr>,
    /// What clients have to know so that their header proves which DC they want. `None` where the
    /// listener looks for no header, and where it has several secrets: who is to have which, it does
    /// not know.
    pub secret: Option<AccessPointSecret>,
}

impl Advertised {
    /// Whether the DC counts that a client names who was told no more than this.
    #[must_use]
    pub fn is_understood(&self, by_header: ByHeader) -> bool {
        self.secret.is_some() || by_header.trust_plain_dc == TrustPlainDc::Known
    }
}

/// A listener in place of some access points of one DC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advertisement<'a> {
    /// Where it is reached.
    pub of: &'a Advertised,
    /// What its entries are for.
    pub class: Class,
    /// Whether a client has to name the DC in its header.
    pub by_header: bool,
}

impl Advertisement<'_> {
    /// Whether clients are told of it in place of the access points that are made for this class. A
    /// listener that goes by headers carries media too, for who says so or has no other address for it.
    #[must_use]
    pub fn stands_for(&self, class: Class) -> bool {
        let media_too = self.by_header && self.class == Class::Main;
        class == self.class || class == Class::Media && media_too
    }
}

impl Topology {
    /// The listeners that clients are told of for this DC: those that need no header first, then in the
    /// order of the configuration. A DC that has no access point for what a listener carries is not
    /// advertised by it: its sessions would be refused.
    #[must_use]
    pub fn advertisements(&self, dc: &Dc) -> Vec<Advertisement<'_>> {
        let told = self.advertised.iter().filter_map(|of| {
            let route = self.route(&of.listener)?;
            let (class, by_header) = match route.route {
                // Clients would file its addresses under one DC.
                Route::Nearest => return None,
                Route::Dc(bound_to) if bound_to == dc.id => (route.class, false),
                Route::Dc(_) => return None,
                Route::Mtproto(by_header) if of.is_understood(by_header) => (dc.class(), true),
                Route::Mtproto(_) => return None,
            };
            let leads_there = route.lists(dc.id) && dc.takes(Traffic::tcp(class));
            leads_there.then_some(Advertisement { of, class, by_header })
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by_key(|it| it.by_header);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::{AMSTERDAM, MIAMI, dc, topology};
    use crate::routing::ids::DcId;
    use crate::routing::topology::{ListenerRoute, TopologySpec, UnknownClient};

    /// DC 1 for ordinary sessions and media, DC 2 for ordinary sessions, DC 203 of a CDN.
    fn spec() -> TopologySpec {
        let mut dcs = vec![dc(1, Some(MIAMI), 2), dc(2, Some(AMSTERDAM), 1), dc(203, None, 1)];
        dcs[0].access_points[1].flags.media_only = true;
        dcs[2].access_points[0].flags.cdn = true;
        topology(dcs)
    }

    fn add(spec: &mut TopologySpec, name: &str, route: ListenerRoute, secret: bool) {
        spec.routes.insert(name.into(), route);
        spec.advertised.push(Advertised {
            listener: name.into(),
            addresses: vec![([192, 0, 2, 1], 443).into()],
            secret: secret.then(|| AccessPointSecret::new(&[7; 16])),
        });
    }

    fn bound_to(dc: u16, class: Class) -> ListenerRoute {
        ListenerRoute { class, ..ListenerRoute::new(Route::Dc(DcId(dc))) }
    }

    fn by_header(trust_plain_dc: TrustPlainDc) -> ListenerRoute {
        let unknown = UnknownClient::Close;
        ListenerRoute::new(Route::Mtproto(ByHeader { trust_plain_dc, unknown }))
    }

    /// By DC: listeners, what their entries are for, and which classes they stand for.
    fn told(spec: TopologySpec) -> Vec<String> {
        let topology = Topology::new(spec);
        let told = topology.dcs().iter().flat_map(|dc| {
            let each = topology.advertisements(dc).into_iter();
            each.map(|it| {
                let classes = Class::ALL.into_iter().filter(|class| it.stands_for(*class));
                let classes: Vec<_> = classes.map(Class::as_str).collect();
                let (listener, class) = (&it.of.listener, it.class.as_str());
                format!("{} {listener} {class} for {}", dc.id, classes.join("+"))
            })
            .collect::<Vec<_>>()
        });
        told.collect()
    }

    #[test]
    fn a_bound_listener_is_advertised_for_its_dc_in_its_class() {
        let mut spec = spec();
        add(&mut spec, "main", bound_to(1, Class::Main), false);
        add(&mut spec, "media", bound_to(1, Class::Media), false);
        add(&mut spec, "media of 2", bound_to(2, Class::Media), false);
        add(&mut spec, "cdn", bound_to(203, Class::Cdn), false);
        assert_eq!(
            told(spec),
            [
                "1 main main for main",
                "1 media media for media",
                "2 media of 2 media for media",
                "203 cdn cdn for cdn",
            ]
        );
    }

    #[test]
    fn a_listener_that_would_refuse_the_session_is_not_advertised() {
        let mut spec = spec();
        add(&mut spec, "cdn of 1", bound_to(1, Class::Cdn), false);
        add(&mut spec, "main of a CDN", bound_to(203, Class::Main), false);
        let others = ListenerRoute { dcs: Some([DcId(1)].into()), ..bound_to(2, Class::Main) };
        add(&mut spec, "not its own", others, false);
        add(&mut spec, "nearest", ListenerRoute::new(Route::Nearest), false);
        add(&mut spec, "not understood", by_header(TrustPlainDc::Never), false);
        assert_eq!(told(spec), [""; 0]);
    }

    #[test]
    fn one_that_goes_by_headers_is_advertised_for_all_its_dcs_after_those_that_need_none() {
        let mut spec = spec();
        let listed = Some([DcId(1), DcId(203)].into());
        let proved = ListenerRoute { dcs: listed, ..by_header(TrustPlainDc::Never) };
        add(&mut spec, "proved", proved, true);
        add(&mut spec, "trusted", by_header(TrustPlainDc::Known), false);
        add(&mut spec, "pinned", bound_to(1, Class::Main), false);
        assert_eq!(
            told(spec),
            [
                "1 pinned main for main",
                "1 proved main for main+media",
                "1 trusted main for main+media",
                "2 trusted main for main+media",
                "203 proved cdn for cdn",
                "203 trusted cdn for cdn",
            ]
        );
    }
}
