//! The stub as a client of UDP meets it.

use super::*;
use tokio::net::UdpSocket;

fn udp(service: UdpService) -> (StubDc, SocketAddr) {
    stub(Service::Udp(service))
}

async fn client(at: SocketAddr) -> UdpSocket {
    let any: SocketAddr = if at.is_ipv6() { "[::1]:0" } else { "127.0.0.1:0" }.parse().unwrap();
    let socket = UdpSocket::bind(any).await.unwrap();
    socket.connect(at).await.unwrap();
    socket
}

async fn receive(client: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 * 1024];
    let bytes = timeout(PATIENCE, client.recv(&mut buffer)).await.expect("a datagram")?;
    buffer.truncate(bytes);
    Ok(buffer)
}

async fn ask(client: &UdpSocket, question: &[u8]) -> Vec<u8> {
    client.send(question).await.unwrap();
    receive(client).await.unwrap()
}

/// A question that is met by "port unreachable", as later ones on the socket tell.
async fn assert_unreachable(client: &UdpSocket) {
    client.send(b"anybody?").await.unwrap();
    let refused = receive(client).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn echo_returns_datagrams_of_every_size_one_by_one() {
    for host in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let stub =
            StubDc::bind(2, &[(host.parse().unwrap(), Service::Udp(UdpService::Echo))]).unwrap();
        let at = stub.local_addrs()[0];
        let client = client(crate::stub::port::reachable(at)).await;
        for bytes in [0, 1, 200, 1472, 3000, 65_000] {
            let question = vec![bytes as u8; bytes];
            assert_eq!(ask(&client, &question).await, question, "{host} {bytes}");
        }
        let counts = stub.counts(at).unwrap();
        assert_eq!((counts.datagrams_in, counts.datagrams_out, counts.udp_clients), (6, 6, 1));
        assert_eq!((counts.bytes_in, counts.bytes_out), (69_673, 69_673));
        assert_eq!((counts.accepted, counts.open), (0, 0));
    }
}

#[tokio::test]
async fn who_says_who_answers_whom_and_what_was_asked() {
    let (_stub, at) = udp(UdpService::Who);
    for connection in 1..=3 {
        let client = client(at).await;
        let peer = client.local_addr().unwrap();
        let expected = Whoami { dc: 2, access_point: at, peer, connection, announced: None };
        for question in [&b"hello"[..], b"", b"two\nlines"] {
            let answer = ask(&client, question).await;
            assert_eq!(Whoami::split(&answer), Some((expected.clone(), question)));
        }
    }
    for other in [&b""[..], b"hello", b"hello\n", b"{}\nhello"] {
        assert_eq!(Whoami::split(other), None);
    }
}

#[tokio::test]
async fn sink_counts_everything_and_tells_numbered_clients_what_it_has_received() {
    let (stub, at) = udp(UdpService::Sink);
    let (first, second) = (client(at).await, client(at).await);
    // The 3rd does not arrive.
    for number in (0..17_u64).filter(|number| *number != 2) {
        first.send(&number.to_le_bytes()).await.unwrap();
        second.send(b"unnumb.").await.unwrap();
    }
    let receipt = Receipt::from_bytes(&receive(&first).await.unwrap());
    assert_eq!(receipt, Some(Receipt { next: 17, received: 16 }));
    let counts = until(&stub, at, |counts| counts.datagrams_in == 32).await;
    assert_eq!((counts.datagrams_out, counts.udp_clients), (1, 2));
    assert_eq!(counts.bytes_in, 16 * 15);
    for other in [&b""[..], &[0; 8], &[0; 17]] {
        assert_eq!(Receipt::from_bytes(other), None);
    }
}

#[tokio::test]
async fn source_sends_as_much_as_it_has_credit_for() {
    let (stub, at) = udp(UdpService::Source);
    let client = client(at).await;
    let mut expected = 0_u64;
    // Credit that was given before is none.
    for credit in [3_u64, 2, 70, 70, 71] {
        client.send(&credit.to_le_bytes()).await.unwrap();
        for number in expected..credit {
            let datagram = receive(&client).await.unwrap();
            assert_eq!((datagram.len(), number_of(&datagram)), (BULK_DATAGRAM, Some(number)));
        }
        expected = expected.max(credit);
    }
    client.send(b"?").await.unwrap();
    until(&stub, at, |counts| counts.datagrams_in == 6).await;
    // Endless credit is credit for so many.
    client.send(&u64::MAX.to_le_bytes()).await.unwrap();
    until(&stub, at, |counts| counts.datagrams_out == 71 + 4096).await;
}

#[tokio::test]
async fn refusing_access_point_is_unreachable_and_comes_back_on_its_port() {
    for host in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let stub =
            StubDc::bind(2, &[(host.parse().unwrap(), Service::Udp(UdpService::Echo))]).unwrap();
        let at = stub.local_addrs()[0];
        let client = client(crate::stub::port::reachable(at)).await;
        ask(&client, b"served").await;
        stub.kill(at).await.unwrap();
        for _ in 0..3 {
            assert_unreachable(&client).await;
        }
        StubDc::bind(3, &[(at, Service::Udp(UdpService::Echo))]).expect_err("the port is kept");
        stub.set_fault(at, Fault::None).await.unwrap();
        assert_eq!(ask(&client, b"healed").await, b"healed", "{host}");
    }
}

#[tokio::test]
async fn mute_access_point_counts_what_it_does_not_answer() {
    for service in UdpService::ALL {
        let (stub, at) = udp(service);
        let client = client(at).await;
        stub.set_fault(at, Fault::Mute).await.unwrap();
        for number in 0..20_u64 {
            client.send(&(number + 1).to_le_bytes()).await.unwrap();
        }
        let counts = until(&stub, at, |counts| counts.datagrams_in == 20).await;
        assert_eq!(counts.datagrams_out, 0, "{service}");
        stub.set_fault(at, Fault::None).await.unwrap();
        for number in 20..40_u64 {
            client.send(&(number + 1).to_le_bytes()).await.unwrap();
        }
        receive(&client).await.unwrap();
    }
}

#[tokio::test]
async fn access_point_without_power_is_silent_and_answers_nothing_of_that_time_later() {
    let (stub, at) = udp(UdpService::Who);
    let client = client(at).await;
    stub.set_fault(at, Fault::Drop).await.unwrap();
    client.send(b"in the dark").await.unwrap();
    stub.set_fault(at, Fault::None).await.unwrap();
    let answer = ask(&client, b"in the light").await;
    assert_eq!(Whoami::split(&answer).unwrap().1, b"in the light");
    assert_eq!(stub.counts(at).unwrap().datagrams_in, 1);
}

#[tokio::test]
async fn slow_answers_come_in_order_and_not_before_their_time() {
    let (stub, at) = udp(UdpService::Echo);
    let late = Duration::from_millis(60);
    stub.set_fault(at, Fault::Slow(late)).await.unwrap();
    let client = client(at).await;
    let began = Instant::now();
    for question in [b"1", b"2", b"3"] {
        client.send(question).await.unwrap();
    }
    for question in [b"1", b"2", b"3"] {
        assert_eq!(receive(&client).await.unwrap(), question);
    }
    assert!(began.elapsed() >= late);
}

#[tokio::test]
async fn lossy_access_point_loses_its_share_evenly() {
    let (stub, at) = udp(UdpService::Echo);
    let lost: [(u8, &[u8]); 4] =
        [(0, &[]), (30, &[4, 7, 10]), (50, &[2, 4, 6, 8, 10]), (90, &[2, 3, 4, 5, 6, 7, 8, 9, 10])];
    for (percent, lost) in lost {
        stub.set_fault(at, Fault::Loss(percent)).await.unwrap();
        let client = client(at).await;
        for number in 1..=11_u8 {
            client.send(&[number]).await.unwrap();
        }
        for number in (1..=11).filter(|number| !lost.contains(number)) {
            assert_eq!(receive(&client).await.unwrap(), [number], "{percent}");
        }
    }
}

#[tokio::test]
async fn tcp_and_udp_at_one_address_are_counted_and_fail_together_and_two_stubs_apart() {
    let tcp = StubDc::bind(2, &[(loopback(), Service::Echo)]).unwrap();
    let at = tcp.local_addrs()[0];
    let datagrams = StubDc::bind(2, &[(at, Service::Udp(UdpService::Echo))]).unwrap();
    let socket = client(at).await;
    datagrams.set_fault(at, Fault::Refuse).await.unwrap();
    assert_unreachable(&socket).await;
    super::ask(&mut TcpStream::connect(at).await.unwrap(), b"served").await;
    datagrams.shutdown().await;
    tcp.shutdown().await;

    let services = [Service::Echo, Service::Udp(UdpService::Echo)];
    let both = StubDc::bind(2, &services.map(|service| (at, service))).unwrap();
    ask(&socket, b"a datagram").await;
    super::ask(&mut TcpStream::connect(at).await.unwrap(), b"a stream").await;
    let counts = both.counts(at).unwrap();
    assert_eq!((counts.accepted, counts.datagrams_in, counts.bytes_in), (1, 1, 18));
    assert_eq!(both.total(), counts);
    both.kill(at).await.unwrap();
    assert_unreachable(&socket).await;
    assert_refused(at).await;
}
