//! What probes say before they ask, where a PROXY header is expected.

use std::net::UdpSocket;

use super::*;
use crate::routing::topology::UdpProbe;

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";

fn versions() -> [(Option<SendProxy>, &'static [u8]); 3] {
    [(None, b""), (Some(SendProxy::V1), UNKNOWN), (Some(SendProxy::V2), LOCAL)]
}

#[tokio::test]
async fn a_probe_that_only_connects_says_that_it_is_nobodys_client() {
    for (send_proxy, header) in versions() {
        let (listener, address) = listening().await;
        let accepting = async {
            let (mut stream, _) = listener.accept().await.expect("a probe");
            let mut heard = Vec::new();
            // It ends with a reset.
            let _ = stream.read_to_end(&mut heard).await;
            heard
        };
        let (route, address) = ((&[] as &[IpAddr], send_proxy), DialAddress::tcp(address));
        let probing = probe_in_full(route, address, Conversation::Connect, PATIENT);
        let ((report, _), heard) = tokio::join!(probing, accepting);
        assert!(report.outcome.is_ok(), "{report:?}");
        assert_eq!(heard, header);
    }
}

#[tokio::test]
async fn a_question_follows_the_header_unless_it_is_asked_at_a_port_of_its_own() {
    for (send_proxy, header) in versions() {
        for own_port in [false, true] {
            let (listener, address) = listening().await;
            let (_other, elsewhere) = listening().await;
            let port = own_port.then_some(address.port());
            let dialled = if own_port { elsewhere } else { address };
            let page = HttpProbe { port, ..page() };
            let accepting = async {
                let (mut stream, _) = listener.accept().await.expect("a probe");
                let mut heard = vec![0; if own_port { 0 } else { header.len() }];
                stream.read_exact(&mut heard).await.expect("a header");
                let asked = question(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
                (heard, asked, stream)
            };
            let conversation = Conversation::Http(page.into());
            let (route, dialled) = ((&[] as &[IpAddr], send_proxy), DialAddress::tcp(dialled));
            let probing = probe_in_full(route, dialled, conversation, PATIENT);
            let ((report, _), (heard, asked, _)) = tokio::join!(probing, accepting);
            assert!(report.outcome.is_ok(), "{report:?}");
            assert!(heard == if own_port { b"" } else { header } && asked.starts_with("GET / "));
        }
    }
}

#[tokio::test]
async fn a_datagram_has_header_and_question() {
    for (send_proxy, header) in [(None, &b""[..]), (Some(SendProxy::V2), LOCAL)] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = DialAddress::udp(socket.local_addr().expect("bound"));
        let asking = UdpProbe { send: b"who?".as_slice().into(), expect: b"me".as_slice().into() };
        let serving = tokio::task::spawn_blocking(move || {
            let mut asked = [0; 64];
            let (length, peer) = socket.recv_from(&mut asked).expect("a question");
            socket.send_to(b"me", peer).expect("sent");
            asked[..length].to_vec()
        });
        let conversation = Conversation::Datagram(asking.into());
        let (report, _) = probe_in_full((&[], send_proxy), address, conversation, PATIENT).await;
        assert!(report.outcome.is_ok(), "{report:?}");
        assert_eq!(serving.await.expect("served"), [header, b"who?"].concat());
    }
}
