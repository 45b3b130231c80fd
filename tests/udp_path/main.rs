//! Datagrams over an Ethernet, where the loopback interface would hide what goes wrong: packets have at
//! most 1,500 bytes there.
//!
//! It needs root: these tests are reported as ignored where no network can be built, with the reason.
//! `NEARPOINT_FAIL_ON_SKIP=1` makes that a failure.

#[path = "../support/namespace.rs"]
mod namespace;
mod network;
#[path = "../../loadtest/tests/support/skip.rs"]
mod skip;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nearpoint::net::{
    Egress, Fate, Inbox, LocalAddr, Outbox, Parcel, Peer, Segmenting, UdpOptions, bind_udp_group,
    connect_udp,
};
use network::Host;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_send_buffer_size;
use skip::skip;

type Test = fn(&[Host; 2]);

fn main() -> ExitCode {
    let tests: [(&str, Test); 7] = [
        ("datagrams_beyond_the_mtu_pass_in_fragments", datagrams_beyond_the_mtu),
        ("the_refusal_of_a_peer_is_seen_and_what_follows_goes_out", a_refusal),
        ("segments_beyond_the_mtu_are_refused_towards_their_peer_only", one_peer_is_refused),
        ("flows_whose_segments_are_refused_leave_others_alone", one_flow_is_refused),
        ("batches_of_64_datagrams_are_split_right_and_arrive_whole", batches),
        ("what_finds_no_room_has_failed_and_is_not_tried_forever", no_room),
        ("answers_leave_from_the_link_local_address_that_was_asked", link_local),
    ];
    let trials = tests.map(|(name, test)| Trial::ignorable_test(name, move || on_network(test)));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// All tests share one network, in which each has sockets of its own.
fn on_network(test: Test) -> Result<Completion, Failed> {
    static NETWORK: OnceLock<Result<[Host; 2], String>> = OnceLock::new();
    match NETWORK.get_or_init(network::build) {
        Ok(hosts) => {
            test(hosts);
            Ok(Completion::Completed)
        }
        Err(why) => skip(why),
    }
}

fn datagrams_beyond_the_mtu([here, there]: &[Host; 2]) {
    for (family, ip) in [there.v4(), there.v6()].into_iter().enumerate() {
        let server = bind(there, ip);
        let client = connect(here, &server);
        let before = here.fragments()[family];
        let payloads = [3_000, 1_473, 60_000].map(pattern);
        let parcels: Vec<Parcel<'_>> =
            payloads.iter().map(|it| Parcel::new(None, it, it.len())).collect();
        let (fates, _) = send(&client, &parcels);
        assert_eq!(sent(&fates), 3, "{fates:?}");
        assert_eq!(receive(&server, 3).datagrams, payloads, "{ip}");
        let fragments = here.fragments()[family] - before;
        assert!(fragments >= 3 + 2 + 41, "{fragments} fragments: is this an Ethernet?");
    }
}

fn a_refusal([here, there]: &[Host; 2]) {
    for ip in [there.v4(), there.v6()] {
        let server = bind(there, ip);
        let to = address(&server);
        let client = connect(here, &server);
        drop(server);
        let payload = pattern(2_400);
        let parcels = [Parcel::new(None, &payload, 1_200)];
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;

        // To whoever reads.
        send(&client, &parcels);
        wait(&client);
        let error = Inbox::new().receive(&client).expect_err("nobody is there");
        assert!(refused(&error), "{error}");

        // To whoever sends.
        send(&client, &parcels);
        wait(&client);
        let back = there.run(|| UdpSocket::bind(to)).expect("the port is free");
        let (fates, calls) = send(&client, &parcels);
        let [(0, Fate::Failed { datagrams: 0, error }), (0, Fate::Sent { datagrams: 2, .. })] =
            &fates[..]
        else {
            panic!("{fates:?}");
        };
        assert!(refused(error) && calls == 2, "{error}, {calls} calls");
        assert_eq!(back.recv(&mut [0; 2_000]).expect("it went out"), 1_200);
    }
}

fn one_peer_is_refused([here, there]: &[Host; 2]) {
    for (ip, any) in [(there.v4(), "0.0.0.0"), (there.v6(), "::")] {
        let [long, short] = [(); 2].map(|()| bind(there, ip));
        let sender = bind(here, any.parse().expect("an address"));
        let (beyond, within) = (pattern(8_000), pattern(10_300));
        let to = |socket| Some(Peer { address: address(socket), from: None });
        let parcels = [
            Parcel::new(to(&long), &beyond, 3_000),
            Parcel::new(to(&short), &within, 1_200),
            Parcel::new(to(&long), &beyond, 3_000),
            Parcel::new(to(&short), &within, 1_200),
        ];
        let (fates, calls) = send(&sender, &parcels);
        assert_eq!(unsegmented(&fates), [0], "{fates:?}");
        assert_eq!(sent(&fates), 3 + 9 + 3 + 9, "{fates:?}");
        assert_eq!(calls, 2);
        let long = receive(&long, 6);
        assert_eq!(long.datagrams, [cut(&beyond, 3_000), cut(&beyond, 3_000)].concat());
        let short = receive(&short, 18);
        assert_eq!(short.datagrams, [cut(&within, 1_200), cut(&within, 1_200)].concat());
        assert_eq!(short.messages, 2, "the kernel got each of them whole");
    }
}

fn one_flow_is_refused([here, there]: &[Host; 2]) {
    let payload = pattern(6_000);
    let servers = [(); 2].map(|()| bind(there, there.v4()));
    let clients = [connect(here, &servers[0]), connect(here, &servers[1])];
    let mut segmenting = [Segmenting::default(); 2];
    let start = Instant::now();
    let again = start + Duration::from_secs(10);
    let later = start + Duration::from_secs(5);
    // When, segments of the first flow, and whether the kernel is asked in vain.
    for (now, segment, is_refused) in
        [(start, 3_000, true), (later, 3_000, false), (later, 1_400, false), (again, 3_000, true)]
    {
        for (flow, segment) in [segment, 1_000].into_iter().enumerate() {
            let one = Parcel::new(None, &payload, segment);
            let parcels = [Parcel { segmenting: segmenting[flow], ..one }];
            let (fates, calls) = send_at(&clients[flow], &parcels, now);
            let is_refused = is_refused && flow == 0;
            assert_eq!(unsegmented(&fates).len(), usize::from(is_refused), "{fates:?}");
            if is_refused {
                segmenting[flow].refused(segment, now);
            } else {
                assert_eq!(calls, 1);
            }
            let datagrams = payload.len().div_ceil(segment);
            assert_eq!(sent(&fates), datagrams);
            let received = receive(&servers[flow], datagrams);
            assert_eq!(received.datagrams, cut(&payload, segment));
            if segment < 1_500 {
                assert_eq!(received.messages, 1, "it was segmented");
            }
        }
    }
}

fn batches([here, there]: &[Host; 2]) {
    for ip in [there.v4(), there.v6()] {
        let server = bind(there, ip);
        let client = connect(here, &server);
        // Packets of IPv6 have room for 1,452 bytes: longer ones go singly.
        for segment in [1_200, 1_350, 1_452, 1_472] {
            let whole = pattern(64 * segment - 100);
            // As one message, and as they come from senders who know nothing of batches.
            let together = vec![Parcel::new(None, &whole, segment)];
            let singly =
                whole.chunks(segment).map(|one| Parcel::new(None, one, one.len())).collect();
            for parcels in [together, singly] {
                let (fates, calls) = send(&client, &parcels);
                assert_eq!(sent(&fates), 64, "{ip}, {segment}: {fates:?}");
                let is_within = segment <= 1_452 || ip.is_ipv4();
                assert_eq!(calls == 1, is_within, "{ip}, {segment}: {calls} calls");
                let received = receive(&server, 64);
                assert_eq!(received.datagrams, cut(&whole, segment), "{ip}, {segment}");
                if is_within {
                    assert_eq!(received.messages, 2, "as few trains as hold them");
                }
            }
        }
    }
}

fn no_room([here, _]: &[Host; 2]) {
    let sender = bind(here, here.v4());
    set_socket_send_buffer_size(&sender, 1).expect("set");
    // Nobody has this address: what is sent to it waits until that is known, a second at least.
    let absent = Some(Peer { address: "198.18.77.99:9".parse().expect("an address"), from: None });
    let payload = pattern(1_000);
    let parcels = [Parcel::new(absent, &payload, 1_000), Parcel::new(absent, &payload, 300)];
    let parcels: Vec<Parcel<'_>> = parcels.into_iter().cycle().take(100).collect();
    let (fates, calls) = send(&sender, &parcels);
    let mut datagrams = [0; 100];
    let mut failed = 0;
    for (at, fate) in &fates {
        datagrams[*at] += match fate {
            Fate::Sent { datagrams, .. } => *datagrams,
            Fate::Failed { datagrams, error } => {
                let found_no_room = [Some(libc::EAGAIN), Some(libc::ENOBUFS)];
                assert!(found_no_room.contains(&error.raw_os_error()), "{error}");
                failed += 1;
                *datagrams
            }
            Fate::Unsegmented { .. } => {
                panic!("there was room for the first of them only: {fates:?}")
            }
        };
    }
    assert!(datagrams.chunks(2).all(|pair| pair == [1, 4]), "{fates:?}");
    assert!(failed > 90 && calls <= 200, "{failed} failed, {calls} calls");
}

fn link_local([here, there]: &[Host; 2]) {
    let server = bind(there, "::".parse().expect("an address"));
    let port = address(&server).port();
    let scoped = format!("[{}%{}]:{port}", there.link_local(), here.interface());
    let to = scoped.parse().expect("an address");
    let client = here.run(|| connect_udp(to, None, Egress::default())).expect("connected");
    send(&client, &[Parcel::new(None, b"which?", 6)]);
    wait(&server);
    let mut inbox = Inbox::new();
    inbox.receive(&server).expect("received");
    let asked = inbox.message(0);
    let ours = LocalAddr { ip: there.link_local(), interface: there.interface() };
    assert_eq!(asked.local, Some(ours));
    let back = Some(Peer { address: asked.peer, from: asked.local });
    assert_eq!(sent(&send(&server, &[Parcel::new(back, b"this one", 8)]).0), 1);
    // A connected socket hears its peer only.
    assert_eq!(receive(&client, 1).datagrams, [b"this one"]);
}

fn bind(host: &Host, ip: IpAddr) -> UdpSocket {
    let options = UdpOptions { receive_buffer: 4 << 20 };
    let group = host.run(|| bind_udp_group(SocketAddr::new(ip, 0), &options, 1));
    group.expect("bound").remove(0)
}

fn connect(host: &Host, peer: &UdpSocket) -> UdpSocket {
    let peer = address(peer);
    host.run(|| connect_udp(peer, None, Egress::default())).expect("connected")
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("bound")
}

/// Bytes of which no two places look alike.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .flat_map(|at| (at.wrapping_mul(2_654_435_761)).to_be_bytes())
        .take(len)
        .collect()
}

fn cut(payload: &[u8], segment: usize) -> Vec<Vec<u8>> {
    payload.chunks(segment).map(<[u8]>::to_vec).collect()
}

type Fates = Vec<(usize, Fate)>;

/// What was reported, and how many system calls it took.
fn send(socket: &UdpSocket, parcels: &[Parcel<'_>]) -> (Fates, usize) {
    send_at(socket, parcels, Instant::now())
}

fn send_at(socket: &UdpSocket, parcels: &[Parcel<'_>], now: Instant) -> (Fates, usize) {
    let mut fates = Vec::new();
    let report = &mut |at, fate| fates.push((at, fate));
    let calls = Outbox::new().send(socket, parcels, now, report);
    (fates, calls)
}

/// Datagrams that were sent.
fn sent(fates: &Fates) -> usize {
    let sent = fates.iter().map(|(_, fate)| match fate {
        Fate::Sent { datagrams, .. } => *datagrams,
        Fate::Unsegmented { .. } | Fate::Failed { .. } => 0,
    });
    sent.sum()
}

/// Parcels that the kernel has not segmented.
fn unsegmented(fates: &Fates) -> Vec<usize> {
    let refused = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Unsegmented { .. }));
    refused.map(|(at, _)| *at).collect()
}

struct Arrived {
    datagrams: Vec<Vec<u8>>,
    /// How many messages they came in.
    messages: usize,
}

/// What comes, until there are so many datagrams.
fn receive(socket: &UdpSocket, count: usize) -> Arrived {
    let mut inbox = Inbox::new();
    let mut arrived = Arrived { datagrams: Vec::new(), messages: 0 };
    while arrived.datagrams.len() < count {
        wait(socket);
        let received = inbox.receive(socket).expect("received");
        for message in received.messages.map(|at| inbox.message(at)) {
            assert!(!message.is_truncated);
            arrived.datagrams.extend(cut(message.payload, message.segment));
            arrived.messages += 1;
        }
        inbox.clear();
    }
    arrived
}

/// Until there is something to read, or an error.
fn wait(socket: &impl AsFd) {
    let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
    let mut sockets = [PollFd::new(socket, PollFlags::IN)];
    assert_eq!(poll(&mut sockets, Some(&patience)).expect("polled"), 1, "nothing comes");
}
