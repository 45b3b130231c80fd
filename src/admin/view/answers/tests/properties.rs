//! What holds for an answer whatever the list and the state of the network.

use std::net::SocketAddr;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{self, File};

/// An access point of DC 1, 2 or 5 with all that a list can say of it.
fn any_access_point() -> impl Strategy<Value = (usize, AccessPointSpec)> {
    let secret = prop_oneof![
        Just(vec![]),
        prop::collection::vec(any::<u8>(), 16),
        prop::collection::vec(any::<u8>(), 16).prop_map(|bytes| [&[0xdd][..], &bytes].concat()),
        prop::collection::vec(any::<u8>(), 20..60).prop_map(|it| [&[0xee][..], &it].concat()),
    ];
    let address = prop_oneof![
        (1..200_u8).prop_map(|last| IpAddr::from([192, 0, 2, last])),
        (1..200_u16).prop_map(|last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])),
    ];
    let flags = any::<[bool; 5]>();
    (0..3_usize, address, 1..=u16::MAX, flags, secret).prop_map(
        |(dc, ip, port, [media_only, tcpo_only, cdn, is_static, this_port_only], secret)| {
            let mut it = AccessPointSpec::new((ip, port).into());
            it.flags.media_only = media_only;
            it.flags.tcpo_only = tcpo_only;
            it.flags.cdn = cdn;
            it.flags.static_address = is_static;
            it.flags.this_port_only = this_port_only;
            it.secret = (!secret.is_empty()).then(|| AccessPointSecret::new(&secret));
            (dc, it)
        },
    )
}

proptest! {
    #[test]
    fn an_answer_loads_as_the_list_that_it_was_made_of(
        access_points in prop::collection::vec(any_access_point(), 1..30),
        is_test_network in any::<bool>(),
    ) {
        let mut spec = three_dcs();
        spec.is_test_network = is_test_network;
        for (dc, it) in access_points {
            let members = &mut spec.dcs[dc].access_points;
            members.retain(|other| other.address != it.address);
            members.push(it);
        }
        let snapshot = all_up(spec);
        let json = serde_json::to_vec(&answer(&snapshot, GERMAN)).expect("JSON");
        let main = File {
            path: Path::new("nearpoint.yaml"),
            bytes: b"listeners: [{name: a, bind: ['127.0.0.1:443']}]",
        };
        let list = File { path: Path::new("dc_options.json"), bytes: &json };
        let loaded = config::parse(main, list).map_err(|it| TestCaseError::fail(it.to_string()))?;
        let topology = loaded.config.topology;
        prop_assert_eq!(topology.is_test_network(), is_test_network);
        let listed = |topology: &Topology| -> Vec<_> {
            let all = topology.access_points().iter();
            all.map(|it| (it.id, it.flags, it.secret.clone())).collect()
        };
        prop_assert_eq!(listed(&topology), listed(&snapshot.topology));
    }

    #[test]
    fn every_dc_has_an_entry_for_what_it_is_for_whatever_happens(
        access_points in prop::collection::vec(any_access_point(), 1..12),
        states in prop::collection::vec((0..4_usize, 0..3_usize, any::<bool>()), 20),
        dc_states in prop::collection::vec((0..4_usize, 0..3_usize), 3),
    ) {
        let mut spec = three_dcs();
        for (dc, it) in access_points {
            let members = &mut spec.dcs[dc].access_points;
            members.retain(|other| other.address != it.address);
            members.push(it);
        }
        let all = spec.dcs.iter_mut().flat_map(|dc| &mut dc.access_points);
        for (it, (_, _, for_others)) in all.zip(&states) {
            if *for_others {
                it.offered_to = [country("FR")].into();
            }
        }
        let health = [Health::Up, Health::Unknown, Health::Suspect, Health::Down];
        let admin = [AdminState::Ready, AdminState::Drain, AdminState::Maint];
        let mut snapshot = all_up(spec);
        for (state, it) in snapshot.access_points.iter_mut().zip(&states) {
            (state.health, state.admin) = (health[it.0], admin[it.1]);
        }
        for (state, it) in snapshot.dcs.iter_mut().zip(&dc_states) {
            (state.health, state.admin) = (health[it.0], admin[it.1]);
        }
        let view = answer(&snapshot, GERMAN);
        prop_assert_eq!(view.dc_options[0].id, view.nearest_dc);
        for dc in snapshot.topology.dcs() {
            let told: Vec<_> = view.dc_options.iter().filter(|it| it.id == dc.id.0).collect();
            prop_assert!(!told.is_empty(), "DC {} is forgotten", dc.id);
            let class = |it: &DcOptionView| match (it.cdn, it.media_only) {
                (true, _) => Class::Cdn,
                (false, true) => Class::Media,
                (false, false) => Class::Main,
            };
            prop_assert!(told.is_sorted_by_key(|it| class(it)));
            let index = snapshot.topology.find_dc(dc.id).expect("a DC of the test");
            let french = |it: &DcOptionView| {
                let mut all = snapshot.topology.access_points_of(index);
                let address = SocketAddr::new(it.ip_address, it.port);
                all.any(|(_, at)| at.id.address.socket == address && !at.offered_to.is_empty())
            };
            prop_assert!(told.len() == 1 || !told.iter().any(|it| french(it)));
            let mut members = snapshot.topology.access_points_of(index);
            if members.any(|(_, it)| it.flags.class() == dc.class() && it.offered_to.is_empty()) {
                prop_assert_eq!(class(told[0]), dc.class());
            }
        }
    }
}
