use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::*;

#[test]
fn a_group_shares_one_port_and_its_sockets_share_the_clients() {
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        let options = UdpOptions { receive_buffer: 1 << 18 };
        let address: SocketAddr = address.parse().expect("an address of the test");
        let group = bind_udp_group(address, &options, 2).expect("a group");
        assert_eq!(port(&group[0]), port(&group[1]));
        let ip = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
        let ip: IpAddr = ip.parse().expect("an address of the test");
        let to = SocketAddr::new(ip, port(&group[0]));
        // 64 clients fall to one of two sockets once in 2^63.
        let clients: Vec<UdpSocket> =
            (0..64).map(|_| connect_udp(to, None, Egress::default()).expect("connected")).collect();
        for client in &clients {
            client.send(b"hello").expect("sent");
        }
        let mut inboxes = [Inbox::new(), Inbox::new()];
        while inboxes.iter().map(Inbox::len).sum::<usize>() < clients.len() {
            for (inbox, socket) in inboxes.iter_mut().zip(&group) {
                inbox.receive(socket).expect("received");
            }
        }
        assert!(inboxes.iter().all(|inbox| !inbox.is_empty()), "{address}");
    }
}

#[test]
fn the_port_of_a_group_is_nobody_elses() {
    let socket = bound("127.0.0.1:0");
    let taken = UdpSocket::bind(socket.local_addr().expect("bound")).expect_err("it is taken");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    // Nor that of another group, though the kernel would let them share it: of 400 ports that are
    // chosen at random among 28,000, two are most likely the same.
    let groups: Vec<UdpSocket> = (0..400).map(|_| bound("127.0.0.9:0")).collect();
    let ports: BTreeSet<u16> = groups.iter().map(port).collect();
    assert_eq!(ports.len(), groups.len());
    let foreign = "192.0.2.1:0".parse().expect("an address of the test");
    let error = bind_udp_group(foreign, &UdpOptions { receive_buffer: 1 << 18 }, 1)
        .expect_err("it is not ours");
    assert!(error.to_string().starts_with("cannot bind 192.0.2.1:0: "), "{error}");
}

#[test]
fn a_receive_buffer_is_what_the_kernel_says_it_is() {
    let socket = bound("127.0.0.1:0");
    // As much as every system grants, and more than any can.
    assert_eq!(set_receive_buffer(&socket, 100_000).expect("set"), 100_000);
    let most = set_receive_buffer(&socket, usize::MAX).expect("set");
    assert!(most >= 100_000);
    let told = socket2::SockRef::from(&socket).recv_buffer_size().expect("told");
    assert_eq!(told / 2, most);
}

#[test]
fn what_is_empty_is_drained_and_what_is_full_is_not() {
    let server = bound("127.0.0.1:0");
    let client = connect_udp(server.local_addr().expect("bound"), None, Egress::default())
        .expect("connected");
    let mut inbox = Inbox::new();
    let nothing = inbox.receive(&server).expect("no error");
    assert_eq!(nothing, Received { messages: 0..0, drained: true });
    // Alone each: unequal ones are not coalesced.
    let send = |byte: u8| client.send(&vec![byte; 1 + usize::from(byte)]).expect("sent");
    send(0);
    wait(&server);
    let first = inbox.receive(&server).expect("received");
    assert_eq!(first, Received { messages: 0..1, drained: true });
    for byte in 1..70 {
        send(byte);
    }
    // Loopback delivers before it returns.
    let others = inbox.receive(&server).expect("received");
    assert_eq!(others, Received { messages: 1..64, drained: false });
    assert_eq!((inbox.free(), inbox.len()), (0, 64));
    let full = inbox.receive(&server).expect("no error");
    assert_eq!(full, Received { messages: 64..64, drained: false });
    for at in 0..64 {
        assert_eq!(inbox.message(at).payload, vec![at as u8; 1 + at], "its place is its own");
    }
    inbox.clear();
    let rest = inbox.receive(&server).expect("received");
    assert_eq!(rest, Received { messages: 0..6, drained: true });
    assert_eq!(inbox.message(5).payload, [69; 70]);
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    for (bind, targets) in [("0.0.0.0:0", ["127.0.0.2", "127.0.0.3"]), ("[::]:0", ["::1", "::1"])] {
        let server = bound(bind);
        let mut inbox = Inbox::new();
        let clients = targets.map(|target| {
            let target: IpAddr = target.parse().expect("an address of the test");
            let to = SocketAddr::new(target, port(&server));
            let client = connect_udp(to, None, Egress::default()).expect("connected");
            client.send(b"which?").expect("sent");
            wait(&server);
            let before = inbox.len();
            inbox.receive(&server).expect("received");
            let message = inbox.message(before);
            assert_eq!(message.peer, client.local_addr().expect("connected"));
            assert_eq!(message.local, Some(LocalAddr { ip: target, interface: 0 }));
            assert!(message.is_unicast);
            client
        });
        let answers = [b"one".as_slice(), b"two"];
        let parcels: Vec<Parcel<'_>> = (0..2)
            .map(|at| {
                let Message { peer, local, .. } = inbox.message(at);
                let to = Some(Peer { address: peer, from: local });
                Parcel { to, ..parcel(None, message(answers[at], 3)) }
            })
            .collect();
        assert_eq!(sent(&send(&server, &parcels).0), 2);
        for (client, answer) in clients.iter().zip(answers) {
            // A connected socket hears its peer only.
            assert_eq!(datagrams(client, 1), [answer]);
        }
    }
}

#[test]
fn what_is_sent_to_everybody_is_told_from_what_is_sent_to_us() {
    let server = bound("0.0.0.0:0");
    let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
    client.set_broadcast(true).expect("set");
    client.send_to(b"all", ("127.255.255.255", port(&server))).expect("sent");
    wait(&server);
    let mut inbox = Inbox::new();
    inbox.receive(&server).expect("received");
    let message = inbox.message(0);
    assert!(!message.is_unicast);
    let ours = message.local.expect("told").ip;
    assert_eq!(ours, "127.0.0.1".parse::<IpAddr>().expect("an address of the test"));
}

#[test]
fn congestion_is_told_and_passed_on() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = bound(address);
        let to = server.local_addr().expect("bound");
        let connected = connect_udp(to, None, Egress::default()).expect("connected");
        let unconnected = bound(address);
        let mut seen = BTreeSet::new();
        for bits in 0..4 {
            let ecn = Ecn::of_traffic_class(bits | 0b1011_1000);
            assert_eq!(ecn.bits(), bits);
            // One datagram, and several that are coalesced.
            for payload in [&[1; 900][..], &[1; 2_000]] {
                let message = Message { ecn, ..message(payload, 1_000) };
                send(&connected, &[parcel(None, message)]);
                send(&unconnected, &[parcel(Some(to), message)]);
                let mut inbox = Inbox::new();
                while inbox.len() < 2 {
                    wait(&server);
                    inbox.receive(&server).expect("received");
                }
                for at in 0..2 {
                    let received = inbox.message(at);
                    assert_eq!((received.ecn, received.payload), (ecn, payload), "{address}");
                    seen.insert(received.ecn.bits());
                }
            }
        }
        assert_eq!(seen.len(), 4);
    }
}

#[test]
fn a_refusal_is_an_error_of_the_next_receive_and_what_came_before_it_is_not_lost() {
    let gone = bound("127.0.0.1:0");
    let to = gone.local_addr().expect("bound");
    let client = connect_udp(to, None, Egress::default()).expect("connected");
    let answer = parcel(Some(client.local_addr().expect("connected")), message(b"first", 5));
    send(&gone, &[answer]);
    wait(&client);
    drop(gone);
    client.send(b"anybody?").expect("sent");
    let mut inbox = Inbox::new();
    let error = inbox.receive(&client).expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let received = inbox.receive(&client).expect("told once");
    assert_eq!(received, Received { messages: 0..1, drained: true });
    assert_eq!(inbox.message(0).payload, b"first");
}

#[test]
fn a_socket_leaves_from_the_source_that_it_is_given() {
    let server = bound("127.0.0.1:0");
    let to = server.local_addr().expect("bound");
    let source = "127.0.0.7".parse().expect("an address of the test");
    let client = connect_udp(to, Some(source), Egress::default()).expect("connected");
    assert_eq!(client.local_addr().expect("connected").ip(), source);
    assert_eq!(client.peer_addr().expect("connected"), to);
    let foreign = "192.0.2.1".parse().expect("an address of the test");
    assert!(connect_udp(to, Some(foreign), Egress::default()).is_err());
}
