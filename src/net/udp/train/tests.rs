use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::net::udp::message::Ecn;
use crate::net::udp::segmenting::Segmenting;

/// A parcel of the tests, by value.
#[derive(Clone, Debug)]
struct Load {
    to: Option<Peer>,
    ecn: Ecn,
    payload: Vec<u8>,
    segment: usize,
    /// Segments that the kernel has refused.
    refused: Option<usize>,
}

impl Load {
    fn new(to: Option<Peer>, len: usize, segment: usize) -> Self {
        let payload = (0..len).map(|at| (at * 31 + len) as u8).collect();
        Self { to, ecn: Ecn::default(), payload, segment, refused: None }
    }

    fn parcel(&self, now: Instant) -> Parcel<'_> {
        let mut segmenting = Segmenting::default();
        if let Some(refused) = self.refused {
            segmenting.refused(refused, now);
        }
        let &Self { to, ref payload, segment, ecn, .. } = self;
        Parcel { to, prefix: &[], payload, segment, ecn, segmenting }
    }

    fn datagrams(&self) -> Vec<&[u8]> {
        match self.payload.is_empty() {
            true => vec![&[]],
            false => self.payload.chunks(self.segment).collect(),
        }
    }
}

fn peer(n: u16) -> Peer {
    let ip =
        if n.is_multiple_of(2) { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    Peer { address: SocketAddr::new(ip, n), from: None }
}

/// What the trains of these loads look like: segment, and bytes of each piece.
fn shapes(loads: &[Load], refusal: Option<Refusal>) -> Vec<(usize, Vec<usize>)> {
    let now = Instant::now();
    let parcels: Vec<Parcel<'_>> = loads.iter().map(|load| load.parcel(now)).collect();
    let yard = Yard { parcels: &parcels, now, refusal };
    let (mut place, mut shapes) = (Place::default(), Vec::new());
    loop {
        let mut pieces = Vec::new();
        let Some(train) = yard.train(place, |piece| pieces.push(piece.bytes)) else {
            return shapes;
        };
        shapes.push((train.segment, pieces));
        place = train.ends;
    }
}

#[test]
fn datagrams_of_one_length_are_joined_and_a_shorter_one_ends_the_train() {
    let one = |len| Load::new(None, len, len);
    let loads = [one(1_200), one(1_200), one(700), one(700), one(1_200), one(1_300)];
    let trains = vec![
        (1_200, vec![1_200, 1_200, 700]),
        (700, vec![700]),
        (1_200, vec![1_200]),
        (1_300, vec![1_300]),
    ];
    assert_eq!(shapes(&loads, None), trains);
}

#[test]
fn coalesced_messages_are_joined_until_one_ends_with_a_shorter_datagram() {
    let loads = [
        Load::new(None, 2_000, 1_000),
        Load::new(None, 3_000, 1_000),
        Load::new(None, 2_500, 1_000),
        Load::new(None, 2_000, 1_000),
    ];
    let trains = vec![(1_000, vec![2_000, 3_000, 2_500]), (1_000, vec![2_000])];
    assert_eq!(shapes(&loads, None), trains);
}

#[test]
fn a_message_that_is_too_long_for_one_train_is_split_between_datagrams() {
    // The longest that can be received.
    let v4 = Load::new(Some(peer(2)), 65_507, 1_472);
    assert_eq!(shapes(&[v4], None), [(1_472, vec![65_507])]);
    let v6 = Load::new(Some(peer(1)), 65_507, 1_472);
    assert_eq!(shapes(&[v6], None), [(1_472, vec![44 * 1_472]), (739, vec![739])]);
    let many = Load::new(Some(peer(2)), 65 * 100, 100);
    assert_eq!(shapes(&[many], None), [(100, vec![6_400]), (100, vec![100])]);
}

#[test]
fn other_peers_and_other_bits_begin_another_train() {
    let to = |n| Load::new(Some(peer(n)), 100, 100);
    let marked = Load { ecn: Ecn::of_traffic_class(3), ..to(2) };
    let loads = [to(1), to(1), to(2), marked.clone(), marked, to(1)];
    let trains = [vec![100, 100], vec![100], vec![100, 100], vec![100]].map(|it| (100, it));
    assert_eq!(shapes(&loads, None), trains);
}

#[test]
fn where_the_kernel_refuses_segments_datagrams_go_singly_and_others_are_joined() {
    let mut loads = [3_000, 3_000, 1_200, 1_200].map(|len| Load::new(Some(peer(2)), len, len));
    for load in &mut loads {
        load.refused = Some(2_000);
    }
    let singly = vec![(3_000, vec![3_000]), (3_000, vec![3_000]), (1_200, vec![1_200, 1_200])];
    assert_eq!(shapes(&loads, None), singly);
    for load in &mut loads {
        load.refused = None;
    }
    let just_now = |to| Some(Refusal { to, segment: 3_000 });
    assert_eq!(shapes(&loads, just_now(Some(peer(2)))), singly);
    let others = vec![(3_000, vec![3_000, 3_000, 1_200]), (1_200, vec![1_200])];
    assert_eq!(shapes(&loads, just_now(Some(peer(4)))), others);
}

fn load() -> impl Strategy<Value = Load> {
    let segment = prop_oneof![
        select(vec![100, 1_200, 1_472]),
        1_usize..1_600,
        select(vec![3_000, 9_000, 32_760, 65_000, 65_507, 65_527])
    ];
    let datagrams = prop_oneof![Just(1_usize), 1..80_usize];
    let len = (segment, datagrams, any::<prop::sample::Index>(), 0..20).prop_map(
        |(segment, datagrams, last, empty)| {
            let last = 1 + last.index(segment);
            let len = ((datagrams - 1) * segment + last).min(65_535);
            if empty == 0 { (0, 0) } else { (len, segment.min(len)) }
        },
    );
    let refused = prop::option::weighted(0.1, select(vec![1, 1_200, 3_000]));
    (len, 0..3_u16, prop::bool::weighted(0.1), refused).prop_map(
        |((len, segment), to, is_marked, refused)| {
            let ecn = Ecn::of_traffic_class(u8::from(is_marked));
            Load { ecn, refused, ..Load::new(Some(peer(to)), len, segment) }
        },
    )
}

proptest! {
    #[test]
    fn what_leaves_is_what_came_datagram_by_datagram_and_within_the_limits(
        mut loads in vec(load(), 0..12),
        is_connected: bool,
        refusal in prop::option::weighted(0.2, (0..3_u16, select(vec![1_usize, 1_200, 3_000]))),
    ) {
        let now = Instant::now();
        if is_connected {
            loads.iter_mut().for_each(|load| load.to = None);
        }
        let refusal = refusal.map(|(to, segment)| {
            Refusal { to: if is_connected { None } else { Some(peer(to)) }, segment }
        });
        let parcels: Vec<Parcel<'_>> = loads.iter().map(|load| load.parcel(now)).collect();
        let yard = Yard { parcels: &parcels, now, refusal };
        let came = loads.iter().flat_map(|it| it.datagrams().into_iter().map(|one| (it.to, it.ecn, one)));

        let mut left: Vec<(Option<Peer>, Ecn, Vec<u8>)> = Vec::new();
        let mut place = Place::default();
        loop {
            let mut pieces = Vec::new();
            let Some(train) = yard.train(place, |piece| pieces.push(piece)) else { break };
            prop_assert!(train.ends != place, "it goes on");
            prop_assert_eq!(train.begins, place);
            prop_assert_eq!(train.pieces, pieces.len());
            place = train.ends;

            let first = &loads[train.begins.parcel];
            let mut bytes = Vec::new();
            for piece in &pieces {
                let load = &loads[piece.begins.parcel];
                prop_assert_eq!((load.to, load.ecn), (first.to, first.ecn));
                bytes.extend_from_slice(&load.payload[piece.begins.offset..][..piece.bytes]);
            }
            prop_assert_eq!(pieces.iter().map(|it| it.datagrams).sum::<usize>(), train.datagrams);
            if train.datagrams == 1 {
                prop_assert_eq!((bytes.len(), pieces.len()), (train.segment, 1));
                left.push((first.to, first.ecn, bytes));
                continue;
            }
            // The kernel cuts it at segments.
            prop_assert!(train.datagrams <= MOST_DATAGRAMS);
            let is_v4 = first.to.is_some_and(|to| to.address.is_ipv4());
            let most = if is_v4 { 65_507 } else { 65_487 };
            prop_assert!(bytes.len() <= most);
            prop_assert_eq!(bytes.len().div_ceil(train.segment), train.datagrams);
            for piece in &pieces {
                let refused = loads[piece.begins.parcel].refused;
                prop_assert!(refused.is_none_or(|refused| train.segment < refused));
            }
            let is_refused = refusal.is_some_and(|it| it.to == first.to && train.segment >= it.segment);
            prop_assert!(!is_refused);
            left.extend(bytes.chunks(train.segment).map(|one| (first.to, first.ecn, one.to_vec())));
        }
        prop_assert_eq!(place, Place { parcel: loads.len(), offset: 0 });
        let left: Vec<_> = left.iter().map(|(to, ecn, one)| (*to, *ecn, one.as_slice())).collect();
        prop_assert!(came.eq(left), "another datagram");
    }
}
