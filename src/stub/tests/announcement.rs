//! The stub that wants to be told who comes.

use super::*;
use crate::proxy_protocol::{Announced, Details, Transport, v1, v2};
use tokio::net::UdpSocket;

fn expecting(service: Service) -> (StubDc, SocketAddr) {
    let setup = Setup { expects_header: true, ..Setup::default() };
    let stub = StubDc::bind_with(setup, 2, &[(loopback(), service)]).unwrap();
    let at = stub.local_addrs()[0];
    (stub, at)
}

fn client() -> (Announced, Announcement) {
    let (source, destination) =
        ("203.0.113.7:5".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
    let said =
        Announcement { source: Some(source), destination: Some(destination), ..Default::default() };
    (Announced::Client { source, destination }, said)
}

async fn who(at: SocketAddr, header: &[u8]) -> (Whoami, BufReader<TcpStream>) {
    let mut client = BufReader::new(TcpStream::connect(at).await.unwrap());
    client.write_all(header).await.unwrap();
    let mut line = String::new();
    timeout(PATIENCE, client.read_line(&mut line)).await.expect("an answer").unwrap();
    (serde_json::from_str(&line).unwrap(), client)
}

#[tokio::test]
async fn who_says_whom_a_header_announced_and_what_follows_is_the_clients() {
    let (stub, at) = expecting(Service::Who);
    let (announced, said) = client();
    let details =
        Details { unique_id: b"a1", country: Some("NL"), dc: 2, listener: "clients", edge: "e" };
    let in_detail = Announcement {
        version: 2,
        unique_id: Some("a1".to_owned()),
        country: Some("NL".to_owned()),
        dc: Some(2),
        listener: Some("clients".to_owned()),
        edge: Some("e".to_owned()),
        ..said.clone()
    };
    let nobody = Announcement::default();
    for (header, expected) in [
        (v1(&announced), Announcement { version: 1, ..said }),
        (v2(Transport::Stream, &announced, Some(&details)), in_detail),
        (v1(&Announced::Nobody), Announcement { version: 1, ..nobody.clone() }),
        (
            v2(Transport::Stream, &Announced::Neighbour, None),
            Announcement { version: 2, is_local: true, ..nobody },
        ),
    ] {
        let sent = [&header[..], b"payload"].concat();
        let (whoami, mut client) = who(at, &sent).await;
        assert_eq!(whoami.announced, Some(expected));
        let mut echo = [0; 7];
        timeout(PATIENCE, client.read_exact(&mut echo)).await.expect("an echo").unwrap();
        assert_eq!(&echo, b"payload");
    }
    let received = until(&stub, at, |counts| counts.bytes_in == 4 * 7).await;
    assert_eq!(received.accepted, 4);
}

#[tokio::test]
async fn who_comes_without_a_header_is_reset() {
    let (_stub, at) = expecting(Service::Who);
    let mut client = TcpStream::connect(at).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let end = timeout(PATIENCE, client.read(&mut [0; 9])).await.expect("an end");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn every_datagram_has_a_header_and_those_without_are_lost() {
    let (stub, at) = expecting(Service::Udp(UdpService::Who));
    let socket = UdpSocket::bind(loopback()).await.unwrap();
    socket.connect(at).await.unwrap();
    let (announced, said) = client();
    socket.send(b"lost").await.unwrap();
    socket.send(&[&v1(&announced)[..], b"lost"].concat()).await.unwrap();
    let header = v2(Transport::Datagram, &announced, None);
    for payload in [&b"asked"[..], b""] {
        socket.send(&[&header, payload].concat()).await.unwrap();
        let mut answer = vec![0; 2048];
        let length = timeout(PATIENCE, socket.recv(&mut answer)).await.expect("an answer").unwrap();
        let (whoami, asked) = Whoami::split(&answer[..length]).expect("who");
        let expected = Announcement { version: 2, is_datagram: true, ..said.clone() };
        assert_eq!((whoami.announced, asked), (Some(expected), payload));
    }
    assert_eq!(stub.counts(at).unwrap().datagrams_in, 2);
}
