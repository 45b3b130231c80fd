//! The addresses that probes leave from.

use std::net::UdpSocket;

use super::*;
use crate::routing::topology::UdpProbe;

#[tokio::test]
async fn probes_leave_from_the_first_address_that_has_a_port() {
    for (service, source) in [("127.0.0.1:0", "127.0.0.3"), ("[::1]:0", "::1")] {
        let source: IpAddr = source.parse().expect("an address of the test");
        // No addresses of this host (RFC 5737, RFC 3849).
        let gone = if source.is_ipv4() { "203.0.113.1" } else { "2001:db8::1" };
        let gone: IpAddr = gone.parse().expect("an address of the test");
        let listener = TcpListener::bind(service).await.expect("a listener");
        let address = DialAddress::tcp(listener.local_addr().expect("bound"));
        for conversation in [Conversation::Connect, for_page()] {
            let accepting = async {
                let (mut stream, peer) = listener.accept().await.expect("a probe");
                if conversation != Conversation::Connect {
                    question(&mut stream).await;
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
                }
                (stream, peer)
            };
            let sources = [gone, source];
            let probing = probe_from(&sources, address, conversation.clone(), PATIENT);
            let ((report, _), (_, peer)) = tokio::join!(probing, accepting);
            assert!(report.outcome.is_ok(), "{report:?}");
            assert_eq!(peer.ip(), source);
        }
        let socket = UdpSocket::bind(service).expect("a port");
        let address = DialAddress::udp(socket.local_addr().expect("bound"));
        let asking = UdpProbe { send: b"?".as_slice().into(), expect: Box::default() };
        let serving = tokio::task::spawn_blocking(move || {
            let (_, peer) = socket.recv_from(&mut [0; 8]).expect("a question");
            socket.send_to(b"!", peer).expect("sent");
            peer
        });
        let conversation = Conversation::Datagram(asking.into());
        let (report, _) = probe_from(&[gone, source], address, conversation, PATIENT).await;
        assert!(report.outcome.is_ok(), "{report:?}");
        assert_eq!(serving.await.expect("served").ip(), source);
    }
}
