use std::io;
use std::net::Ipv4Addr;

use super::*;
use crate::net::option::set_option;

#[test]
fn a_train_arrives_as_one_message_and_its_boundaries_are_kept() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = bound(address);
        let to = server.local_addr().expect("bound");
        let client = connect_udp(to, None, Egress::default()).expect("connected");
        let payload: Vec<u8> = (0..12_300_u32).map(|at| (at / 7) as u8).collect();
        let (fates, calls) = send(&client, &[parcel(None, message(&payload, 1_200))]);
        assert!(matches!(fates[..], [(0, Fate::Sent { datagrams: 11, bytes: 12_300 })]));
        assert_eq!(calls, 1);
        wait(&server);
        let mut inbox = Inbox::new();
        inbox.receive(&server).expect("received");
        let received = inbox.message(0);
        assert_eq!((received.segment, received.datagrams()), (1_200, 11));
        assert_eq!(received.payload, payload);

        // And from an inbox to somebody who knows nothing of coalescing.
        let plain = UdpSocket::bind((to.ip(), 0)).expect("bound");
        let relayed = parcel(Some(plain.local_addr().expect("bound")), received);
        assert_eq!(sent(&send(&server, &[relayed]).0), 11);
        let mut datagram = [0; 2_000];
        for expected in payload.chunks(1_200) {
            let len = plain.recv(&mut datagram).expect("received");
            assert_eq!(&datagram[..len], expected);
        }
    }
}

#[test]
fn many_parcels_of_many_peers_go_with_few_calls_and_each_arrives_where_it_should() {
    let sender = bound("0.0.0.0:0");
    let peers = [(); 3].map(|()| bound("127.0.0.1:0"));
    let payloads: Vec<Vec<u8>> = (0..150_usize).map(|n| vec![n as u8; 1 + n * 7]).collect();
    let to = |n: usize| Some(peers[n % 3].local_addr().expect("bound"));
    let parcels: Vec<Parcel<'_>> =
        (0..150).map(|n| parcel(to(n), message(&payloads[n], payloads[n].len()))).collect();
    let (fates, calls) = send(&sender, &parcels);
    assert_eq!(sent(&fates), 150);
    let order: Vec<usize> = fates.iter().map(|(at, _)| *at).collect();
    assert_eq!(order, (0..150).collect::<Vec<_>>(), "each is reported, in order");
    assert_eq!(calls, 3, "64 messages each");
    for (first, peer) in peers.iter().enumerate() {
        let expected: Vec<&Vec<u8>> = payloads.iter().skip(first).step_by(3).collect();
        assert_eq!(datagrams(peer, 50).iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn parcels_of_one_peer_are_joined_into_one_message() {
    let server = bound("127.0.0.1:0");
    let client = connect_udp(server.local_addr().expect("bound"), None, Egress::default())
        .expect("connected");
    let parcels = [parcel(None, message(&[5; 1_000], 1_000)); 64];
    let (fates, calls) = send(&client, &parcels);
    assert_eq!((fates.len(), sent(&fates), calls), (64, 64, 1));
    wait(&server);
    let mut inbox = Inbox::new();
    inbox.receive(&server).expect("received");
    assert_eq!((inbox.len(), inbox.message(0).datagrams()), (1, 64));
}

#[test]
fn empty_datagrams_are_datagrams() {
    let server = bound("127.0.0.1:0");
    let client = connect_udp(server.local_addr().expect("bound"), None, Egress::default())
        .expect("connected");
    let payloads: [&[u8]; 5] = [b"", b"one", b"", b"", b"two"];
    let parcels = payloads.map(|payload| parcel(None, message(payload, payload.len())));
    let (fates, _) = send(&client, &parcels);
    assert_eq!(sent(&fates), 5);
    assert_eq!(datagrams(&server, 5), payloads);
}

#[test]
fn the_longest_datagrams_pass() {
    for (address, longest) in [("127.0.0.1:0", 65_507), ("[::1]:0", 65_527)] {
        let server = bound(address);
        let client = connect_udp(server.local_addr().expect("bound"), None, Egress::default())
            .expect("connected");
        let payload = vec![3; longest];
        let (fates, _) = send(&client, &[parcel(None, message(&payload, longest))]);
        assert_eq!(sent(&fates), 1);
        assert_eq!(datagrams(&server, 1), [payload]);

        let too_long = vec![3; longest + 1];
        let (fates, calls) = send(&client, &[parcel(None, message(&too_long, longest + 1))]);
        let [(0, Fate::Failed { datagrams: 1, error })] = &fates[..] else { panic!("{fates:?}") };
        assert_eq!((error.raw_os_error(), calls), (Some(libc::EMSGSIZE), 2), "{error}");
    }
}

#[test]
fn a_refusal_is_told_at_the_next_send_and_what_is_sent_then_goes_out() {
    let gone = bound("127.0.0.1:0");
    let to = gone.local_addr().expect("bound");
    drop(gone);
    let client = connect_udp(to, None, Egress::default()).expect("connected");
    let one = [parcel(None, message(b"hello", 5))];
    assert_eq!(sent(&send(&client, &one).0), 1);
    let back = UdpSocket::bind(to).expect("bound again");
    let (fates, calls) = send(&client, &one);
    let [(0, Fate::Failed { datagrams: 0, error }), (0, Fate::Sent { datagrams: 1, bytes: 5 })] =
        &fates[..]
    else {
        panic!("{fates:?}");
    };
    assert_eq!((error.kind(), calls), (io::ErrorKind::ConnectionRefused, 2));
    assert_eq!(back.recv(&mut [0; 9]).expect("received"), 5);
}

#[test]
fn all_datagrams_go_out_while_each_of_them_is_refused() {
    let gone = bound("127.0.0.1:0");
    let to = gone.local_addr().expect("bound");
    drop(gone);
    let client = connect_udp(to, None, Egress::default()).expect("connected");
    let payloads: Vec<Vec<u8>> = (1..=70).map(|len| vec![0; len]).collect();
    let parcels: Vec<Parcel<'_>> =
        payloads.iter().map(|it| parcel(None, message(it, it.len()))).collect();
    let (fates, calls) = send(&client, &parcels);
    assert_eq!(sent(&fates), 70);
    assert!(calls <= 140, "{calls}");
    let error = Inbox::new().receive(&client).expect_err("the last was refused as well");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_peer_that_cannot_be_reached_does_not_stop_the_others() {
    let sender = bound("0.0.0.0:0");
    let peer = bound("127.0.0.1:0");
    let good = Some(peer.local_addr().expect("bound"));
    // Nobody said that this socket may: EACCES.
    let bad = Some(SocketAddr::from((Ipv4Addr::BROADCAST, 9)));
    let to = [bad, good, bad, bad, good, bad];
    let parcels = to.map(|to| parcel(to, message(&[1; 2_500], 1_000)));
    let (fates, calls) = send(&sender, &parcels);
    let failed = |at: usize| to[at] == bad;
    for (at, fate) in &fates {
        match fate {
            Fate::Sent { datagrams: 3, bytes: 2_500 } => assert!(!failed(*at)),
            Fate::Failed { datagrams: 3, error } => {
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                assert!(failed(*at));
            }
            Fate::Sent { .. } | Fate::Unsegmented { .. } | Fate::Failed { .. } => {
                panic!("{fate:?}")
            }
        }
    }
    assert_eq!(fates.len(), 6);
    assert!(calls <= 7, "{calls}");
    assert_eq!(datagrams(&peer, 6).len(), 6);
}

#[test]
fn what_the_kernel_does_not_segment_goes_singly() {
    let sender = bound("0.0.0.0:0");
    // Without checksums there is no segmentation: `udp_send_skb` says EINVAL.
    set_option(&sender, libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).expect("set");
    let peer = bound("127.0.0.1:0");
    let to = Some(peer.local_addr().expect("bound"));
    let payload: Vec<u8> = (0..5_500_u32).map(|at| (at / 9) as u8).collect();
    let parcels = [parcel(to, message(&payload, 1_000)), parcel(to, message(&payload, 1_000))];
    let (fates, calls) = send(&sender, &parcels);
    let unsegmented: Vec<usize> = fates
        .iter()
        .filter(|(_, fate)| matches!(fate, Fate::Unsegmented { .. }))
        .map(|(at, _)| *at)
        .collect();
    assert_eq!((unsegmented, sent(&fates)), (vec![0], 12), "told once, and known then: {fates:?}");
    assert_eq!(calls, 2);
    let expected: Vec<&[u8]> = payload.chunks(1_000).chain(payload.chunks(1_000)).collect();
    assert_eq!(datagrams(&peer, 12), expected);

    let mut segmenting = Segmenting::default();
    segmenting.refused(1_000, Instant::now());
    let (fates, calls) = send(&sender, &parcels.map(|parcel| Parcel { segmenting, ..parcel }));
    assert_eq!((fates.len(), sent(&fates), calls), (12, 12, 1), "it is not tried");
}

#[test]
fn every_datagram_of_a_parcel_with_a_prefix_has_it_and_boundaries_are_kept() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = bound(address);
        let to = server.local_addr().expect("bound");
        let client = connect_udp(to, None, Egress::default()).expect("connected");
        let other = bound(address);
        let payload: Vec<u8> = (0..3_000_u32).map(|at| (at / 7) as u8).collect();
        for (socket, to) in [(&client, None), (&other, Some(to))] {
            let train = parcel(to, message(&payload, 700));
            let (single, empty) = (parcel(to, message(b"one", 3)), parcel(to, message(b"", 0)));
            let parcels = [train.after(b"<a>"), single.after(b"<b>"), empty.after(b"<c>"), train];
            let (fates, _) = send(socket, &parcels);
            assert_eq!(sent(&fates), 5 + 1 + 1 + 5, "{fates:?}");
            let arrived = datagrams(&server, 12);
            let chunks = || payload.chunks(700);
            let expected: Vec<Vec<u8>> = chunks()
                .map(|it| [b"<a>", it].concat())
                .chain([b"<b>one".to_vec(), b"<c>".to_vec()])
                .chain(chunks().map(<[u8]>::to_vec))
                .collect();
            assert_eq!(arrived, expected);
        }
        let single = parcel(None, message(b"one", 3)).after(b"<d>");
        let (fates, calls) = send(&client, &[single]);
        assert_eq!((sent(&fates), calls), (1, 1));
        assert_eq!(datagrams(&server, 1), [b"<d>one"]);
        let train = parcel(None, message(&payload, 700)).after(b"<e>");
        let (fates, _) = send(&client, &[train; 40]);
        assert_eq!(sent(&fates), 200, "more than one call takes");
        assert!(datagrams(&server, 200).iter().all(|it| it.starts_with(b"<e>")));
    }
}
